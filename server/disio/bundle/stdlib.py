"""Packs ``python_stdlib.zip`` anew: stored instead of deflated, with the part of Disio that runs in the browser."""

import zipfile
from pathlib import Path

import disio

USELESS_IN_A_CELL = (
    "_pydatetime.py",
    "_pyio.py",
    "antigravity.py",
    "compileall.py",
    "ctypes/macholib/",
    "ftplib.py",
    "imaplib.py",
    "mailbox.py",
    "modulefinder.py",
    "nturl2path.py",
    "poplib.py",
    "pyclbr.py",
    "smtplib.py",
    "tabnanny.py",
    "this.py",
    "trace.py",
    "wsgiref/",
    "xmlrpc/",
    "zipapp.py",
)
"""Modules that need a network or a terminal, examine sources, or stand in for modules of C that are there.

No other module imports them when it is imported.
"""

EPOCH = (1980, 1, 1, 0, 0, 0)


def shipped_files() -> dict[str, Path]:
    """The modules of Disio that run in the browser, by their names inside the zip."""
    package = Path(disio.__file__).parent
    modules = [package / "__init__.py", package / "errors.py", *sorted((package / "unit").glob("**/*.py"))]
    return {f"disio/{module.relative_to(package).as_posix()}": module for module in modules}


def pack(original: Path, target: Path) -> None:
    """Writes the zip; the same input gives the same bytes.

    Not deflated, since it travels compressed as a whole: that saves 40 % on the wire, and inflating on import.
    """
    with zipfile.ZipFile(original) as source:
        contents = {
            name: source.read(name)
            for name in source.namelist()
            if not name.endswith("/") and not name.startswith(USELESS_IN_A_CELL)
        }
    contents.update((name, path.read_bytes()) for name, path in shipped_files().items())
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:
        for name in sorted(contents):
            packed.writestr(zipfile.ZipInfo(name, EPOCH), contents[name])
