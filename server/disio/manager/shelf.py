"""Packages for ``split`` and ``reduce``: pure ones from the task's kit, compiled ones if they are installed here."""

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from disio.bundle.packs import is_pure, modules, unpack
from disio.filestore import FileStore
from disio.wire.kit import Kit


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the sandbox can import beside the standard library.

    Attributes:
        paths: folders with the kit's pure packages.
        compiled: modules of the kit's compiled packages: this machine's own are used, if it has any.
        module: the unit's dotted name, if it is a module of one of the packages.
    """

    paths: tuple[str, ...] = ()
    compiled: tuple[str, ...] = ()
    module: str = ""


def shelve(kit: Kit, files: FileStore, folder: Path) -> Shelf:
    """Lay a kit's pure packages out in a folder, each once. Blocking.

    Args:
        kit: of a task.
        files: where the packs are.
        folder: where they are laid out, each in a folder named by its pack's hash.
    """
    paths, compiled = [], []
    for pack in kit.packs:
        target = folder / pack.sha256
        if not target.is_dir():
            source = files.path(pack.sha256)
            contents = unpack(source.read_bytes()) if source is not None else {}
            if not is_pure(contents):
                compiled += sorted(modules(contents))
                continue
            _lay_out(contents, target)
        paths.append(str(target))
    return Shelf(tuple(paths), tuple(compiled), kit.module)


def clear(folder: Path, used: set[str]) -> None:
    """Delete packages that no task uses any more."""
    for path in folder.glob("*"):
        if path.name not in used:
            shutil.rmtree(path, ignore_errors=True)


def take_down(folder: Path, packs: Iterable[str]) -> list[Path]:
    """Have packages gone from the shelf at once; where they lie now, they are to be deleted."""
    laid_out = (folder / sha256 for sha256 in packs)
    return [path.replace(path.with_name(f".gone-{path.name}")) for path in laid_out if path.is_dir()]


def delete(paths: Iterable[Path]) -> int:
    """Delete files and folders; how many bytes they had. Blocking."""
    freed = 0
    for path in paths:
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        freed += sum(file.stat().st_size for file in files)
        if path.is_file():
            path.unlink(missing_ok=True)
        else:
            shutil.rmtree(path, ignore_errors=True)
    return freed


def _lay_out(contents: dict[str, bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=target.parent))
    for name, data in contents.items():
        if name.endswith(".pyc"):
            continue  # bytecode of the browsers' Python
        path = part / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    part.chmod(0o755)
    part.replace(target)
