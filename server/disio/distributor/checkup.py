"""A distributor's spool looked at: what waits in it, for whom, and whether it can be read."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import aiosql
import msgspec

from disio import sqlite
from disio.checkup import Finding, Kind, Level
from disio.distributor.spool import APPLICATION_ID, SPOOL, VERSION
from disio.figures import counted, size
from disio.wire.volunteer import ResultItem

_queries: Any = aiosql.from_path(Path(__file__).parent / "checkup.sql", "sqlite3")
_decode_items = msgspec.msgpack.Decoder(list[ResultItem]).decode


def _look(connection: sqlite3.Connection, _directory: Path) -> Iterator[Finding]:
    unreadable = sum(not _readable(items, length) for _row, items, length in _queries.get_parcels(connection))
    if unreadable:
        yield Finding(
            Level.WRONG,
            f"{counted(unreadable, 'frame')} of results in the spool cannot be read",
            "they are not sent; their payloads are computed again when their leases end. Report this, with a copy",
        )
    name = _queries.get_distributor(connection)
    waiting = list(_queries.get_waiting(connection))
    if not waiting:
        yield Finding(Level.GOOD, f"the spool of distributor {name} is empty")
    for manager, frames, volume, met in waiting:
        held = counted(frames, "frame of results waits", "frames of results wait")
        what = f"{held} for manager {manager} ({size(volume)})"
        if not met:
            yield Finding(
                Level.WRONG, f"{what}, which this distributor has never met", "this spool was altered by hand"
            )
        else:
            yield Finding(
                Level.NOTE,
                what,
                f"start manager {manager}, or link the distributor to it; no other manager gets them. "
                "If it is gone for good, so are its tasks: move the spool away",
            )


def _readable(items: bytes, length: int) -> bool:
    try:
        return sum(item.size for item in _decode_items(items)) == length
    except msgspec.DecodeError:
        return False


DISTRIBUTOR: Final = Kind("distributor", SPOOL, APPLICATION_ID, VERSION, _look)


def back_up(directory: Path, target: Path, on_progress: Callable[[int, int], None]) -> None:
    """Copy a distributor's spool, running or not, into another directory.

    Raises:
        StoreError: it cannot be copied.
    """
    sqlite.copy(directory / SPOOL, target / SPOOL, on_progress)
