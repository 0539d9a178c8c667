"""Builds the bundle in a checkout: core files, standard library, snapshot, compressed forms, manifest."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock

import disio
from disio.assets import bundle_sources
from disio.bundle.compress import LEVELS, Report, compress, compress_all, describe
from disio.bundle.manifest import DISTRIBUTION, Bundle, Entry, Manifest, content_id, load
from disio.bundle.publish import prepare, publish
from disio.bundle.pyodide import LOCK_FILE, core_folder, pinned_version, write_core
from disio.bundle.snapshot import SNAPSHOT, find_node, make_snapshot, prove, slim_stdlib
from disio.bundle.sources import source_digest
from disio.bundle.stdlib import pack
from disio.errors import BundleError

UNCHANGED = ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm"]
STDLIB = "python_stdlib.zip"
TYPES = {
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".zip": "application/zip",
    ".json": "application/json",
    ".bin": "application/octet-stream",
}


def build(
    *,
    force: bool = False,
    quick: bool | None = False,
    report: Report | None = None,
    sources: Path | None = None,
    root: Path | None = None,
) -> tuple[Bundle, bool]:
    """Builds the bundle if its sources changed, and verifies it.

    Safe to run twice at once: the second waits, and then finds nothing to do. If a step fails, what was there stays.

    Args:
        force: build although nothing changed, and compress everything anew.
        quick: compress less, in seconds instead of minutes, for work on the runner; None: as the bundle that is there.
        report: is told about progress.
        sources: the folder ``pyodide_bundle``; by default the checkout's.
        root: where the bundle goes; by default ``dist`` in ``sources``.

    Returns:
        The bundle, and whether it was built (``False``: it was up to date).

    Raises:
        BundleError: there is no checkout, or a step failed; the message says the way out.
    """
    sources = sources or bundle_sources()
    if sources is None:
        raise BundleError(
            "A bundle is built in a checkout of the repository; an installed Disio brings its own: disio bundle show"
        )
    root = root or sources / "dist"
    report = report or (lambda text, done, total: None)
    cache = sources.parent / ".cache" / "bundle"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{hashlib.sha256(bytes(root.resolve())).hexdigest()[:8]}.lock"):
        node = find_node()
        digest = source_digest(sources)
        old = None if force else _loaded(root)
        if quick is None:
            quick = old is not None and old.manifest.quick
        if old is not None and _is_current(old.manifest, digest, quick=quick, node=node):
            return old, False
        prepare(root)
        with tempfile.TemporaryDirectory(dir=cache) as stage:
            core = core_folder(sources, cache / "pyodide")
            python = assemble(sources, core, Path(stage), node=node, report=report)
            contents = {path.name: path.read_bytes() for path in sorted(Path(stage).iterdir())}
        encoded = compress_all(contents, quick=quick, known=old, report=report)
        entries = {
            name: Entry(
                sha256=hashlib.sha256(data).hexdigest(),
                size=len(data),
                type=TYPES[Path(name).suffix],
                encodings={encoding: describe(compressed) for encoding, compressed in sorted(encoded[name].items())},
            )
            for name, data in contents.items()
        }
        manifest = Manifest(
            pyodide=pinned_version(sources),
            python=python,
            disio=disio.__version__,
            id=content_id(entries),
            sources=digest,
            quick=quick,
            naive=_naive_visit(core, entries),
            files=entries,
        )
        publish(root, manifest, contents, encoded)
        return load(root), True


def assemble(sources: Path, core: Path, folder: Path, *, node: str | None, report: Report) -> str:
    """Puts the files of a bundle into a folder, under their names, the snapshot made and proven.

    Args:
        sources: the folder ``pyodide_bundle``.
        core: the folder with Pyodide's core files.
        folder: an empty folder.
        node: the Node to make the snapshot with; without one there is no snapshot, and the standard library keeps
            its comments.
        report: is told about progress.

    Returns:
        The version of Python.
    """
    report("packing the standard library", 0, 1)
    python = write_core(core, UNCHANGED, folder)
    shutil.copyfile(core / LOCK_FILE, folder / DISTRIBUTION)
    pack(core / STDLIB, folder / STDLIB)
    if node is None:
        return python
    slim_stdlib(node, sources, folder)
    report("making the snapshot", 0, 1)
    make_snapshot(node, sources, folder)
    report("proving the snapshot", 0, 1)
    return prove(node, sources, folder).answer.python


def _loaded(root: Path) -> Bundle | None:
    try:
        return load(root)
    except BundleError:
        return None


def _is_current(manifest: Manifest, digest: str, *, quick: bool, node: str | None) -> bool:
    """Whether a build would give nothing better; a bundle without snapshot gets one once there is a Node."""
    return manifest.sources == digest and (quick or not manifest.quick) and (SNAPSHOT in manifest.files or node is None)


def _naive_visit(core: Path, entries: dict[str, Entry]) -> dict[str, int]:
    """For each encoding, the bytes of a first visit with Pyodide's files as they are."""
    lock, stdlib = (core / LOCK_FILE).read_bytes(), (core / STDLIB).stat().st_size  # deflated: gets no smaller
    return {
        encoding: sum(entries[name].encodings[encoding].size for name in UNCHANGED)
        + len(compress(lock, encoding))
        + stdlib
        for encoding in LEVELS
    }
