"""``disio backup`` and ``disio doctor`` with a manager's real data, sound and damaged."""

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import DEVNULL, PIPE, CompletedProcess

import pytest

from disio.checkup import Finding, Level, look
from disio.errors import StoreError
from disio.filestore import FileStore
from disio.manager.store import Store
from disio.manager.store.checkup import FOLDER, MANAGER, back_up
from disio.manager.store.opening import DATABASE
from disio.unit.codec import decode

from .scripted import ScriptedDistributor, linked, manager

DOUBLE = '"""Doubles."""\ndef run(payload):\n    return payload * 2\n'
PAGE = 4096


async def disio(*arguments: object) -> CompletedProcess[str]:
    """Run the command in a process of its own."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "disio", *map(str, arguments)),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "COLUMNS": "200"},
    )
    said, complained = await asyncio.wait_for(child.communicate(), 60)
    return CompletedProcess(arguments, child.returncode or 0, said.decode(), complained.decode())


def diagnosed(data: Path) -> list[Finding]:
    """What the doctor finds wrong."""
    return [finding for finding in look(data, MANAGER) if finding.level is Level.WRONG]


async def _compute(directory: Path) -> None:
    async with linked(directory, "v1") as one:
        done = (await one.submit(DOUBLE, {"stop": 2000})).task
        async with one.working(["v1"], lambda payload: payload * 2):
            await one.ended(done)
        await one.submit(DOUBLE, {"stop": 30})
        await one.leases("v1", 3)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a manager that has done something and was stopped."""
    directory = tmp_path_factory.mktemp("stopped") / "manager"
    asyncio.run(_compute(directory))
    return directory


@pytest.fixture
def data(stopped: Path, tmp_path: Path) -> Path:
    """A copy of that, to be harmed."""
    return Path(shutil.copytree(stopped, tmp_path / "manager"))


async def test_a_copy_of_a_running_manager_goes_on_where_it_was(tmp_path: Path) -> None:
    """Whatever was acknowledged before is in the copy, though the manager wrote all the while; it is given out anew."""
    source = tmp_path / "manager"
    async with manager(source) as address, ScriptedDistributor(address) as one:
        await one.hello()
        await one.join("v1", "v2")
        task = (await one.submit(DOUBLE, {"stop": 60_000})).task
        async with one.working(["v1", "v2"], lambda payload: payload * 2):
            before = (await one.when(task, lambda view: view.accepted >= 2000)).accepted
            told = await disio("backup", tmp_path / "copy", "--data", source)
            assert told.returncode == 0, told.stderr
            assert "and checked" in told.stdout
            assert (await one.task(task)).accepted > before, "the manager stood still meanwhile"
        assert diagnosed(source) == [], "it may be looked at while it runs"
        later = (await one.submit(DOUBLE, {"stop": 3})).task
        leases = set(one.acked) | {lease.lease for held in one.held.values() for lease in held}
    assert diagnosed(tmp_path / "copy") == []
    assert sorted(path.name for path in (tmp_path / "copy").iterdir() if not path.name.endswith(("-shm", "-wal"))) == [
        DATABASE
    ]
    async with linked(tmp_path / "copy", "v1") as one:
        view = await one.task(task)
        assert before <= view.accepted < 60_000
        held = await one.leases("v1", 5)
        assert leases.isdisjoint(lease.lease for lease in held)
        assert (await one.submit(DOUBLE, {"stop": 3})).task != later
        await one.answer("v1", held, lambda payload: payload * 2)
        async with one.working(["v1"], lambda payload: payload * 2):
            await one.ended(task)
        assert [decode(item.data) for item in await one.results(task)] == [2 * number for number in range(60_000)]


