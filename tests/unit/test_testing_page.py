"""docs/testing.md and the files for CI that it names say what is there."""

import re
from pathlib import Path

import pytest

from disio.testing import plugin

DOCS = Path(__file__).parents[2] / "docs"


def test_everything_that_the_plugin_offers_is_on_the_page() -> None:
    """Fixtures, the marker and the option are told."""
    page = (DOCS / "testing.md").read_text()
    for name in ("disio_grid", "disio_browser", "disio_unit"):
        assert hasattr(plugin, name)
        assert f"`{name}`" in page
    assert "@pytest.mark.disio(" in page
    assert "--disio-browser" in page


@pytest.mark.parametrize("name", ["github-actions.yml", "units.sh"])
def test_both_recipes_for_ci_do_the_same(name: str) -> None:
    """The package with its extra, a browser, pytest with a report."""
    text = (DOCS / "ci" / name).read_text()
    for step in (
        r'pip install --upgrade pip[^&]*pip install "disio\[testing\]"',
        r"playwright install (--with-deps )?chromium",
        "pytest --junitxml",
    ):
        assert re.search(step, text), step
