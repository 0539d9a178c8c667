"""A compiled package that needs a shared library of the distribution, as scikit-image, GDAL and their kind do.

There is no compiler for WebAssembly on most machines, so the two modules are assembled here, byte by byte: dynamic
libraries as the WebAssembly tool conventions have them (a ``dylink.0`` section, which names what a module needs).
"""

import hashlib
import zipfile
from pathlib import Path

from disio.bundle.distribution import Distribution, Locked
from disio.bundle.manifest import Bundle

_MEMORY, _NEEDED = 1, 2
_I32_CONST, _I32_ADD, _CALL, _END = 0x41, 0x6A, 0x10, 0x0B

PACKAGE = """
import ctypes
from pathlib import Path

_fast = ctypes.CDLL(str(Path(__file__).with_name("_fast.so")))
more = _fast.more
"""


def side_module(function: str, constant: int, *, calls: str = "", needed: str = "") -> bytes:
    """A dynamic library whose ``function()`` is a small constant, plus what another library's ``calls()`` is."""
    dylink = _name("dylink.0") + bytes([_MEMORY, 4, 0, 0, 0, 0])
    if needed:
        dylink += bytes([_NEEDED, len(needed) + 2, 1]) + _name(needed)
    parts = [_section(0, dylink), _section(1, b"\x01\x60\x00\x01\x7f")]  # one type: () -> i32
    if calls:
        parts.append(_section(2, b"\x01" + _name("env") + _name(calls) + b"\x00\x00"))
    exported = bytes([1 if calls else 0])
    code = bytes([0, _I32_CONST, constant])
    code += bytes([_CALL, 0, _I32_ADD, _END]) if calls else bytes([_END])
    parts += [
        _section(3, b"\x01\x00"),
        _section(7, b"\x01" + _name(function) + b"\x00" + exported),
        _section(10, bytes([1, len(code)]) + code),
    ]
    return b"\0asm\x01\0\0\0" + b"".join(parts)


def _name(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _section(kind: int, content: bytes) -> bytes:
    return bytes([kind, len(content)]) + content


class WithLibrary(Distribution):
    """The distribution of a bundle with a package more, ``needy``, and the library that it needs.

    Args:
        bundle: the bundle.
        cache: the folder in which fetched files are kept.
        mirror: a folder, to which their files are written.
    """

    def __init__(self, bundle: Bundle, cache: Path, mirror: Path) -> None:
        super().__init__(bundle, cache)
        stem = f"needy-1.0-cp314-cp314-{self.platform}.whl"
        wheel = {
            "needy/__init__.py": PACKAGE.encode(),
            "needy/_fast.so": side_module("more", 2, calls="answer", needed="libanswer.so"),
            "needy-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: needy\nVersion: 1.0\n",
        }
        library = {"libanswer.so": side_module("answer", 40)}
        self._add(mirror, "libanswer", "libanswer-1.0.zip", library, package_type="shared_library")
        self._add(mirror, "needy", stem, wheel, depends=["libanswer"], imports=["needy"])

    def _add(
        self,
        mirror: Path,
        name: str,
        file_name: str,
        files: dict[str, bytes],
        *,
        package_type: str = "package",
        depends: list[str] | None = None,
        imports: list[str] | None = None,
    ) -> None:
        with zipfile.ZipFile(mirror / file_name, "w") as file:
            for inside, data in files.items():
                file.writestr(zipfile.ZipInfo(inside), data)
        self._by_name[name] = Locked(
            name=name,
            version="1.0",
            file_name=file_name,
            sha256=hashlib.sha256((mirror / file_name).read_bytes()).hexdigest(),
            package_type=package_type,
            install_dir="site" if package_type == "package" else "dynlib",
            depends=depends or [],
            imports=imports or [],
        )
