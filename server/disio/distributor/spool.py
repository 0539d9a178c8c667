"""Results on disk while their manager is away: an SQLite file that survives a kill at any moment."""

import asyncio
import contextlib
import secrets
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Self

import aiosql
import aiosqlite
import msgspec
import structlog

from disio.claim import claimed
from disio.distributor.outbox import Parcel
from disio.errors import StoreError
from disio.sqlite import ensure_whole, problems
from disio.wire.grid import Results
from disio.wire.volunteer import ResultItem

SPOOL: Final = "spool.sqlite3"
APPLICATION_ID: Final = 0x44695370  # "DiSp"
VERSION: Final = 1
_HERE: Final = Path(__file__).parent
_QUERIES: Final[Any] = aiosql.from_path(_HERE / "spool.sql", "aiosqlite")

_log = structlog.get_logger("disio.spool")

_encode_items = msgspec.msgpack.Encoder().encode
_decode_items = msgspec.msgpack.Decoder(list[ResultItem]).decode


class Spool:
    """The spool in a data directory, of which one distributor at a time has the use.

    Open it with :meth:`opened`. One transaction is under way at a time; every method that writes
    returns after its commit.
    """

    def __init__(self, path: Path, connection: aiosqlite.Connection, limit: int) -> None:
        self._path = path
        self._db = connection
        self._limit = limit
        self._turn = asyncio.Lock()
        self.distributor = ""
        """The id of the distributor whose spool this is."""
        self.managers: set[str] = set()
        """Managers ever met."""
        self.parcels = 0
        self.size = 0
        """Bytes of all parcels."""

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, directory: Path, limit: int) -> AsyncIterator[Self]:
        """The spool of a data directory, which is made if it is not there.

        Args:
            directory: the distributor's data directory.
            limit: bytes that the spool may hold.

        Raises:
            StoreError: the directory cannot be written, another distributor uses it, or its spool
                is no SQLite file or of a newer version.
        """
        path = directory / SPOOL
        with claimed(directory, "distributor"):
            try:
                if not await ensure_whole(path, lambda new: cls(path, new, limit)._prepare()):
                    raise StoreError(_damaged(path, "it is empty"))
                async with aiosqlite.connect(path, isolation_level=None) as connection:
                    spool = cls(path, connection, limit)
                    await spool._prepare()
                    yield spool
            except sqlite3.DatabaseError as error:
                raise _explain(path, error) from error

    async def _prepare(self) -> None:
        application, version, tables = [
            (await (await self._db.execute(pragma)).fetchall())[0][0]  # type: ignore[index]
            for pragma in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema")
        ]
        if tables and application != APPLICATION_ID:
            raise StoreError(
                f"{self._path} is an SQLite file, but no spool of Disio; choose another directory with --data"
            )
        if version > VERSION:
            raise StoreError(
                f"{self._path} was written by a newer Disio (spool version {version}, this one reads {VERSION}); "
                "update Disio, or choose another directory with --data"
            )
        [(found,)] = await (await self._db.execute("PRAGMA quick_check(1)")).fetchall()
        if wrong := problems(found):
            raise StoreError(_damaged(self._path, wrong[0]))
        await self._db.execute("PRAGMA journal_mode=WAL")
        await self._db.execute("PRAGMA synchronous=FULL")
        if not tables:
            script = (_HERE / "spool_schema.sql").read_text()
            pragmas = f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION};"
            await self._db.executescript(f"BEGIN; {script} {pragmas} COMMIT;")
        await _QUERIES.set_meta(self._db, key="id", value=secrets.token_hex(4))
        self.distributor = await _QUERIES.get_meta(self._db, key="id")
        self.managers = {row[0] async for row in _QUERIES.list_managers(self._db)}
        self.parcels, self.size = await _QUERIES.sizes(self._db)
        async for manager, frames in _QUERIES.count_by_manager(self._db):
            _log.info("results wait in the spool for their manager; no other one gets them", id=manager, frames=frames)

    async def met(self, manager: str) -> None:
        """Remember a manager: its results are kept from now on, linked or not."""
        if manager not in self.managers:
            async with self._transaction():
                await _QUERIES.add_manager(self._db, manager=manager)
            self.managers.add(manager)

    async def put(self, manager: str, parcels: list[Parcel]) -> None:
        """Keep parcels; when this returns they survive a power cut.

        Raises:
            StoreError: the spool or the disk is full, and nothing was kept.
        """
        rows = [
            {
                "manager": manager,
                "task": parcel.results.task,
                "volunteer": parcel.results.volunteer,
                "items": _encode_items(parcel.results.items),
                "data": parcel.results.data,
            }
            for parcel in parcels
        ]
        size = sum(len(row["items"]) + len(row["data"]) for row in rows)
        if self.size + size > self._limit:
            raise StoreError(
                f"the spool {self._path} holds {self.size} bytes, and may hold {self._limit}; "
                "results are not acknowledged until a manager is back"
            )
        async with self._transaction():
            await _QUERIES.add_parcels(self._db, rows)
        self.parcels += len(rows)
        self.size += size

    async def after(self, manager: str, row: int) -> Parcel | None:
        """A manager's first parcel after a row (0: its first).

        Raises:
            StoreError: the file cannot be read at present.
        """
        async with self._turn:  # what a transaction under way has written is not there yet
            try:
                found = await _QUERIES.get_parcel(self._db, manager=manager, after=row)
            except sqlite3.Error as error:
                raise _explain(self._path, error) from error
        if found is None:
            return None
        number, task, volunteer, items, data = found
        return Parcel(Results(task, volunteer, _decode_items(items), data), number)

    async def delete(self, parcels: list[Parcel]) -> None:
        """Their manager has committed these.

        Raises:
            StoreError: the disk does not take it; all of them are still there.
        """
        if not parcels:
            return
        async with self._transaction():
            await _QUERIES.delete_parcels(self._db, [{"row": parcel.row} for parcel in parcels])
        self.parcels -= len(parcels)
        self.size -= sum(len(_encode_items(parcel.results.items)) + len(parcel.results.data) for parcel in parcels)

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        async with self._turn:
            try:
                await self._db.execute("BEGIN IMMEDIATE")
                yield
                await self._db.commit()
            except sqlite3.Error as error:
                await self._db.rollback()
                raise _explain(self._path, error) from error
            except BaseException:
                await self._db.rollback()
                raise


def _explain(path: Path, error: sqlite3.Error) -> StoreError:
    if "not a database" in str(error):
        return StoreError(f"{path} is no SQLite file; move it away, or choose another data directory with --data")
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT:
        return StoreError(_damaged(path, str(error)))
    return StoreError(f"the spool {path} cannot be used: {error}")


def _damaged(path: Path, what: str) -> str:
    return (
        f"{path} is damaged ({what}); `disio doctor {path.parent}` says more. Move it away (what it held is computed "
        "again), or choose another directory with --data"
    )
