"""What the tests of the bundle share: small bundles, and the real files, assembled once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from disio.assets import bundle_sources
from disio.bundle import manifest as manifests
from disio.bundle.build import assemble
from disio.bundle.compress import compress_all, describe
from disio.bundle.manifest import Entry, Manifest
from disio.bundle.publish import prepare, publish
from disio.bundle.pyodide import core_folder
from disio.bundle.snapshot import find_node
from disio.errors import BundleError

Publish = Callable[[Path, dict[str, bytes]], Manifest]


def _quiet(text: str, done: int, total: int) -> None:
    """Nobody watches."""


@pytest.fixture
def publish_small() -> Publish:
    """Publishes a bundle with the given contents into a folder, by the code that publishes real ones."""

    def publish_contents(root: Path, contents: dict[str, bytes]) -> Manifest:
        encoded = compress_all(contents, quick=True, known=None, report=_quiet)
        files = {
            name: Entry(
                describe(data).sha256,
                len(data),
                "text/plain",
                {key: describe(item) for key, item in encoded[name].items()},
            )
            for name, data in contents.items()
        }
        manifest = Manifest(
            pyodide="1.0.0",
            python="3.14.2",
            disio="0.1.0",
            id=manifests.content_id(files),
            sources="",
            quick=True,
            naive={},
            files=files,
        )
        prepare(root)
        publish(root, manifest, contents, encoded)
        return manifest

    return publish_contents


@pytest.fixture(scope="session")
def sources() -> Path:
    """The checkout's ``pyodide_bundle``."""
    folder = bundle_sources()
    if folder is None:
        pytest.skip("no checkout: an installed package has no pyodide_bundle")
    return folder


@pytest.fixture(scope="session")
def core(sources: Path) -> Path:
    """Pyodide's core files."""
    try:
        return core_folder(sources, sources.parent / ".cache" / "bundle" / "pyodide")
    except BundleError as error:
        pytest.skip(f"no Pyodide: {error}")


@pytest.fixture(scope="session")
def node() -> str:
    """A Node that runs."""
    found = find_node()
    if found is None:
        pytest.skip("no Node.js 18 or newer: the snapshot cannot be made")
    return found


@pytest.fixture(scope="session")
def named_files(sources: Path, core: Path, node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the real files of a bundle made now, under their names; making it proves its snapshot."""
    folder = tmp_path_factory.mktemp("named files")
    assemble(sources, core, folder, node=node, report=_quiet)
    return folder
