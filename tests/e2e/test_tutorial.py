"""The tutorial, followed step by step: the files and commands on its page, a real grid, a real Chromium, a figure."""

import asyncio
import importlib.util
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import nbformat
import numpy as np
import pytest
import pytest_asyncio
from nbclient import NotebookClient

from disio import Client
from disio.bundle import load
from disio.bundle.distribution import Distribution
from disio.client.caching import cache_folder
from disio.errors import BrowserError, BundleError
from disio.testing import Process, find_browser
from tests.packages import CHECKOUT, use_cache

DOCS = CHECKOUT / "docs"
FILES = DOCS / "tutorial"
BLOCKS = re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", (DOCS / "tutorial.md").read_text(), re.DOTALL | re.MULTILINE)
FREE_PORTS = ("--dashboard-port", "0", "--distributor-port", "0", "--manager-port", "0")
WRITTEN_URL = "http://127.0.0.1:7701"

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(420)]


async def test_the_page_shows_the_files() -> None:
    """What is read on the page is what lies beside it."""
    shown = {kind.removeprefix("file="): text for _, kind, text in BLOCKS if kind.startswith("file=")}
    assert shown == {path.name: path.read_text() for path in FILES.glob("*.py")}


@dataclass
class Study:
    """The reader's folder, with a grid and a volunteer; both started by the commands of the page."""

    folder: Path
    environment: dict[str, str]

    async def run(self, command: str) -> tuple[int, str]:
        """A command of the page in a shell; its status and what it said."""
        child = await asyncio.create_subprocess_shell(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = await child.communicate()
        return child.returncode or 0, said.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def study(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Study]:
    """Everything of the page that goes on while the steps are made."""
    with pytest.MonkeyPatch.context() as patch:
        use_cache(patch)
        try:
            find_browser("chromium")
            distribution = Distribution(load(), cache_folder() / "distribution")
            for package in distribution.closure(["numpy"]):
                distribution.fetch(package)
        except (BrowserError, BundleError) as error:
            pytest.skip(f"the tutorial cannot be followed: {error}")
        folder = tmp_path_factory.mktemp("study")
        for _, kind, text in BLOCKS:
            if kind.startswith("file="):
                (folder / kind.removeprefix("file=")).write_text(text)
        up, volunteer = (text.split()[1:] for _, kind, text in BLOCKS if kind == "serve")
        grid = Process([*up, *FREE_PORTS, "--data", str(folder / "grid")], folder / "up.log")
        volunteers = None
        try:
            await grid.start()
            address = grid.ready["distributor"]
            assert volunteer[-1] == WRITTEN_URL
            volunteers = await Process([*volunteer[:-1], address], folder / "volunteer.log").start()
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            ours = {"PATH": path, "DISIO_URL": grid.ready["dashboard"], "MPLBACKEND": "agg", "COLUMNS": "120"}
            yield Study(folder, {**os.environ, **ours})
        finally:
            if volunteers is not None:
                await volunteers.stop()
            await grid.stop()


async def test_every_step(study: Study) -> None:
    """From the first try to the reason why a payload failed: each says what the page promises."""
    steps = [(kind, line) for _, kind, text in BLOCKS if kind in ("step", "fails") for line in text.splitlines()]
    said = []
    for kind, line in steps:
        status, text = await study.run(line)
        assert (status == 0) == (kind == "step"), f"{line}\n{text}"
        said.append(text)
    local, tested, studied, listed, _, failed, explained = said
    magnetisations = [float(value) for value in re.findall(r'"magnetisation": ([\d.]+)', local)]
    assert magnetisations[0] == pytest.approx(0.911, abs=0.01)
    assert magnetisations[1] < 0.3
    assert "the same everywhere" in tested
    assert re.search(r"48 results; the order ends at T = 2\.(2[2-9]|3[01])", studied), studied
    assert "48 / 48" in listed
    assert "1 failed" in failed
    assert "disio explain" in failed
    for part in ("1 payload failed, in one way", "ising.py:51 in sweep_once", "could not be broadcast", "chrome"):
        assert part in explained
    # The text of the page: figures and browsers differ from machine to machine.
    promised = next(text for _, kind, text in BLOCKS if not kind and "1 payload failed" in text)
    for shown in promised.splitlines():
        assert shown.strip()[:60] in explained or "volunteer (" in shown, shown
    traceback = explained.partition("Traceback")[2].partition("What helps")[0]
    for told in traceback.splitlines():
        assert told.rstrip() in promised, told


async def test_numbers_and_figure(study: Study) -> None:
    """What browsers measured agrees with what is known exactly; the figure is a picture that shows it."""
    theory = module(study.folder / "theory.py")
    with sqlite3.connect(study.folder / "ising.sqlite") as database:
        assert database.execute("SELECT count(*) FROM results").fetchone() == (48,)
    with Client(study.environment["DISIO_URL"]) as client:
        task = next(task for task in client.tasks() if task.payloads == 48)
        values = [result.value for result in task.results()]
    assert theory.energy(1e-3) == pytest.approx(-2)
    assert theory.energy(theory.CRITICAL) == pytest.approx(-np.sqrt(2))
    large = {value["temperature"]: value for value in values if value["size"] == 32}
    for temperature in (1.6, 1.8, 2.0, 2.1):
        assert large[temperature]["magnetisation"] == pytest.approx(theory.magnetisation(temperature), abs=0.01)
    for temperature in (1.6, 1.8, 2.0, 2.8, 3.0):
        assert large[temperature]["energy"] == pytest.approx(theory.energy(temperature), abs=0.01)
    pictures = [value["picture"] for value in values if "picture" in value]
    assert [picture.shape for picture in pictures] == [(128, 128)] * 3
    figure = ET.parse(study.folder / "ising.svg").getroot()
    assert len(list(figure.iter("{http://www.w3.org/2000/svg}image"))) == 3


async def test_the_notebook(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """The notebook runs to its end in a real kernel: progress is shown as HTML, and the figure."""
    monkeypatch.setenv("DISIO_URL", study.environment["DISIO_URL"])
    use_cache(monkeypatch)
    notebook = nbformat.read(FILES / "tutorial.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "the notebook is kept without outputs"
    runner = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(study.folder)}})
    await runner.async_execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    shown = [output["data"] for output in outputs if "data" in output]
    progress = next(data["text/html"] for data in shown if "text/html" in data)
    assert "finished" in progress
    assert 'max="48" value="48"' in progress
    assert any("image/png" in data for data in shown)
    assert [data["text/plain"] for data in shown if data.get("text/plain") == "[]"], "no payload failed"
    temperature = re.search(r"2\.\d+", shown[-2].get("text/plain", "") + shown[-1].get("text/plain", ""))
    assert temperature
    assert float(temperature[0]) == pytest.approx(2.269, abs=0.15)


def module(path: Path) -> ModuleType:
    """A module by its file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded
