"""Pyodide's version is written once, and everything else agrees."""

import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from disio.bundle.pyodide import core_hashes, pinned_version
from disio.errors import BundleError

TEXTS = {".py", ".js", ".mjs", ".json", ".html", ".md", ".toml", ".yml", ".yaml", ".sh", ""}


def test_every_mention_of_the_version_agrees(sources: Path) -> None:
    """No file of the repository mentions another version of this Pyodide's series than the one in package.json."""
    version = pinned_version(sources)
    series = version.split(".")[0]
    root = sources.parent
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False).stdout
    if not listed:
        pytest.skip("not a git checkout: the repository's files cannot be listed")
    wrong = []
    for name in filter(None, listed.split("\0")):
        path = root / name
        if path.suffix in TEXTS and path.is_file():
            mentions = re.findall(
                rf"(?<![\d.]){series}\.\d+\.\d+(?:[a-z]+\d+)?(?![\d.]*\d)", path.read_text(errors="replace")
            )
            wrong += [f"{name}: {mention}" for mention in mentions if mention != version]
    assert wrong == []


def test_lock_pins_the_same_version_and_names_no_host(sources: Path) -> None:
    """package-lock.json has the version, a hash for everything, and no registry's address."""
    text = (sources / "package-lock.json").read_text()
    packages = msgspec.json.decode(text)["packages"]
    assert packages["node_modules/pyodide"]["version"] == pinned_version(sources)
    assert all("integrity" in package for name, package in packages.items() if name)
    assert "resolved" not in text
    assert "://" not in text


def test_core_hashes_are_those_of_the_pinned_version(sources: Path, core: Path) -> None:
    """The files that were checked against core.sha256 call themselves the pinned version."""
    assert f'"{pinned_version(sources)}"' in (core / "pyodide.mjs").read_text()
    assert set(core_hashes(sources)) == {
        "pyodide.mjs",
        "pyodide.asm.mjs",
        "pyodide.asm.wasm",
        "python_stdlib.zip",
        "pyodide-lock.json",
    }


@pytest.mark.parametrize("version", ["^1.2.0", "latest", "~1.2", ">=3", ""])
def test_a_range_of_versions_is_refused(tmp_path: Path, version: str) -> None:
    """Only one exact version can be a pin."""
    (tmp_path / "package.json").write_bytes(msgspec.json.encode({"dependencies": {"pyodide": version}}))
    with pytest.raises(BundleError, match="one exact version"):
        pinned_version(tmp_path)


def test_unreadable_pin_is_told(tmp_path: Path) -> None:
    """A missing package.json is an error that says what to restore."""
    with pytest.raises(BundleError, match="git checkout"):
        pinned_version(tmp_path)
