"""What tests with packages share: a cache in the checkout, and a mirror of Pyodide's distribution if there is one."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from disio.bundle.distribution import MIRROR
from disio.client.caching import VARIABLE

CHECKOUT = Path(__file__).parents[1]
BESIDE = CHECKOUT.parent / "shared" / "packages"
"""Where wheels of the distribution may lie, beside the checkout."""


CARRIER = "open-webui==0.12.4"
"""A package of the index that carries wheels of the distribution, unmodified: their hashes are those of its lock."""


def scientific_mirror() -> Path:
    """A folder with SciPy and what is built on it: the mirror that is set, or one fetched once (106 MB)."""
    chosen = os.environ.get(MIRROR, "")
    if chosen and any(Path(chosen).glob("scipy-*.whl")):
        return Path(chosen)
    folder = CHECKOUT / ".cache" / "scientific"
    if not any(folder.glob("scipy-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        command += ["--python-version", "3.12", "--dest", str(folder), CARRIER]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode != 0:
            pytest.skip(f"no wheels of SciPy for browsers can be had here: {done.stderr.strip()[-300:]}")
        (carrier,) = folder.glob("*.whl")
        with zipfile.ZipFile(carrier) as file:
            for name in file.namelist():
                if "/pyodide/" in name and name.endswith("wasm32.whl"):
                    (folder / Path(name).name).write_bytes(file.read(name))
        carrier.unlink()
    return folder


def use_cache(patch: pytest.MonkeyPatch) -> None:
    """Keep what is prepared from one run of the tests to the next, and look into the mirror beside the checkout."""
    patch.setenv(VARIABLE, str(CHECKOUT / ".cache" / "packages"))
    if not os.environ.get(MIRROR) and BESIDE.is_dir():
        patch.setenv(MIRROR, str(BESIDE))
