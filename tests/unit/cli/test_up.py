"""``disio up``: a whole grid from one command, kept running and ended with it."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from disio.bundle import load
from disio.client import AsyncClient
from disio.errors import BundleError
from disio.testing import Process
from disio.testing.ports import free_port

PORTS = ("--dashboard-port", "0", "--distributor-port", "0", "--manager-port", "0")


@pytest.fixture
async def grid(tmp_path: Path) -> AsyncIterator[Process]:
    """``disio up`` on free ports."""
    try:
        load()
    except BundleError as error:
        pytest.skip(f"no bundle: {error}")
    process = Process(["up", "--data", str(tmp_path / "grid"), *PORTS], tmp_path / "up.log")
    await process.start()
    yield process
    await process.stop()


def children(pid: int) -> dict[str, int]:
    """The processes of a grid by kind."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
        found[words[words.index("disio") + 1]] = int(child)
    return found


def end(pid: int) -> asyncio.Future[None]:
    """Done when the process has ended."""
    loop = asyncio.get_running_loop()
    watched = os.pidfd_open(pid)
    ended = loop.create_future()
    loop.add_reader(watched, lambda: ended.done() or ended.set_result(None))

    def close(_: object) -> None:
        loop.remove_reader(watched)
        os.close(watched)

    ended.add_done_callback(close)
    return ended


async def test_it_is_ready_for_work_and_ends_at_once(grid: Process, tmp_path: Path) -> None:
    """The ready line names every address and the data; a unit can be submitted; SIGTERM ends all with status 0."""
    assert grid.ready["ready"] == "grid"
    assert grid.ready["data"] == str(tmp_path / "grid")
    async with AsyncClient(grid.ready["dashboard"]) as client:
        task = await client.submit(source="def run(payload):\n    return payload\n", params={"payloads": [1]})
        seen = await client.grid()
        assert [manager.id for manager in seen.managers] == [task.manager]
        assert seen.managers[0].address == grid.ready["manager"]
        while not seen.distributors:
            seen = await client.grid()
        assert seen.distributors[0].url == grid.ready["distributor"]
    ends = [end(pid) for pid in children(grid.pid).values()]
    assert len(ends) == 3
    assert await grid.stop() == 0
    await asyncio.wait_for(asyncio.gather(*ends), 5)


async def test_ctrl_c_ends_it_quietly(grid: Process) -> None:
    """Ctrl-C ends it with status 130, and nobody warns that somebody else of the grid is away."""
    os.kill(grid.pid, signal.SIGINT)
    await asyncio.wait_for(end(grid.pid), 20)
    assert await grid.stop() == 130
    assert "warning" not in grid.log_end()


async def test_a_child_that_dies_is_started_again_where_it_was(grid: Process) -> None:
    """A manager that is killed comes back at its address, with its tasks."""
    async with AsyncClient(grid.ready["dashboard"]) as client:
        task = await client.submit(source="def run(payload):\n    return payload\n", params={"payloads": [1]})
        (before,) = (await client.grid()).managers
        os.kill(children(grid.pid)["manager"], signal.SIGKILL)
        after = before
        while not after.reachable or after.since == before.since:
            (after,) = (await client.grid()).managers
        assert (await client.task(task.id)).id == task.id


async def test_a_distributor_behind_a_proxy_comes_back_where_it_was(tmp_path: Path) -> None:
    """The port of the public URL is the proxy's: a distributor that is killed listens on its own again."""
    try:
        load()
    except BundleError as error:
        pytest.skip(f"no bundle: {error}")
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        public = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        port = str(free_port())
        ports = ("--dashboard-port", "0", "--manager-port", "0", "--distributor-port", port)
        grid = Process(["up", "--data", str(tmp_path / "grid"), "--public-url", public, *ports], tmp_path / "up.log")
        await grid.start()
        try:
            assert grid.ready["distributor"] == public
            killed = children(grid.pid)["distributor"]
            ended = end(killed)
            os.kill(killed, signal.SIGKILL)
            await ended
            async with asyncio.timeout(20), httpx.AsyncClient(trust_env=False) as client:
                while True:
                    with contextlib.suppress(httpx.TransportError):
                        if (await client.get(f"http://127.0.0.1:{port}/health")).status_code == 200:
                            break
        finally:
            await grid.stop()


async def test_nothing_outlives_it_even_if_it_is_killed(grid: Process) -> None:
    """SIGKILL to ``disio up`` ends its three processes too."""
    ends = [end(pid) for pid in children(grid.pid).values()]
    os.kill(grid.pid, signal.SIGKILL)
    await asyncio.wait_for(asyncio.gather(*ends), 10)


async def test_a_child_that_cannot_start_ends_it_with_its_reason(grid: Process, tmp_path: Path) -> None:
    """A port that is taken is told by the child's own line, and nothing is left behind."""
    port = str(grid.ready["manager"]).rpartition(":")[2]
    second = Process(["up", "--data", str(tmp_path / "second"), *PORTS[:4], "--manager-port", port], tmp_path / "log")
    with pytest.raises(Exception, match=f"port {port}.*in use"):
        await second.start()
    assert not second.running


async def test_modules_in_the_folder_that_it_is_started_from_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A researcher's own random.py, platform.py or uvloop.py is nothing to the grid."""
    try:
        load()
    except BundleError as error:
        pytest.skip(f"no bundle: {error}")
    folder = tmp_path / "study"
    folder.mkdir()
    for name in ("random", "platform", "uvloop", "disio"):
        (folder / f"{name}.py").write_text(f"raise ImportError('this is the {name} of the study')\n")
    monkeypatch.chdir(folder)
    process = Process(["up", "--data", str(tmp_path / "grid"), *PORTS], tmp_path / "up.log")
    try:
        await process.start()
        assert len(children(process.pid)) == 3
    finally:
        await process.stop()
