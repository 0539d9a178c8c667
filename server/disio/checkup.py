"""What `disio doctor` finds out about a data directory, in words: what is wrong, and what to do."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from msgspec import Struct

from disio.claim import in_use
from disio.figures import size
from disio.sqlite import damage, queries, snapshot

LITTLE_BYTES: Final = 256 * 1024 * 1024
"""With less room on the disk than this, a busy grid soon stops."""


class Level(StrEnum):
    """How much a finding matters."""

    GOOD = "good"
    NOTE = "note"
    WRONG = "wrong"


class Finding(Struct, frozen=True):
    """One thing that was looked at. ``do``: what to do about it; empty if nothing is to be done."""

    level: Level
    what: str
    do: str = ""


class Kind(Struct, frozen=True):
    """A kind of data directory, and how to look at its database beyond what holds for all."""

    name: str
    database: str
    application_id: int
    version: int
    """The newest schema that this version of Disio knows."""
    look: Callable[[sqlite3.Connection, Path], Iterator[Finding]]


def kind_of(directory: Path, kinds: Sequence[Kind]) -> Kind | None:
    """Whose data directory this is, by the database in it; None: nobody's."""
    return next((kind for kind in kinds if (directory / kind.database).exists()), None)


def look(directory: Path, kind: Kind) -> Iterator[Finding]:
    """All findings about one data directory. Nothing in it is changed."""
    path = directory / kind.database
    if in_use(directory):
        yield Finding(Level.GOOD, f"a {kind.name} is using it now; what follows is as of this moment")
    else:
        yield Finding(Level.GOOD, f"no {kind.name} is using it now")
    yield from _look_at_files(directory, path)
    try:
        with snapshot(path) as connection:
            yield from _look_at_database(connection, path, kind)
    except sqlite3.Error as error:
        yield Finding(Level.WRONG, f"{path} cannot be read: {error}", _ways_out(path))


def _look_at_files(directory: Path, path: Path) -> Iterator[Finding]:
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK) or not os.access(path, os.R_OK | os.W_OK):
        yield Finding(
            Level.WRONG,
            f"{path} cannot be written by this user",
            "run this as the user that runs the grid, or chown it",
        )
    for place in (directory, path):
        if place.stat().st_mode & stat.S_IWOTH:
            yield Finding(Level.WRONG, f"everybody on this machine can change {place}", f"chmod o-w {place}")
    free = shutil.disk_usage(directory).free
    if free < LITTLE_BYTES:
        yield Finding(
            Level.WRONG,
            f"only {size(free)} are free on its disk; when that is full, nothing is accepted any more",
            "make room; `disio delete TASK` frees what ended tasks take",
        )
    else:
        yield Finding(Level.GOOD, f"{size(free)} are free on its disk")


def _look_at_database(connection: sqlite3.Connection, path: Path, kind: Kind) -> Iterator[Finding]:
    if not path.stat().st_size:
        yield Finding(Level.WRONG, f"{path} is empty: it was cut off", _ways_out(path))
        return
    owner, version = queries.get_application_id(connection), queries.get_schema_version(connection)
    if owner != kind.application_id:
        yield Finding(Level.WRONG, f"{path} is a database of another program", "move it away; give the right directory")
        return
    if version > kind.version:
        yield Finding(
            Level.WRONG,
            f"{path} was written by a newer version of Disio (schema {version}; this one knows {kind.version})",
            "update Disio",
        )
        return
    if version < kind.version:
        yield Finding(
            Level.NOTE,
            f"its schema is {version}; the next start brings it to {kind.version}",
            "nothing, but a copy by `disio backup` before an update is never wrong; then ask again",
        )
    wrong = damage(connection, path)
    for line in wrong:
        yield Finding(Level.WRONG, f"{path} is damaged: {line}", _ways_out(path))
    if wrong:
        return
    yield Finding(Level.GOOD, f"{path} is sound ({size(path.stat().st_size)}, schema {version})")
    missing = sum(1 for _ in queries.check_references(connection))
    if missing:
        yield Finding(Level.WRONG, f"{missing:,} rows refer to others that are not there", _ways_out(path))
    if version == kind.version:
        yield from kind.look(connection, path.parent)


def _ways_out(path: Path) -> str:
    return (
        "stop the process that uses it and keep the whole directory as it is; start with the newest copy made by "
        f"`disio backup`, or rescue what is readable: sqlite3 {path} .recover | sqlite3 NEW-DIRECTORY/{path.name} "
        "(by the sqlite3 of sqlite.org; some distributions' cannot recover)"
    )
