"""The real command, in a process of its own, alone and as somebody uses it who has a grid."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from disio.bundle import load
from disio.errors import BundleError
from disio.testing import Grid

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


@pytest.fixture(scope="session")
def bundle() -> None:
    """Skips where there is no bundle, which a distributor needs."""
    try:
        load()
    except BundleError as error:
        pytest.skip(f"no bundle: {error}")


class Desk:
    """The command, told where a grid is, and a unit to work with."""

    def __init__(self, run: Run, url: str, unit: Path) -> None:
        self.unit = unit
        self.url = url
        self._run = run

    async def __call__(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """Run the command to its end."""
        # In a thread, because volunteers work in this process's event loop.
        return await asyncio.to_thread(self._run, *arguments, DISIO_URL=self.url)

    async def computed(self, count: int, *more: object) -> dict[str, Any]:
        """A task that has ended."""
        told = await self("submit", self.unit, "-p", f"count={count}", *more, "--wait", "--json")
        task: dict[str, Any] = json.loads(told.stdout)
        return task

    async def submitted(self, count: int, *more: object) -> str:
        """The id of a task that was just submitted."""
        told = await self("submit", self.unit, "-p", f"count={count}", *more)
        assert told.returncode == 0, told.stderr
        return told.stdout.strip()

    async def why(self, task: str, index: int) -> tuple[str, dict[str, Any]]:
        """Why an answer is believed, or not: as text, and as JSON."""
        text = await self("results", task, "--why", index)
        assert text.returncode == 0, text.stderr
        told = await self("results", task, "--why", index, "--json")
        ballot: dict[str, Any] = json.loads(told.stdout)
        assert text.stdout.startswith(f"payload {index}: ")
        assert ballot["reason"] in " ".join(text.stdout.split())
        assert (ballot["task"], ballot["index"]) == (task, index)
        return text.stdout, ballot


@pytest.fixture
def desk(disio: Run, grid: Grid, tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    """The command with its module's grid and unit."""
    unit = tmp_path / "squares.py"
    unit.write_text(request.module.UNIT)
    return Desk(disio, grid.client.url, unit)
