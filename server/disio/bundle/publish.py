"""Puts a built bundle where it is served from, so that a reader finds the old one or the new one, never a mixture.

Files are named by content and written first; the manifest is replaced last, in one rename. The files of the manifest
before are kept, since a running distributor may still serve them; older ones are deleted.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from disio.bundle.manifest import FILES, MANIFEST, SUFFIXES, Entry, Manifest, read_manifest
from disio.errors import BundleError

PART = ".part-"


def prepare(root: Path) -> None:
    """Makes the folder, before anything expensive is done for it.

    Raises:
        BundleError: it cannot be made or written.
    """
    try:
        (root / FILES).mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=root / FILES, prefix=PART):
            pass
    except OSError as error:
        raise _unwritable(root, error) from None


def publish(
    root: Path, manifest: Manifest, contents: Mapping[str, bytes], encoded: Mapping[str, Mapping[str, bytes]]
) -> None:
    """Writes the bundle into ``root``.

    Args:
        root: the bundle's folder, prepared.
        manifest: what the new bundle is.
        contents: the files by name.
        encoded: for each name, the compressed bytes by encoding.

    Raises:
        BundleError: the disk is full, or the folder cannot be written.
    """
    files = root / FILES
    try:
        for name, data in contents.items():
            plain = files / manifest.files[name].sha256
            _write(plain, data)
            for encoding, compressed in encoded[name].items():
                _write(plain.with_name(plain.name + SUFFIXES[encoding]), compressed)
        kept = _paths(manifest.files) | _paths(_entries_before(root))
        _write(root / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        for path in files.iterdir():
            if path.name not in kept:
                path.unlink()
    except OSError as error:
        raise _unwritable(root, error) from None


def _unwritable(root: Path, error: OSError) -> BundleError:
    return BundleError(
        f"The bundle cannot be written to {root}: {error}. Make room or correct the rights, then: disio bundle build"
    )


def _write(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=PART, delete=False) as part:
        part.write(data)
    Path(part.name).chmod(0o644)
    Path(part.name).replace(path)


def _entries_before(root: Path) -> Mapping[str, Entry]:
    try:
        return read_manifest(root).files
    except BundleError:
        return {}


def _paths(entries: Mapping[str, Entry]) -> set[str]:
    return {entry.sha256 + suffix for entry in entries.values() for suffix in ("", *SUFFIXES.values())}
