"""Opening a data directory: one manager at a time, our own file only, brought to the newest schema."""

import secrets
import sqlite3
import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Final

import aiosql
import aiosqlite
import structlog

from disio.errors import StoreError
from disio.sqlite import ensure_whole, problems

DATABASE: Final = "manager.sqlite3"
APPLICATION_ID: Final = 0x4469736F
SCHEMAS: Final = sorted((Path(__file__).parent / "schema").glob("*.sql"))
"""All migrations, in order."""
CHECK_SECONDS: Final = 10.0
"""A database is checked for damage for so long at a start; that is enough for some gigabytes."""

CHECK_STEPS: Final = 100
"""After so many steps of the check (about one a page), the clock is looked at."""

_log = structlog.get_logger("disio.store")

queries: Any = aiosql.from_path(Path(__file__).parent / "queries.sql", "aiosqlite")


@asynccontextmanager
async def connections(data: Path) -> AsyncIterator[tuple[aiosqlite.Connection, aiosqlite.Connection]]:
    """The connection that writes and the one that reads, to the database in a (locked) data directory.

    Raises:
        StoreError: it is no database of ours, of a newer version, or cannot be written.
    """
    path = data / DATABASE
    try:
        if not await ensure_whole(path, lambda new: _prepare(new, path)):
            raise StoreError(_damaged(path, "it is empty"))
        async with aiosqlite.connect(path) as writer:
            await _prepare(writer, path)
            async with aiosqlite.connect(path) as reader:
                reader.row_factory = sqlite3.Row
                await queries.set_reading(reader)
                yield writer, reader
    except sqlite3.Error as error:
        raise StoreError(_reason(error, path)) from error


async def _prepare(writer: aiosqlite.Connection, path: Path) -> None:
    version: int = await queries.get_schema_version(writer)
    owner: int = await queries.get_application_id(writer)
    if owner != APPLICATION_ID and (owner or version or await queries.count_tables(writer)):
        raise StoreError(f"{path} is a SQLite database of another program; give another directory with --data")
    if version > len(SCHEMAS):
        raise StoreError(
            f"{path} was written by a newer version of Disio (schema {version}; this one knows {len(SCHEMAS)}); "
            "update Disio, or give another directory with --data"
        )
    await _check(writer, path)
    if not version:
        await queries.set_auto_vacuum(writer)
    await queries.set_wal(writer)
    await queries.set_writing(writer)
    for file in SCHEMAS[version:]:
        await writer.executescript(file.read_text())
    if await queries.get_meta(writer, key="manager") is None:
        letters = string.ascii_lowercase + string.digits
        await queries.set_meta(writer, [("manager", "".join(secrets.choice(letters) for _ in range(6))), ("leases", 1)])
        await writer.commit()


async def _check(connection: aiosqlite.Connection, path: Path) -> None:
    """Look for damage before anything is changed: every page, as far as the time allows."""
    missing = await queries.get_expected_size(connection) - _size(path)
    if missing > 0 and not _size(path.with_name(path.name + "-wal")):  # else the rest is in the log
        raise StoreError(_damaged(path, f"it is {missing:,} bytes shorter than it should be"))
    end = monotonic() + CHECK_SECONDS
    await connection.set_progress_handler(lambda: monotonic() > end, CHECK_STEPS)
    try:
        found = await queries.check_pages(connection)
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_INTERRUPT:
            raise
        _log.warning(
            "the database is too large to be checked as a whole at a start; `disio doctor` does", path=str(path)
        )
    else:
        if wrong := problems(found):
            raise StoreError(_damaged(path, wrong[0]))
    finally:
        await connection.set_progress_handler(None, 0)  # type: ignore[arg-type]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _damaged(path: Path, what: str) -> str:
    return (
        f"{path} is damaged ({what}); nothing was changed. `disio doctor {path.parent}` says more; start with the "
        "newest copy made by `disio backup`, or give another directory with --data"
    )


def _reason(error: sqlite3.Error, path: Path) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    match code:
        case sqlite3.SQLITE_NOTADB:
            return f"{path} is not a SQLite database; move it away, or give another directory with --data"
        case sqlite3.SQLITE_FULL:
            return f"the disk with {path} is full; make room and start again"
        case sqlite3.SQLITE_CORRUPT:
            return _damaged(path, str(error))
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return f"{path} cannot be written ({error}); give another directory with --data"
    return f"the database {path} cannot be used: {error}"
