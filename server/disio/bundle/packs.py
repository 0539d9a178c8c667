"""Packs: one installed package as one file, in the form in which an interpreter in a browser takes it.

A pack is the length of its head (4 bytes, little-endian), the head (JSON: ``root``, the folder that the files go to,
and ``files``: name and size of each), then the files' bytes one after the other. Nothing has to be unzipped in a
browser, and ``pyodide_bundle/node/kit.mjs`` adds the bytecode of all modules. A pack is compressed when it is served.
"""

import json
import posixpath
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from disio.errors import UnitError

SITE: Final = "/lib/python{version}/site-packages"
"""Where packages are, in a browser's interpreter; ``version`` like 3.14."""
LIBRARIES: Final = "/usr/lib"
"""Where shared libraries are that several packages use."""
_HEAD_BYTES: Final = 4
_LEFT_OUT: Final = ("tests", "__pycache__")
_USELESS: Final = (".pyi", ".pxd", ".pyx", ".h", ".a")
"""What only compilers and type checkers read."""


def pack(root: str, contents: Mapping[str, bytes]) -> bytes:
    """A pack of these files; the same files give the same bytes."""
    names = sorted(contents)
    head = json.dumps({"root": root, "files": [[name, len(contents[name])] for name in names]}, separators=(",", ":"))
    data = head.encode()
    return b"".join((len(data).to_bytes(_HEAD_BYTES, "little"), data, *(contents[name] for name in names)))


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of a pack.

    Raises:
        UnitError: it is no pack, or has names that lead out of its folder.
    """
    try:
        end = _HEAD_BYTES + int.from_bytes(data[:_HEAD_BYTES], "little")
        files: list[Any] = json.loads(data[_HEAD_BYTES:end])["files"]
        contents = {}
        for name, size in files:
            contents[_inside(name)] = data[end : end + size]
            end += size
    except (ValueError, KeyError, TypeError) as error:
        raise UnitError(f"that is no pack of a package: {error}") from None
    if end != len(data):
        raise UnitError("that is no pack of a package: the sizes of its files do not add up")
    return contents


def wheel_contents(wheel: Path) -> dict[str, bytes]:
    """The files that a wheel installs beside others, without its tests.

    Raises:
        UnitError: it is no wheel, or has names that lead out of it.
    """
    contents = {}
    try:
        with zipfile.ZipFile(wheel) as file:
            for info in file.infolist():
                name = _installed(_inside(info.filename))
                if name and not info.is_dir() and not _left_out(name):
                    contents[name] = file.read(info)
    except (OSError, zipfile.BadZipFile) as error:
        raise UnitError(f"{wheel.name} is no wheel: {error}") from None
    return contents


def folder_contents(folder: Path) -> dict[str, bytes]:
    """The files of a package's folder, under the folder's name."""
    return {
        f"{folder.name}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(part in _LEFT_OUT or part.startswith(".") for part in path.relative_to(folder).parts)
    }


def modules(names: Iterable[str]) -> set[str]:
    """The top-level modules among installed files."""
    found = set()
    for name in names:
        first, _, rest = name.partition("/")
        if rest and not first.endswith((".dist-info", ".data", ".libs")):
            found.add(first)
        elif not rest and first.endswith((".py", ".so")):
            found.add(first.partition(".")[0])
    return found


def is_pure(names: Iterable[str]) -> bool:
    """Whether no installed file is compiled."""
    return not any(name.endswith(".so") or ".so." in name for name in names)


def _inside(name: str) -> str:
    plain = posixpath.normpath(name)
    if plain.startswith(("/", "..")) or "\\" in name or "\0" in name:
        raise UnitError(f"a package has a file called {name[:100]!r}, which leads out of its folder")
    return plain


def _installed(name: str) -> str:
    """Where a file of a wheel goes: what is in NAME.data goes to the top, or nowhere (scripts and headers)."""
    first, _, rest = name.partition("/")
    if not first.endswith(".data"):
        return name
    kind, _, inner = rest.partition("/")
    return inner if kind in ("purelib", "platlib") else ""


def _left_out(name: str) -> bool:
    return name.endswith(_USELESS) or any(part in _LEFT_OUT for part in name.split("/")[:-1])
