"""What tests with packages share: a cache in the checkout, and a mirror of Pyodide's distribution if there is one."""

import os
from pathlib import Path

import pytest

from disio.bundle.distribution import MIRROR
from disio.client.caching import VARIABLE

CHECKOUT = Path(__file__).parents[1]
BESIDE = CHECKOUT.parent / "shared" / "packages"
"""Where wheels of the distribution may lie, beside the checkout."""


def use_cache(patch: pytest.MonkeyPatch) -> None:
    """Keep what is prepared from one run of the tests to the next, and look into the mirror beside the checkout."""
    patch.setenv(VARIABLE, str(CHECKOUT / ".cache" / "packages"))
    if not os.environ.get(MIRROR) and BESIDE.is_dir():
        patch.setenv(MIRROR, str(BESIDE))
