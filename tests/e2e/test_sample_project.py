"""A researcher's own project, tested with our pytest plugin from the built wheel."""

import asyncio
import os
import shutil
import signal
import sys
import zipfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

ROOT = Path(__file__).parents[2]
SAMPLE = Path(__file__).parent / "sample_project"

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def succeed(*command: str, **variables: str) -> str:
    """Run a command to its end; what it wrote. It must succeed."""
    environment = {**os.environ, **variables}
    child = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=environment)
    try:
        said, _ = await asyncio.wait_for(child.communicate(), 170)
    finally:
        if child.returncode is None:
            child.kill()
    assert child.returncode == 0, said.decode()
    return said.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """A folder with what the wheel installs; before the checkout on the path of those who use it."""
    folder = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
    await succeed(*pip, "wheel", "--no-deps", "-w", str(folder), str(ROOT))
    [wheel] = folder.glob("disio-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    wheel.unlink()
    yield folder / "site"


def pytest_of_the_sample(project: Path, *options: str) -> list[str]:
    """The command that runs the sample project's tests, as its researcher would."""
    plugins = ("-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:xdist")
    return [sys.executable, "-m", "pytest", "-q", *plugins, "--rootdir", str(project), *options, str(project / "tests")]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the sample project."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "project"))


async def test_a_project_of_its_own_tests_its_unit_in_a_browser(installed: Path, project: Path) -> None:
    """Fixtures and marker come with the wheel: each marked test runs natively and in Chromium, and is reported."""
    report = project / "report.xml"
    command = pytest_of_the_sample(project, "--junitxml", str(report))
    said = await succeed(*command, PYTHONPATH=str(installed), PYTHONDONTWRITEBYTECODE="1")
    assert "5 passed" in said, said
    for name in ("test_known_counts[native]", "test_known_counts[chromium]", "test_a_whole_task"):
        assert name in report.read_text()
    where = await succeed(sys.executable, "-c", "import disio; print(disio.__file__)", PYTHONPATH=str(installed))
    assert where.startswith(str(installed)), "the checkout was tested, not the wheel"


async def test_a_test_run_that_is_killed_leaves_nothing_behind(installed: Path, project: Path) -> None:
    """SIGKILL in the middle of a browser test: grid and browser end with it."""
    (project / "tests" / "test_primes.py").write_text(
        "import time\n\n\ndef test_forever(disio_grid, disio_browser):\n"
        "    print('at', disio_grid.directory, disio_browser.pid, flush=True)\n    time.sleep(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTEST_ADDOPTS": ""}  # ours are not the researcher's
    child = await asyncio.create_subprocess_exec(
        *pytest_of_the_sample(project, "-s"), stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=environment
    )
    assert child.stdout is not None
    async with asyncio.timeout(90):
        while not (line := await child.stdout.readline()).startswith(b"at "):
            assert line, "the test did not come so far"
    directory, browser = line.decode().split()[1:]
    child.send_signal(signal.SIGKILL)
    await child.wait()
    async with asyncio.timeout(30):
        while left := processes(directory) + alive(browser):  # noqa: ASYNC110 - they tell nothing of their end
            await asyncio.sleep(0.1)
    assert not left


def processes(words: str) -> list[str]:
    """Command lines of running processes that have these words in them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if words in line:
            found.append(line)
    return found


def alive(pid: str) -> list[str]:
    """The state of a process, if it is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return []
    return [] if state == "Z" else [state]