async def test_a_copy_of_a_stopped_manager(data: Path, tmp_path: Path) -> None:
    """It needs no manager; a directory with something in it is left alone, one without data is named."""
    told = await disio("backup", tmp_path / "copy", "--data", data, "--json")
    assert json.loads(told.stdout)[0]["kind"] == "manager"
    again = await disio("backup", tmp_path / "copy", "--data", data)
    assert (again.returncode, "there already" in again.stderr) == (2, True)
    inside = await disio("backup", data / "copy", "--data", data)
    assert (inside.returncode, "own directory" in inside.stderr) == (2, True)
    assert not (data / "copy").exists()
    nothing = await disio("backup", tmp_path / "other", "--data", tmp_path / "copy" / "nowhere")
    assert (nothing.returncode, "no directory" in nothing.stderr) == (2, True)
    assert "disio backup DEST --data DIRECTORY" in nothing.stderr
    (tmp_path / "empty").mkdir()
    nothing = await disio("doctor", tmp_path / "empty")
    assert (nothing.returncode, "no data of Disio" in nothing.stderr) == (2, True)
    assert "disio doctor DIRECTORY" in nothing.stderr


async def test_sound_data_is_called_sound(data: Path) -> None:
    """A stopped manager's directory, open leases and all, has nothing wrong, and nothing in it is changed."""
    before = (data / DATABASE).read_bytes()
    told = await disio("doctor", data)
    assert told.returncode == 0, told.stdout
    for says in ("no manager is using it", "is sound", "fit together", "1 finished, 1 running"):
        assert says in told.stdout
    assert (data / DATABASE).read_bytes() == before


