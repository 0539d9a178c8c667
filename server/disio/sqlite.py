"""Our SQLite files, whoever's they are: made whole or not at all; read without being changed; copied; checked."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import aiosql
import aiosqlite

from disio.errors import StoreError

COPY_PAGES: Final = 1000
"""Pages copied between two words about how far it is."""

queries: Any = aiosql.from_path(Path(__file__).parent / "sqlite.sql", "sqlite3")


@contextlib.contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads, and sees one moment of the database however much is written meanwhile.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    # A read-only connection does not even move the write-ahead log into the file.
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.isolation_level = None
        connection.execute("BEGIN")
        list(queries.get_schema(connection))
        yield connection


async def ensure_whole(path: Path, make: Callable[[aiosqlite.Connection], Awaitable[None]]) -> bool:
    """Make a database if there is none, whole or not at all; False if there is one of which nothing is left.

    As ours are never seen before they are made, one without a byte is one that was cut off.

    Args:
        path: where it is, or is to be.
        make: is given a connection to an empty database.
    """
    if await asyncio.to_thread(path.exists):
        return bool((await asyncio.to_thread(path.stat)).st_size)
    new = await asyncio.to_thread(_place_beside, path)
    async with aiosqlite.connect(new, isolation_level=None) as connection:
        await make(connection)
    await asyncio.to_thread(_put_in_place, new, path)
    return True


def _place_beside(path: Path) -> Path:
    new = path.with_name(path.name + ".new")
    for rest in ("", "-wal", "-shm", "-journal"):  # of one who was killed at it
        new.with_name(new.name + rest).unlink(missing_ok=True)
    return new


def _put_in_place(new: Path, path: Path) -> None:
    new.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def problems(found: str) -> list[str]:
    """What a row of an integrity check says: each problem by itself, none if all is well."""
    return [line for line in found.splitlines() if line != "ok" and not line.startswith("***")]


def damage(connection: sqlite3.Connection, path: Path) -> list[str]:
    """What is wrong with the pages of a database, in SQLite's words; empty if nothing is. Reads all of the file."""
    try:
        missing = queries.count_pages(connection) * queries.get_page_size(connection) - path.stat().st_size
        log = path.with_name(path.name + "-wal")
        if missing > 0 and not (log.exists() and log.stat().st_size):  # else the rest is in the log
            return [f"the file is {missing:,} bytes shorter than it should be"]
        return [line for (found,) in queries.check_integrity(connection) for line in problems(found)]
    except sqlite3.DatabaseError as error:
        return [str(error)]


def copy(source: Path, target: Path, on_progress: Callable[[int, int], None]) -> None:
    """Copy a database as it is at one moment, also while others write to it, and check the copy.

    Args:
        source: the database.
        target: a file that is not there.
        on_progress: called with bytes copied and bytes in all.

    Raises:
        StoreError: it cannot be read or written, or the copy is damaged, as is then the source.
    """
    part = target.with_name(target.name + ".part")
    try:
        part.unlink(missing_ok=True)
        _copy(source, part, on_progress)
        part.rename(target)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{source} cannot be copied to {target}: {error}") from None
    finally:
        for rest in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(OSError):
                part.with_name(part.name + rest).unlink(missing_ok=True)


def _copy(source: Path, part: Path, on_progress: Callable[[int, int], None]) -> None:
    if not source.stat().st_size:
        raise StoreError(f"{source} is damaged (it is empty), and is not copied; `disio doctor` says what to do")
    with snapshot(source) as reading, contextlib.closing(sqlite3.connect(part)) as writing:
        size = queries.get_page_size(reading)
        reading.backup(
            writing,
            pages=COPY_PAGES,
            progress=lambda _status, left, pages: on_progress((pages - left) * size, pages * size),
        )
    with snapshot(part) as copied:
        wrong = damage(copied, part)
    if wrong:
        raise StoreError(
            f"{source} is damaged ({wrong[0]}), and so was its copy, which is not kept; "
            "`disio doctor` says more about it"
        )
