"""Packages where there is no pip beside Disio: uv puts one there; without both, the error says what to do."""

import os
import shutil
import subprocess
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from disio.bundle import load
from disio.bundle.manifest import DISTRIBUTION
from disio.bundle.resolving import OLDEST_PIP
from disio.errors import BundleError
from tests.unit.bundle import wheels

PROGRAM = """
import sys
from pathlib import Path
from disio.bundle import load
from disio.bundle.distribution import Distribution
from disio.bundle.manifest import DISTRIBUTION
from disio.bundle.own_packages import build
from disio.bundle.resolving import resolve
from disio.errors import DisioError

folder = Path(sys.argv[1])
distribution = Distribution(load(only=(DISTRIBUTION,)), folder / "distribution")
try:
    wheel = build(folder / "model", distribution, folder)
    print(wheel.name, sorted(chosen.name for chosen in resolve(["small>=1"], [wheel], distribution, folder / "chosen")))
except DisioError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A Python with everything that this one has, but for pip."""
    try:
        load(only=(DISTRIBUTION,))
    except BundleError as error:
        pytest.skip(f"no bundle: {error}")
    folder = tmp_path / "venv"
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith("pip"):
            (site / path.name).symlink_to(path)
    return folder / "bin" / "python"


def run(python: Path, folder: Path, path: str) -> str:
    """What the program prints: it builds a project and resolves a requirement, without an index."""
    wheels.project(folder / "model")
    wheels.wheel(folder, "small")
    environment = {**os.environ, "PATH": path, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}
    done = subprocess.run(
        [python, "-c", PROGRAM, folder], capture_output=True, text=True, env=environment, check=True, timeout=180
    )
    return done.stdout.strip()


def test_uv_takes_the_place_of_pip(python: Path, tmp_path: Path) -> None:
    """With uv on the path, projects are built and requirements resolved as with pip."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("there is no uv (pip install uv)")
    tried = [uv, "run", "--no-project", "--python", python, "--with", f"pip>={OLDEST_PIP}", "python", "-c", ""]
    tried_out = subprocess.run(tried, capture_output=True, text=True, check=False, timeout=120)
    if tried_out.returncode != 0:
        pytest.skip(f"uv cannot have a pip here: {tried_out.stderr.strip()[-200:]}")
    assert run(python, tmp_path, str(Path(uv).parent)) == "model-1.0-py3-none-any.whl ['model', 'small']"


def test_without_both_the_error_says_what_to_do(python: Path, tmp_path: Path) -> None:
    """Neither pip nor uv: how to get one."""
    told = run(python, tmp_path, str(tmp_path))
    assert told.startswith("UnitError packages are resolved with pip")
    assert "-m ensurepip" in told


def test_an_old_pip_is_named_with_the_command_that_renews_it(python: Path, tmp_path: Path) -> None:
    """A pip that is too old, as in a new venv of Debian 12, and no uv: its version, and how to get a newer one."""
    old = wheels.wheel(tmp_path, "pip")
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    with zipfile.ZipFile(old) as archive:
        archive.extractall(site)
    told = run(python, tmp_path, str(tmp_path))
    assert "the pip here is 1.0" in told
    assert f"{python} -m pip install --upgrade pip" in told
    assert "ensurepip" not in told
