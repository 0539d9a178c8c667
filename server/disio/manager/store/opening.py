"""Opening a data directory: one manager at a time, our own file only, brought to the newest schema."""

import secrets
import sqlite3
import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiosql
import aiosqlite

from disio.errors import StoreError

DATABASE: Final = "manager.sqlite3"
APPLICATION_ID: Final = 0x4469736F
_SCHEMA: Final = Path(__file__).parent / "schema"

queries: Any = aiosql.from_path(Path(__file__).parent / "queries.sql", "aiosqlite")


@asynccontextmanager
async def connections(data: Path) -> AsyncIterator[tuple[aiosqlite.Connection, aiosqlite.Connection]]:
    """The connection that writes and the one that reads, to the database in a (locked) data directory.

    Raises:
        StoreError: it is no database of ours, of a newer version, or cannot be written.
    """
    path = data / DATABASE
    try:
        async with aiosqlite.connect(path) as writer:
            await _prepare(writer, path)
            async with aiosqlite.connect(path) as reader:
                reader.row_factory = sqlite3.Row
                await queries.set_reading(reader)
                yield writer, reader
    except sqlite3.Error as error:
        raise StoreError(_reason(error, path)) from error


async def _prepare(writer: aiosqlite.Connection, path: Path) -> None:
    files = sorted(_SCHEMA.glob("*.sql"))
    version: int = await queries.get_schema_version(writer)
    owner: int = await queries.get_application_id(writer)
    if owner != APPLICATION_ID and (owner or version or await queries.count_tables(writer)):
        raise StoreError(f"{path} is a SQLite database of another program; give another directory with --data")
    if version > len(files):
        raise StoreError(
            f"{path} was written by a newer version of Disio (schema {version}; this one knows {len(files)}); "
            "update Disio, or give another directory with --data"
        )
    if not version:
        await queries.set_auto_vacuum(writer)
    await queries.set_wal(writer)
    await queries.set_writing(writer)
    for file in files[version:]:
        await writer.executescript(file.read_text())
    if await queries.get_meta(writer, key="manager") is None:
        letters = string.ascii_lowercase + string.digits
        await queries.set_meta(writer, [("manager", "".join(secrets.choice(letters) for _ in range(6))), ("leases", 1)])
        await writer.commit()


def _reason(error: sqlite3.Error, path: Path) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    match code:
        case sqlite3.SQLITE_NOTADB:
            return f"{path} is not a SQLite database; move it away, or give another directory with --data"
        case sqlite3.SQLITE_FULL:
            return f"the disk with {path} is full; make room and start again"
        case sqlite3.SQLITE_CORRUPT:
            return f"{path} is damaged ({error}); restore it from a copy, or give another directory with --data"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return f"{path} cannot be written ({error}); give another directory with --data"
    return f"the database {path} cannot be used: {error}"
