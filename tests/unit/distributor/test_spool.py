"""The spool on a real disk, with real processes that die."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from disio.checkup import Level, look
from disio.distributor.checkup import DISTRIBUTOR, back_up
from disio.distributor.outbox import Parcel
from disio.distributor.spool import SPOOL, Spool
from disio.errors import StoreError
from disio.wire.grid import Results
from disio.wire.volunteer import ResultItem

MIB = 1024 * 1024


def parcel(lease: int, data: bytes = b"1") -> Parcel:
    """One result."""
    return Parcel(Results("m-1", "v", [ResultItem(lease, 0, len(data), 0.5, "said")], data))


async def leases(spool: Spool, manager: str) -> list[int]:
    """What is kept for a manager, in order."""
    found, row = [], 0
    while (kept := await spool.after(manager, row)) is not None:
        row = kept.row
        found.append(kept.results.items[0].lease)
    return found


async def test_in_order_by_manager(tmp_path: Path) -> None:
    """Parcels come back as they were put, in order, each manager's apart; deleted ones do not."""
    async with Spool.opened(tmp_path, MIB) as spool:
        await spool.put("m", [parcel(3), parcel(1)])
        await spool.put("n", [parcel(7)])
        await spool.put("m", [parcel(2)])
        assert await leases(spool, "m") == [3, 1, 2]
        first = await spool.after("m", 0)
        assert first is not None
        assert first.results == parcel(3).results
        await spool.delete([first])
        await spool.met("m")
    async with Spool.opened(tmp_path, MIB) as spool:
        assert await leases(spool, "m") == [1, 2]
        assert (spool.managers, spool.parcels) == ({"m"}, 3)
        for manager in ("m", "n"):
            while (kept := await spool.after(manager, 0)) is not None:
                await spool.delete([kept])
        assert (spool.parcels, spool.size) == (0, 0)


async def test_identity_stays(tmp_path: Path) -> None:
    """A distributor keeps its id over restarts; another directory is another distributor."""
    async with Spool.opened(tmp_path / "a", MIB) as spool:
        first = spool.distributor
    async with Spool.opened(tmp_path / "a", MIB) as spool:
        assert spool.distributor == first
    async with Spool.opened(tmp_path / "b", MIB) as spool:
        assert spool.distributor != first


async def test_bounded(tmp_path: Path) -> None:
    """Past its limit the spool keeps nothing of what is put, and what it had."""
    async with Spool.opened(tmp_path, 500) as spool:
        await spool.put("m", [parcel(1, bytes(300))])
        with pytest.raises(StoreError, match="may hold 500"):
            await spool.put("m", [parcel(2, bytes(300))])
        assert await leases(spool, "m") == [1]


async def test_full_disk(tmp_path: Path) -> None:
    """A disk that is full is a clear error, keeps nothing by half, and is over when there is room again."""
    async with Spool.opened(tmp_path, 100 * MIB) as spool:
        await spool.put("m", [parcel(1)])
        await spool._db.execute("PRAGMA max_page_count = 12")
        with pytest.raises(StoreError, match="full"):
            await spool.put("m", [parcel(2), parcel(3, bytes(MIB))])
        assert await leases(spool, "m") == [1]
        await spool._db.execute("PRAGMA max_page_count = 100000")
        await spool.put("m", [parcel(2), parcel(3, bytes(MIB))])
        assert await leases(spool, "m") == [1, 2, 3]


async def test_one_at_a_time(tmp_path: Path) -> None:
    """A second distributor on the same directory is refused, and let in when the first is gone."""
    async with Spool.opened(tmp_path, MIB):
        with pytest.raises(StoreError, match="another process"):
            async with Spool.opened(tmp_path, MIB):
                pass
    async with Spool.opened(tmp_path, MIB):
        pass


async def test_no_sqlite(tmp_path: Path) -> None:
    """A file that is no SQLite file is left alone, with a clear error."""
    (tmp_path / "spool.sqlite3").write_bytes(b"dear diary" * 1000)
    with pytest.raises(StoreError, match="no SQLite file"):
        async with Spool.opened(tmp_path, MIB):
            pass


async def test_one_of_which_nothing_is_left(tmp_path: Path) -> None:
    """A spool that is empty was cut off: it is not taken for a new one."""
    async with Spool.opened(tmp_path, MIB):
        pass
    (tmp_path / "spool.sqlite3").write_bytes(b"")
    with pytest.raises(StoreError, match=r"is damaged \(it is empty\)"):
        async with Spool.opened(tmp_path, MIB):
            pass


