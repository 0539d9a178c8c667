"""What a task needs beside its unit's source, put together on the researcher's machine: see ``docs/packages.md``."""

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Final

from disio.bundle import load
from disio.bundle.distribution import Distribution
from disio.bundle.manifest import DISTRIBUTION
from disio.bundle.own_packages import build, check
from disio.bundle.preparing import Workshop
from disio.bundle.resolving import Chosen, resolve
from disio.bundle.snapshot import find_node
from disio.client import sources
from disio.client.caching import cache_folder
from disio.client.pythons import check_python
from disio.client.sources import UnitSource
from disio.errors import UnitError, UsageError
from disio.filestore import digest_of
from disio.unit.contract import Metadata, read_metadata
from disio.wire.kit import MAX_FILE_BYTES, FileRef, Kit, Pack, TaskSnapshot

_DATA_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")

DataFiles = Mapping[str, str | PathLike[str]]
"""Paths of shared data by the names that ``ctx.data`` will know them by."""
Report = Callable[[str], None]
"""Is told what is being done."""


def silent(_: str) -> None:
    """A report that nobody hears."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A unit with its kit, and where the kit's files lie on this machine, by sha256."""

    unit: UnitSource
    kit: Kit
    files: dict[str, Path] = field(default_factory=dict)


def prepare(unit: UnitSource, data: DataFiles | None = None, report: Report = silent) -> Prepared:
    """Put together what a task needs: resolve, build, compile and prove its packages, look at its shared data.

    Raises:
        UnitError: the unit cannot be used, or its packages cannot be had or imported in browsers.
        UsageError: a file of shared data cannot be read, is too large, or has a name that cannot be asked for.
        BundleError: there is no bundle, or a package of its distribution cannot be had.
        AlteredError: a package is not what its lock says.
    """
    # Anything else about the unit is for its manager to judge.
    metadata = read_metadata(unit.source, unit.filename) if "# /// script" in unit.source else Metadata()
    if metadata.requires_python:
        check_python(metadata, unit.filename, load(only=()).manifest.python, "the Python in browsers")
    files: dict[str, Path] = {}
    shared: dict[str, FileRef] = {}
    for name, path in data_paths(data).items():
        with path.open("rb") as file:
            sha256 = digest_of(file)
        shared[name] = FileRef(sha256, path.stat().st_size)
        files[sha256] = path
    if not (metadata.dependencies or metadata.packages or unit.folder):
        return Prepared(unit, Kit(data=shared), files)
    return _with_packages(Prepared(unit, Kit(data=shared), files), metadata, report)


def _with_packages(bare: Prepared, metadata: Metadata, report: Report) -> Prepared:
    """A unit that has its shared data only, with its packages."""
    unit, files = bare.unit, dict(bare.files)
    bundle = load(only=(DISTRIBUTION,))
    cache = cache_folder()
    distribution = Distribution(bundle, cache / "distribution")
    workshop = Workshop(bundle, cache / "packs")
    with tempfile.TemporaryDirectory(prefix="disio-wheels-") as scratch:
        wheels = []
        for path in metadata.packages:
            report(f"building {path}")
            wheels.append(_own_wheel(unit.beside / path, distribution, Path(scratch)))
        if unit.project is not None:
            report(f"building {unit.project.name}")
            wheels.append(build(unit.project, distribution, Path(scratch)))
            unit = sources.of_wheel(unit, wheels[-1])
        chosen: list[Chosen] = []
        if metadata.dependencies or wheels:
            report("resolving packages")
            chosen = resolve(metadata.dependencies, wheels, distribution, Path(scratch))
        for package in chosen:
            if package.locked is None:
                check(package.wheel, distribution)
        report("preparing packages")
        packed = workshop.packs(chosen, distribution)
    lock = sources.write_lock(chosen, packed, distribution, cache)
    if unit.contents:
        packed.append(workshop.pack_of(unit.module, dict(unit.contents), distribution))
    report("importing them as browsers will")
    imported = workshop.imported(packed, unit.imports(), unit.surely_imports(), wanted=metadata.snapshot)
    packs = []
    for one in packed:
        packs.append(Pack(name=one.name, version=one.version, sha256=one.sha256, size=one.size))
        files[one.sha256] = one.path
    snapshot = None
    if imported.snapshot is not None:
        snapshot = TaskSnapshot(imported.sha256, imported.snapshot.stat().st_size, bundle.id)
        files[snapshot.sha256] = imported.snapshot
    data = bare.kit.data
    kit = Kit(lock=_ref(lock, files), packs=packs, snapshot=snapshot, data=data, module=unit.module)
    return Prepared(unit, kit, files)


def _ref(path: Path, files: dict[str, Path]) -> FileRef:
    with path.open("rb") as file:
        sha256 = digest_of(file)
    files[sha256] = path
    return FileRef(sha256, path.stat().st_size)


def _own_wheel(path: Path, distribution: Distribution, scratch: Path) -> Path:
    if path.is_dir():
        return build(path, distribution, scratch)
    if path.suffix == ".whl" and path.is_file():
        check(path, distribution)
        return path
    raise UnitError(f"tool.disio.packages names {path}, which is neither a folder nor a wheel")


def data_paths(data: DataFiles | None) -> dict[str, Path]:
    """The files of shared data, looked at.

    Raises:
        UsageError: one cannot be read, is too large, or has a name that cannot be asked for.
    """
    paths = {}
    for name, given in (data or {}).items():
        path = Path(given).absolute()
        if not _DATA_NAME.fullmatch(name):
            raise UsageError(f"{name!r} is no name for shared data; use letters, digits, _, . and -")
        try:
            with path.open("rb"):
                size = path.stat().st_size
        except OSError as error:
            raise UsageError(f"the shared data {name} cannot be read from {path}: {error.strerror}") from None
        if size > MAX_FILE_BYTES:
            raise UsageError(f"{path} has {size:,} bytes; shared data may have {MAX_FILE_BYTES:,} bytes in one file")
        paths[name] = path
    return paths


def has_node() -> bool:
    """Whether there is a Node here, which proves imports and makes snapshots."""
    return find_node() is not None