def truncate(file: Path) -> None:
    """Lose the last third."""
    os.truncate(file, file.stat().st_size // 3 * 2 // PAGE * PAGE)


def cut(file: Path) -> None:
    """Lose the last bytes."""
    os.truncate(file, file.stat().st_size - 100)


def flip(file: Path) -> None:
    """Other bytes in a page in the middle."""
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // PAGE // 2 * PAGE)
        opened.write(os.urandom(PAGE))


def blank(file: Path) -> None:
    """Nothing but zeros in a page."""
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // PAGE // 3 * PAGE)
        opened.write(bytes(PAGE))


def head(file: Path) -> None:
    """The first bytes, by which SQLite knows its files."""
    with file.open("r+b") as opened:
        opened.write(b"something else  ")


def empty(file: Path) -> None:
    """Nothing is left."""
    file.write_bytes(b"")


@pytest.mark.parametrize("harm", [truncate, cut, empty, flip, blank, head])
async def test_damaged_data_is_told_and_not_started_with(
    data: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    """The manager refuses and names the ways out; the doctor says what is wrong; no copy is called good."""
    file = data / DATABASE
    harm(file)
    before = file.read_bytes()
    wrong = diagnosed(data)
    assert wrong
    assert all(finding.do for finding in wrong)
    with pytest.raises(StoreError, match="give another directory with --data") as refused:
        async with Store(data):
            pass
    if harm is not head:
        for way in ("is damaged", "disio doctor", "disio backup"):
            assert way in str(refused.value)
    assert file.read_bytes() == before, "what could be rescued was touched"
    with pytest.raises(StoreError, match=r"is damaged|cannot be copied"):
        back_up(data, tmp_path, lambda _done, _total: None)
    assert [path for path in tmp_path.iterdir() if path != data] == [], "a copy that failed leaves nothing"


async def test_an_answer_that_is_not_what_was_voted_for_is_told(tmp_path: Path) -> None:
    """Votes remember what was answered: an answer that was altered on the disk does not fit them any more."""
    async with linked(tmp_path, "v1", "v2") as one:
        done = (await one.submit(DOUBLE, {"stop": 20}, checking={"quorum": 2})).task
        async with one.working(["v1", "v2"], lambda payload: payload * 2):
            await one.ended(done)
    assert not diagnosed(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database, database:
        database.execute("UPDATE results SET data = '77' WHERE lease = (SELECT lease FROM verdicts WHERE idx = 7)")
    (finding,) = diagnosed(tmp_path)
    assert finding.what.startswith("1 answer is not what was voted for")
    assert "disio backup" in finding.do


async def test_the_command_line_tells_of_damage(data: Path) -> None:
    """The doctor's status is 1 and it says what to do; a manager that cannot start says so in one line."""
    truncate(data / DATABASE)
    told = await disio("doctor", data, "--json")
    [report] = json.loads(told.stdout)
    assert (told.returncode, report["kind"], report["healthy"]) == (1, "manager", False)
    assert "WRONG" in (await disio("doctor", data)).stdout
    told = await disio("manager", "--data", data, "--port", 0, "--no-announce")
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (1, "", 1)
    assert "is damaged" in told.stderr
    told = await disio("backup", data.parent / "new" / "copy", "--data", data)
    assert (told.returncode, "cannot be copied" in told.stderr) == (1, True)
    assert not (data.parent / "new").exists(), "a copy that failed leaves no directory"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE tasks SET accepted = accepted - 1 WHERE accepted > 0", "counts 1,999 accepted, but there are 2,000"),
        ("UPDATE tasks SET stored = stored + 5 WHERE state = 'running'", "counts 35 payloads, but there are 30"),
        ("DELETE FROM tasks WHERE state = 'running'", "30 payloads belong to tasks that are not there"),
        ("DELETE FROM results WHERE idx < 7", "7 settled payloads rest on no result"),
        ("DELETE FROM payloads WHERE idx < 7 AND task = 1", "7 results are of payloads that are not there"),
        ("UPDATE leases SET task = 1", "3 leases are of payloads that need none"),
        ("UPDATE meta SET value = 4 WHERE key = 'leases'", "have numbers that could be given once more"),
        ("DELETE FROM files", "2 rows refer to others that are not there"),
    ],
)
def test_rows_that_do_not_fit_together_are_told(data: Path, change: str, says: str) -> None:
    """What SQLite finds nothing wrong with may still be wrong: each mismatch is said in words."""
    with closing(sqlite3.connect(data / DATABASE)) as database:
        database.execute(change)
        database.commit()
    wrong = diagnosed(data)
    assert any(says in finding.what for finding in wrong), wrong


def test_other_versions_and_other_programs_are_told(data: Path) -> None:
    """The schema's version and the owner are looked at before anything else."""
    for pragma, says in (("user_version = 999", "newer version"), ("application_id = 7", "another program")):
        with closing(sqlite3.connect(data / DATABASE)) as database:
            database.execute(f"PRAGMA {pragma}")
        [finding] = diagnosed(data)
        assert says in finding.what


def test_permissions_are_looked_at(data: Path) -> None:
    """A database that everybody may change is not called healthy."""
    (data / DATABASE).chmod(0o666)
    [finding] = diagnosed(data)
    assert finding.do == f"chmod o-w {data / DATABASE}"


async def test_a_large_database_is_checked_in_part_only(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A start does not wait for ever: when the time for the check is over it goes on, and says so."""
    monkeypatch.setattr("disio.manager.store.opening.CHECK_SECONDS", -1.0)
    async with Store(data) as store:
        assert len(await store.tasks()) == 2
    assert "too large to be checked" in capsys.readouterr().out


async def test_a_directory_in_use_is_refused_and_said_to_be(data: Path) -> None:
    """While a manager runs, a second one is refused, and the doctor sees the first."""
    async with manager(data):
        with pytest.raises(StoreError, match="another process is using"):
            async with Store(data):
                pass
        assert "a manager is using it now" in (await disio("doctor", data)).stdout


def test_files_that_tasks_need_are_looked_at_and_copied(data: Path, tmp_path: Path) -> None:
    """A file of a task's kit is in the copy; one that is missing or altered is told, and no copy is called whole."""
    content = b"shared data"
    sha256 = hashlib.sha256(content).hexdigest()
    kit = json.dumps({"data": {"table.csv": {"sha256": sha256, "size": len(content)}}})
    with closing(sqlite3.connect(data / DATABASE)) as database:
        database.execute("UPDATE tasks SET kit = ? WHERE number = 1", (kit,))
        database.commit()
    assert any("is missing" in finding.what for finding in diagnosed(data))
    FileStore(data / FOLDER).put(sha256, len(content), 0, content)
    assert diagnosed(data) == []
    back_up(data, tmp_path, lambda _done, _total: None)
    copy = FileStore(tmp_path / FOLDER).path(sha256)
    assert copy is not None
    assert copy.read_bytes() == content
    copy.write_bytes(b"shared dat4")
    assert any("is altered" in finding.what for finding in diagnosed(tmp_path))
    (tmp_path / "again").mkdir()
    with pytest.raises(StoreError, match="missing or altered"):
        back_up(tmp_path, tmp_path / "again", lambda _done, _total: None)