async def test_foreign_and_newer_files(tmp_path: Path) -> None:
    """A database of something else, or of a newer Disio, is left alone, with a clear error."""
    with sqlite3.connect(tmp_path / "spool.sqlite3") as database:
        database.execute("CREATE TABLE diary (entry)")
    with pytest.raises(StoreError, match="no spool of Disio"):
        async with Spool.opened(tmp_path, MIB):
            pass
    async with Spool.opened(tmp_path / "newer", MIB) as spool:
        await spool._db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer Disio"):
        async with Spool.opened(tmp_path / "newer", MIB):
            pass


async def test_unusable_directory(tmp_path: Path) -> None:
    """A data directory that cannot be made is a clear error that says how to choose another."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="--data"):
        async with Spool.opened(tmp_path / "file" / "data", MIB):
            pass


KILLED = """
import asyncio, sys
from pathlib import Path
from disio.distributor.outbox import Parcel
from disio.distributor.spool import Spool
from disio.wire.grid import Results
from disio.wire.volunteer import ResultItem
async def main():
    async with Spool.opened(Path(sys.argv[1]), 1 << 30) as spool:
        lease = 0
        while True:
            lease += 1
            await spool.put("m", [Parcel(Results("m-1", "v", [ResultItem(lease, 0, 1, 0.5)], b"1"))])
            print(lease, flush=True)
asyncio.run(main())
"""


async def test_survives_sigkill(tmp_path: Path) -> None:
    """Killed in the middle, a spool has every parcel whose put had returned, in order."""
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 50:
                os.kill(process.pid, signal.SIGKILL)
                break
        said = [line for line in process.stdout if line.endswith("\n")]
        last = int(said[-1]) if said else 50
    async with Spool.opened(tmp_path, 1 << 30) as spool:
        kept = await leases(spool, "m")
    assert kept == list(range(1, len(kept) + 1))
    assert last <= len(kept) <= last + 1


async def test_concurrent_use(tmp_path: Path) -> None:
    """Puts, deletions and readings at the same time do not disturb each other."""
    async with Spool.opened(tmp_path, 100 * MIB) as spool:
        await asyncio.gather(*(spool.put("m", [parcel(10 * group + n + 1) for n in range(10)]) for group in range(20)))

        async def drop_one(row: int) -> None:
            kept = await spool.after("m", row)
            assert kept is not None
            await spool.delete([kept])

        await asyncio.gather(
            *(drop_one(row) for row in range(0, 200, 2)), *(spool.put("n", [parcel(1)]) for _ in range(20))
        )
        assert len(await leases(spool, "m")) == 100
        assert spool.parcels == 120


async def test_what_is_for_managers_of_another_grid_stays_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A spool from elsewhere is opened and told; its results are sent to their own manager only, and not lost."""
    async with Spool.opened(tmp_path, MIB) as spool:
        await spool.met("theirs")
        await spool.put("theirs", [parcel(1), parcel(2)])
    async with Spool.opened(tmp_path, MIB) as spool:
        assert "results wait in the spool for their manager" in capsys.readouterr().out
        await spool.met("ours")
        assert await leases(spool, "ours") == []
        assert await leases(spool, "theirs") == [1, 2]
    findings = list(look(tmp_path, DISTRIBUTOR))
    assert all(finding.level is not Level.WRONG for finding in findings)
    [told] = [finding for finding in findings if finding.level is Level.NOTE]
    assert "2 frames of results" in told.what
    assert "manager theirs" in told.what
    assert "no other manager gets them" in told.do


async def test_a_damaged_spool_is_refused_and_told(tmp_path: Path) -> None:
    """Zeros in the midst of it: the distributor does not start with it, and the doctor says what is wrong."""
    async with Spool.opened(tmp_path, MIB) as spool:
        for number in range(40):
            await spool.put("m", [parcel(number, bytes(3000))])
    file = tmp_path / SPOOL
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 4096 // 2 * 4096)
        opened.write(b"\xff" * 4096)
    with pytest.raises(StoreError, match=r"is damaged .*disio doctor"):
        async with Spool.opened(tmp_path, MIB):
            pass
    assert any("is damaged" in finding.what for finding in look(tmp_path, DISTRIBUTOR))


async def test_a_spool_is_copied_and_frames_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """The copy of an open spool has all that was in it; bytes that are no results are counted."""
    async with Spool.opened(tmp_path / "one", MIB) as spool:
        await spool.met("m")
        await spool.put("m", [parcel(5)])
        (tmp_path / "two").mkdir()
        back_up(tmp_path / "one", tmp_path / "two", lambda _done, _total: None)
    async with Spool.opened(tmp_path / "two", MIB) as copied:
        assert await leases(copied, "m") == [5]
    with closing(sqlite3.connect(tmp_path / "two" / SPOOL)) as database:
        database.execute("UPDATE parcels SET items = x'00'")
        database.commit()
    assert any(
        "1 frame of results in the spool cannot be read" in one.what for one in look(tmp_path / "two", DISTRIBUTOR)
    )
