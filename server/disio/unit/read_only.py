"""Keeps shared data as it is where a unit runs on this machine: there, its files are the researcher's own.

In browsers the file system refuses writing. Here an audit hook (PEP 578) does, before the file is touched; it stays as
long as the process. It guards against mistakes: who wants to get around it can.
"""

import errno
import os
import sys
from collections.abc import Iterable
from typing import Any, Final

_CHANGES: Final = frozenset({"os.chmod", "os.link", "os.remove", "os.rename", "os.truncate"})
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_TRUNC


def keep(paths: Iterable[str]) -> None:
    """Refuse, with :class:`OSError`, whatever would change one of these files, for the rest of this process."""
    kept = frozenset(map(os.path.realpath, paths))
    if not kept:
        return

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            named = arguments[:1] if arguments[2] & _WRITING else ()
        else:
            named = arguments[:2] if event in _CHANGES else ()
        for path in named:
            if isinstance(path, str | bytes | os.PathLike) and os.path.realpath(os.fsdecode(path)) in kept:
                raise OSError(errno.EROFS, "shared data is read-only", os.fsdecode(path))

    sys.addaudithook(look)
