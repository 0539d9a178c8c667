"""The database: what is refused, and what happens when the disk is full."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from disio.errors import StoreError
from disio.manager.store import Store
from disio.manager.store.opening import DATABASE, queries

from .scripted import eventually


async def opened(data: Path) -> str:
    """Open and close a store; its manager's id."""
    async with Store(data) as store:
        return store.manager


def task_row(number: int = 1) -> tuple[Any, ...]:
    """A task as it is stored."""
    return (
        number,
        "n",
        "f.py",
        "",
        "0" * 64,
        b"null",
        0,
        10.0,
        0,
        0,
        time.time(),
        0,
        "",
        "{}",
        "{}",
        0,
        "[]",
        "[]",
        "",
    )


async def test_manager_keeps_its_id(tmp_path: Path) -> None:
    """The id is made once: six lowercase letters or digits."""
    first = await opened(tmp_path / "new" / "directory")
    assert len(first) == 6
    assert first.isalnum()
    assert first == first.lower()
    assert await opened(tmp_path / "new" / "directory") == first


async def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file that is not SQLite is left alone, with an error that names it."""
    (tmp_path / DATABASE).write_bytes(b"my diary, " * 1000)
    with pytest.raises(StoreError, match="is not a SQLite database"):
        await opened(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == b"my diary, " * 1000


async def test_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """A newer schema is not touched; the error says to update."""
    await opened(tmp_path)
    with sqlite3.connect(tmp_path / DATABASE) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreError, match=r"newer version of Disio \(schema 999"):
        await opened(tmp_path)


@pytest.mark.parametrize("statement", ["CREATE TABLE diary (day)", "PRAGMA application_id = 5"])
async def test_database_of_another_program_is_refused(tmp_path: Path, statement: str) -> None:
    """A SQLite file that is not ours is left alone."""
    with sqlite3.connect(tmp_path / DATABASE) as connection:
        connection.execute(statement)
    with pytest.raises(StoreError, match="of another program"):
        await opened(tmp_path)


async def test_directory_is_for_one_manager_at_a_time(tmp_path: Path) -> None:
    """A second manager on the same directory is refused, even from another process."""
    async with Store(tmp_path):
        with pytest.raises(StoreError, match="another process is using"):
            await opened(tmp_path)
        script = (
            "import asyncio, sys, pathlib\nfrom disio.manager.store import Store\n"
            "asyncio.run(Store(pathlib.Path(sys.argv[1])).__aenter__())"
        )
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, str(tmp_path), stderr=subprocess.PIPE
        )
        _, noise = await child.communicate()
        assert b"another process is using" in noise
    assert await opened(tmp_path)


async def test_voters_that_were_not_stored_are(tmp_path: Path) -> None:
    """Whoever voted and was not stored, as version 13 could have it, is known again once the database is opened."""
    await opened(tmp_path)
    with sqlite3.connect(tmp_path / DATABASE) as connection:
        connection.execute(
            "INSERT INTO votes (task, idx, volunteer, lease, digest, stint, position, network, is_check) "
            "VALUES (1, 0, 'v', 1, x'00', 0, 0, 'net', 0)"
        )
        connection.execute("PRAGMA user_version = 13")
    async with Store(tmp_path) as store:
        (voter,) = await store.voters(1, ["v"])
    assert (voter.network, voter.trusted, voter.standing) == ("net", False, "good")


async def test_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A data directory that cannot be made is a clear error."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        await opened(tmp_path / "file")


async def test_a_manager_killed_while_it_makes_its_database_begins_anew(tmp_path: Path) -> None:
    """What was half made under another name is no obstacle, and is not taken for the database."""
    (tmp_path / f"{DATABASE}.new").write_bytes(b"half")
    assert await opened(tmp_path)
    assert [file.name for file in tmp_path.glob("*.new*")] == []


async def test_altered_database_is_refused(tmp_path: Path) -> None:
    """A database with a damaged header page is refused, not read."""
    await opened(tmp_path)
    path = tmp_path / DATABASE
    data = bytearray(path.read_bytes())
    data[100:1000] = b"\xff" * 900
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"damaged|cannot be used"):
        await opened(tmp_path)


async def test_lease_ids_are_never_used_again(tmp_path: Path) -> None:
    """After a restart new leases have higher ids, though no trace of the old ones is left."""
    async with Store(tmp_path) as store:
        first = store.take_lease_ids(10)
        second = store.take_lease_ids(5)
        await store.commit()
    assert second == first + 10
    async with Store(tmp_path) as store:
        assert store.take_lease_ids(1) >= second + 5


async def test_group_that_cannot_be_written_is_kept_and_tried_again(tmp_path: Path) -> None:
    """On a full disk nothing is reported as durable; once there is room, everything is there, in order."""
    async with Store(tmp_path) as store:
        store.group.tasks.append(task_row())
        await store.commit()
        used = (await (await store._writer.execute("PRAGMA page_count")).fetchone())[0]
        await store._writer.execute(f"PRAGMA max_page_count = {used + 2}")
        store.group.payloads.extend((1, index, bytes(4000)) for index in range(100))
        done = store.group.done
        with structlog.testing.capture_logs() as logs:
            committing = asyncio.create_task(store.commit())
            await eventually(lambda: store.retries >= 2)
            assert not done.done()
            assert "full" in store.trouble
            assert await store.open_payloads(1) == []
            store.group.payloads.append((1, 100, b"later"))
            await store._writer.execute("PRAGMA max_page_count = 1000000")
            await committing
        assert done.done()
        assert store.trouble == ""
        assert [entry["log_level"] for entry in logs] == ["error", "info"]
        await store.commit()
        assert await store.open_payloads(1) == list(range(101))


async def test_payload_cannot_be_leased_or_voted_on_twice(tmp_path: Path) -> None:
    """The database itself refuses a second open lease of a volunteer, and a second vote of it or of its network."""
    for rows in (
        {"leases": [(1, 1, 0, "a", 0.0, 1.0, 0), (2, 1, 0, "a", 0.0, 1.0, 0)]},
        {"votes": [(1, 0, "a", b"x", 0, 0, 1, "n", 0), (1, 0, "b", b"x", 0, 0, 2, "n", 0)]},
        {"votes": [(1, 0, "a", b"x", 0, 0, 1, None, 0), (1, 0, "a", b"x", 0, 0, 2, "n", 0)]},
    ):
        async with Store(tmp_path) as store:
            for name, values in rows.items():
                getattr(store.group, name).extend(values)
            with pytest.raises(sqlite3.IntegrityError):
                await store.commit()
            await store._writer.rollback()


async def test_results_come_in_pages_bounded_by_bytes(tmp_path: Path) -> None:
    """A page holds as many results as fit, but at least one, so that large ones can be read too."""
    big = 10 * 1024 * 1024
    async with Store(tmp_path) as store:
        store.group.tasks.append(task_row())
        store.group.payloads.extend((1, index, b"1") for index in range(4))
        sizes = [big, big, 10, 10]
        store.group.results.extend(
            (lease, 1, lease - 1, "a", 0, bytes(size), 1.0, None, 0.0, None) for lease, size in enumerate(sizes, 1)
        )
        store.group.verdicts.update({(1, index): (1, index, 1, index + 1, 1) for index in range(4)})
        await store.commit()
        pages = []
        after = -1
        while rows := await store.results(1, after, 100):
            pages.append([row["idx"] for row in rows])
            after = rows[-1]["idx"]
        assert pages == [[0], [1, 2, 3]]
        assert [index for index, _ in await store.payloads(1, [3, 1])] == [3, 1]
        assert [len(data) async for data in store.all_results(1)] == sizes


async def test_when_payloads_were_settled_never_goes_back(tmp_path: Path) -> None:
    """Times of settling grow with each verdict, over restarts too; outcomes come in their order or in that of index."""
    async with Store(tmp_path) as store:
        store.group.tasks.append(task_row())
        store.group.payloads.extend((1, index, b"1") for index in range(3))
        store.group.results.extend((lease, 1, lease, "a", 0, b"1", 1.0, None, 0.0, None) for lease in range(3))
        store.group.verdicts.update({(1, index): (1, index, 1, index, 1) for index in (2, 0)})
        await store.commit()
    async with Store(tmp_path) as store:
        store.group.clock.tick()
        store.group.verdicts[1, 1] = (1, 1, 1, 1, 1)
        await store.commit()
        settled = await store.outcomes(1, "settled", -1, 10, payloads=True)
        assert [row["idx"] for row in settled] == [2, 0, 1]
        assert [row["settled"] for row in settled] == sorted({row["settled"] for row in settled})
        later = await store.outcomes(1, "settled", settled[0]["settled"], 10, payloads=False)
        assert [(row["idx"], row["payload"]) for row in later] == [(0, b""), (1, b"")]
        ordered = await store.outcomes(1, "index", 0, 10, payloads=True)
        assert [(row["idx"], row["payload"]) for row in ordered] == [(1, b"1"), (2, b"1")]


def test_every_query_is_explained() -> None:
    """Each query of queries.sql has a sentence that says what it is for."""
    names = [name for name in queries.available_queries if not name.endswith("_cursor")]
    assert len(names) > 20
    assert [name for name in names if not getattr(queries, name).__doc__] == []
