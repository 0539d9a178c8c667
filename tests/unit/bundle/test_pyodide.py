"""Where Pyodide's core files come from: npm's folder or the CDN, their hashes checked either way."""

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pyodide_lock import PyodideLockSpec

from disio.bundle.pyodide import core_folder, core_hashes, write_core
from disio.errors import BundleError


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Requests are not written to the tests' output."""


@pytest.fixture
def cdn_folder(core: Path, tmp_path: Path) -> Path:
    """What the CDN in these tests has."""
    folder = tmp_path / "cdn"
    shutil.copytree(core, folder, ignore=lambda _, names: [name for name in names if name.endswith((".map", ".ts"))])
    return folder


@pytest.fixture
def cdn(cdn_folder: Path) -> Iterator[str]:
    """A real HTTP server on a free port, in the CDN's place."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=cdn_folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def bare_sources(sources: Path, tmp_path: Path) -> Path:
    """``pyodide_bundle`` as it is where npm is missing."""
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in ("package.json", "core.sha256"):
        shutil.copy(sources / name, folder)
    return folder


def test_without_npm_the_files_come_from_the_cdn_once(
    cdn: str, bare_sources: Path, sources: Path, tmp_path: Path
) -> None:
    """They are downloaded, and the second time found in the cache, with no network."""
    folder = core_folder(bare_sources, tmp_path / "cache", cdn)
    assert set(core_hashes(sources)) == {path.name for path in folder.iterdir()}
    assert core_folder(bare_sources, tmp_path / "cache", "http://127.0.0.1:9/") == folder


def test_an_altered_download_is_refused(cdn: str, cdn_folder: Path, bare_sources: Path, tmp_path: Path) -> None:
    """What does not have the hash is not kept, and the error says so."""
    (cdn_folder / "pyodide.mjs").write_text("export const version = 'mine';")
    with pytest.raises(BundleError, match=r"pyodide\.mjs is not what core\.sha256 says"):
        core_folder(bare_sources, tmp_path / "cache", cdn)
    assert not list((tmp_path / "cache").glob("**/pyodide.mjs*"))


def test_no_npm_and_no_network_says_the_way_out(bare_sources: Path, tmp_path: Path) -> None:
    """An unreachable CDN is one line with what to try."""
    with pytest.raises(BundleError, match=r"cannot be downloaded.*Check the network, or install npm"):
        core_folder(bare_sources, tmp_path / "cache", "http://127.0.0.1:9")


def test_altered_npm_files_are_refused(core: Path, bare_sources: Path, tmp_path: Path) -> None:
    """A changed file in node_modules is found, named, and not replaced silently."""
    installed = bare_sources / "node_modules" / "pyodide"
    installed.mkdir(parents=True)
    for name in [*core_hashes(bare_sources), "package.json"]:
        (installed / name).write_bytes((core / name).read_bytes() if (core / name).exists() else b"{}")
    assert core_folder(bare_sources, tmp_path) == installed
    (installed / "python_stdlib.zip").write_bytes(b"PK")
    with pytest.raises(BundleError, match=r"^python_stdlib\.zip in .*npm ci"):
        core_folder(bare_sources, tmp_path)


def test_the_lock_file_keeps_no_packages(core: Path, tmp_path: Path) -> None:
    """A browser is not told of hundreds of packages that no distributor serves."""
    python = write_core(core, ["pyodide.mjs"], tmp_path)
    lock = PyodideLockSpec.from_json(tmp_path / "pyodide-lock.json")
    assert lock.packages == {}
    assert lock.info.python == python
    assert (tmp_path / "pyodide.mjs").read_bytes() == (core / "pyodide.mjs").read_bytes()
