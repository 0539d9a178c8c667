"""The files of a task go with it, but for those that are of use to others."""

import hashlib
from pathlib import Path

from disio.filestore import FileStore
from disio.manager.shelf import delete, take_down
from disio.manager.store.checkup import FOLDER
from disio.wire import grid
from disio.wire.kit import FileRef, Kit

from .scripted import ScriptedDistributor, linked

UNIT = "def run(payload):\n    return payload\n"
LARGE, SMALL = b"l" * 700_000, b"s" * 300_000


def name_of(content: bytes) -> str:
    """A file's name is its hash."""
    return hashlib.sha256(content).hexdigest()


def kit(*contents: bytes) -> Kit:
    """A kit with these files as shared data."""
    return Kit(data={f"d{place}": FileRef(name_of(each), len(each)) for place, each in enumerate(contents)})


async def put(one: ScriptedDistributor, *contents: bytes) -> None:
    """Ask for files, and send those that are not there, as clients do before they submit."""
    view = await one.call(grid.FindFiles(files=[name_of(each) for each in contents]), grid.FilesView)
    for each in contents:
        if view.received[name_of(each)] < len(each):
            piece = grid.PutFile(sha256=name_of(each), size=len(each), offset=0, data=each)
            assert (await one.call(piece, grid.FilesView)).received == {name_of(each): len(each)}


async def submit(one: ScriptedDistributor, *contents: bytes) -> str:
    """Put files and submit a task that names them."""
    await put(one, *contents)
    return (await one.submit(UNIT, {"stop": 1}, kit=kit(*contents))).task


async def remove(one: ScriptedDistributor, task: str) -> int:
    """Delete a task; how many bytes that has freed."""
    deletion = await one.call(grid.DeleteTask(task=task, force=True, wait=20), grid.Deletion)
    assert deletion.done
    return deletion.freed


async def test_files_go_with_the_last_task_that_names_them(tmp_path: Path) -> None:
    """What another task names stays; what a deletion says it has freed counts files too, and they are gone."""
    kept = FileStore(tmp_path / FOLDER)
    async with linked(tmp_path) as one:
        first = await submit(one, LARGE, SMALL)
        second = await submit(one, SMALL)
        freed = await remove(one, first)
        assert len(LARGE) <= freed < len(LARGE) + len(SMALL)
        assert (set(kept.names()), kept.size()) == ({name_of(SMALL)}, len(SMALL))
        assert await remove(one, second) >= len(SMALL)
        assert kept.size() == 0
        await submit(one, LARGE)
        assert set(kept.names()) == {name_of(LARGE)}


async def test_files_that_somebody_has_asked_for_stay(tmp_path: Path) -> None:
    """Who was told that a file is there can submit a task that names it, though another's task goes in between."""
    async with linked(tmp_path) as one:
        task = await submit(one, LARGE)
        await put(one, LARGE)
        assert await remove(one, task) < len(LARGE)
        task = (await one.submit(UNIT, {"stop": 1}, kit=kit(LARGE))).task
        assert await remove(one, task) >= len(LARGE)
        assert FileStore(tmp_path / FOLDER).size() == 0


def test_unpacked_packages_go_too(tmp_path: Path) -> None:
    """They are out of reach at once, and their bytes are counted; what is not unpacked is passed over."""
    for name in ("gone", "stays"):
        (tmp_path / name / "package").mkdir(parents=True)
        (tmp_path / name / "package" / "__init__.py").write_bytes(b"#" * 500)
    taken = take_down(tmp_path, ["gone", "never was"])
    assert not (tmp_path / "gone").exists()
    assert delete(taken) == 500
    assert [path.name for path in tmp_path.iterdir()] == ["stays"]
