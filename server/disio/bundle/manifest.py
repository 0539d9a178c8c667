"""The manifest of a bundle, and a bundle that was read and verified."""

import hashlib
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from disio.assets import asset
from disio.errors import BundleError

MANIFEST = "bundle.json"
DISTRIBUTION = "distribution.json"
"""Pyodide's lock file with all of its packages: for whoever resolves packages; no browser fetches it."""
FILES = "files"
SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
"""Content encodings, in the order in which a server should prefer them, and the suffixes of their files."""

REBUILD = "Build it anew with: disio bundle build --force"


class Encoded(msgspec.Struct, frozen=True):
    """One compressed form of a file; sizes in bytes."""

    size: int
    sha256: str


class Entry(msgspec.Struct, frozen=True):
    """One file of the bundle; ``sha256`` and ``size`` (bytes) are those of its uncompressed content."""

    sha256: str
    size: int
    type: str
    encodings: dict[str, Encoded]


class Manifest(msgspec.Struct, frozen=True):
    """``bundle.json``.

    ``id`` names the content; ``sources`` is a digest of what it was built from; ``quick`` says that it is compressed
    less than it could be; ``naive`` is what a first visit would cost with Pyodide's own files (bytes, by encoding).
    """

    pyodide: str
    python: str
    disio: str
    id: str
    sources: str
    quick: bool
    naive: dict[str, int]
    files: dict[str, Entry]
    format: Literal[1] = 1


def content_id(files: Mapping[str, Entry]) -> str:
    """The name of a bundle's content: sha256 over the sorted names and hashes of its files."""
    return hashlib.sha256(
        msgspec.json.encode(sorted((name, entry.sha256) for name, entry in files.items()))
    ).hexdigest()


@dataclass(frozen=True)
class BundleFile:
    """One verified file: ``path`` is its plain content, ``encodings`` its compressed forms by content encoding."""

    name: str
    sha256: str
    size: int
    content_type: str
    path: Path
    encodings: Mapping[str, Path]


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk whose every byte was checked against its manifest."""

    root: Path
    manifest: Manifest
    files: Mapping[str, BundleFile]

    @property
    def id(self) -> str:
        """The name of the content, as in the manifest."""
        return self.manifest.id

    @cached_property
    def by_hash(self) -> Mapping[str, BundleFile]:
        """The files by the sha256 of their content."""
        return {file.sha256: file for file in self.files.values()}

    def visit(self, encoding: str) -> int:
        """The bytes that a first visit downloads in a content encoding."""
        entries = [entry for name, entry in self.manifest.files.items() if name != DISTRIBUTION]
        return sum((entry.encodings.get(encoding) or entry).size for entry in entries)

    def write_named(self, folder: Path) -> None:
        """Copies the files under their own names into ``folder``, as Pyodide's ``indexURL`` wants them."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, file in self.files.items():
            shutil.copyfile(file.path, folder / name)


def read_manifest(root: Path) -> Manifest:
    """Reads ``bundle.json``.

    Raises:
        BundleError: there is none, or it is not a manifest of this format.
    """
    path = root / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise BundleError(f"There is no bundle in {root}. Build it with: disio bundle build") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise BundleError(f"The bundle's manifest {path} cannot be read ({error}). {REBUILD}") from None


def load(path: Path | None = None, *, only: Collection[str] | None = None) -> Bundle:
    """Reads a bundle and verifies every file, compressed ones included, against the manifest's hashes.

    Args:
        path: the bundle's folder; by default the installed one, else the checkout's.
        only: read and verify no other files than these.

    Raises:
        BundleError: the bundle is missing or altered; the message says which file, and the command that mends it.
    """
    root = path or asset("bundle")
    manifest = read_manifest(root)
    if content_id(manifest.files) != manifest.id:
        raise BundleError(f"The bundle's manifest {root / MANIFEST} was altered. {REBUILD}")
    entries = {name: entry for name, entry in manifest.files.items() if only is None or name in only}
    return Bundle(root, manifest, {name: _verified(root, name, entry) for name, entry in entries.items()})


def _verified(root: Path, name: str, entry: Entry) -> BundleFile:
    plain = root / FILES / entry.sha256
    _check(plain, name, entry.sha256, entry.size)
    encodings = {}
    for encoding, encoded in entry.encodings.items():
        if encoding not in SUFFIXES:
            raise BundleError(f"{name} of the bundle in {root} has the unknown encoding {encoding!r}. {REBUILD}")
        encodings[encoding] = plain.with_name(plain.name + SUFFIXES[encoding])
        _check(encodings[encoding], f"{name} ({encoding})", encoded.sha256, encoded.size)
    return BundleFile(name, entry.sha256, entry.size, entry.type, plain, encodings)


def _check(path: Path, name: str, sha256: str, size: int) -> None:
    try:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
            actual_size = file.tell()
    except OSError as error:
        raise BundleError(f"{name} of the bundle cannot be read: {path}: {error.strerror}. {REBUILD}") from None
    if actual_size != size:
        raise BundleError(f"{name} of the bundle has {actual_size:,} bytes instead of {size:,}: {path}. {REBUILD}")
    if actual != sha256:
        raise BundleError(f"{name} of the bundle was altered: {path}. {REBUILD}")
