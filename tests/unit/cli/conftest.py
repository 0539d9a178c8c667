"""The real command, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def disio() -> Run:
    """Run ``disio`` with arguments; its status and what it wrote."""

    def run(*arguments: object, **variables: str) -> "subprocess.CompletedProcess[str]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DISIO_")}
        return subprocess.run(
            [sys.executable, "-m", "disio", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**environment, "COLUMNS": "100", **variables},
        )

    return run
