"""Researchers' code in a subprocess: what it gives, and what it may not do."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from disio.errors import UnitError
from disio.manager.sandbox import Code, Limits, Made, Total, reduce, split
from disio.unit.codec import decode, encode

from .scripted import eventually

NO_ROOM = """
import asyncio, os, subprocess, sys, tempfile
from disio.manager.sandbox import Limits, Made
from tests.chaos.namespaces import enter
from tests.unit.manager.test_sandbox import code, made
folder = sys.argv[1]
if not enter().mounts:
    sys.exit(77)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=2", "none", folder], check=True)
open(folder + "/filler", "w").close()
tempfile.tempdir = folder

async def main():
    splitting = asyncio.create_task(made(code("def split(params):\\n    yield params\\n", 5)))
    await asyncio.sleep(0.3)
    assert not splitting.done()
    os.unlink(folder + "/filler")
    assert (await splitting)[0] == [5]

asyncio.run(main())
"""
QUICK = Limits(silence=20.0)


def code(source: str, params: Any = None) -> Code:
    """A unit's code with parameters."""
    whole = f"{source}\ndef run(payload):\n    return payload\n"
    return Code(source=whole, filename="unit.py", params=encode(params), has_split="def split" in source)


async def made(of: Code, limits: Limits = QUICK, **options: Any) -> tuple[list[Any], str]:
    """All payloads that split gives, and the last digest."""
    payloads, digest = [], ""
    async with contextlib.aclosing(split(of, limits, **options)) as batches:
        async for batch in batches:
            if isinstance(batch, Made):
                payloads += [decode(data) for data in batch.payloads]
                digest = batch.digest
    return payloads, digest


async def given(count: int) -> AsyncIterator[bytes]:
    """So many results."""
    for number in range(count):
        yield encode(number)


async def test_split_gives_payloads_in_order() -> None:
    """What a generator yields arrives whole and in order, though it comes in batches."""
    source = "def split(params):\n    for number in range(params):\n        yield [number, 'x']\n"
    payloads, _ = await made(code(source, 5000))
    assert payloads == [[number, "x"] for number in range(5000)]


async def test_unit_without_split_tells_how_many_there_will_be() -> None:
    """The default split knows its number at once, and does not execute the module."""
    unit = code("import js_of_the_browser\n", {"start": 5, "stop": 3000})
    batches = [batch async for batch in split(unit, QUICK)]
    assert batches[0] == Total(2995)
    payloads = [data for batch in batches[1:] if isinstance(batch, Made) for data in batch.payloads]
    assert [decode(data) for data in payloads] == list(range(5, 3000))
    rest, _ = await made(unit, skip=2990)
    assert rest == list(range(2995, 3000))


async def test_slow_split_gives_each_payload_when_it_is_there() -> None:
    """A payload does not wait for the next one that is slow to come."""
    source = "import time\ndef split(params):\n    yield 1\n    yield 2\n    time.sleep(600)\n    yield 3\n"
    async with contextlib.aclosing(split(code(source), QUICK)) as batches:
        got: list[Any] = []
        async with asyncio.timeout(20):
            while len(got) < 2:
                batch = await anext(batches)
                assert isinstance(batch, Made)
                got += [decode(data) for data in batch.payloads]
    assert got == [1, 2]


async def test_split_that_raises_is_told_with_its_own_traceback() -> None:
    """The error has the researcher's file, line and source."""
    source = "def split(params):\n    yield 1\n    yield 1 / params\n"
    with pytest.raises(UnitError) as caught:
        await made(code(source, 0))
    text = str(caught.value)
    assert text.startswith("split failed with the parameters 0: ZeroDivisionError: division by zero\n")
    assert 'File "unit.py", line 3' in text
    assert "yield 1 / params" in text
    assert "sandbox" not in text


@pytest.mark.parametrize("body", ["while True: pass", "import time; time.sleep(600)"])
async def test_split_that_never_ends_is_stopped(body: str) -> None:
    """A split that gives nothing for too long is ended, whatever it does meanwhile."""
    source = f"def split(params):\n    yield 1\n    {body}\n    yield 2\n"
    with pytest.raises(UnitError, match=r"split gave no payload for 0\.5 s"):
        await made(code(source), Limits(silence=0.5))


async def test_ten_million_payloads_are_made_only_as_they_are_taken() -> None:
    """A huge split costs nothing before its payloads are asked for: the child is blocked, its memory stays small."""
    source = "def split(params):\n    for number in range(10_000_000):\n        yield number\n"
    async with contextlib.aclosing(split(code(source), QUICK)) as batches:
        taken = 0
        async for batch in batches:
            assert isinstance(batch, Made)
            taken += len(batch.payloads)
            if taken >= 200_000:
                break
        children = child_processes()
        assert len(children) == 1
        await quiet(children[0])
        assert resident(children[0]) < 100 * 2**20
    await eventually(lambda: not Path(f"/proc/{children[0]}").exists())


def child_processes() -> list[int]:
    """Pids of this process's children."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def quiet(pid: int) -> None:
    """Return when a process's main thread waits in the kernel and has used no processor time for a while."""
    before, unchanged = -1, 0
    async with asyncio.timeout(20):
        while unchanged < 5:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used = int(fields[11]) + int(fields[12])
            unchanged = unchanged + 1 if used == before else 0
            before = used
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import os\ndef split(params):\n    os._exit(3)\n", r"ended its process \(status 3\)"),
        ("import os, signal\ndef split(params):\n    os.kill(os.getpid(), signal.SIGKILL)\n", "SIGKILL"),
        ("def split(params):\n    yield 1\n    raise SystemExit(0)\n", "SystemExit"),
        ("def split(params):\n    return 5\n", "not iterable"),
        ("def split(params):\n    yield object()\n", "payload 0 of split"),
        ("def split(params):\n    yield bytes(17 * 2**20)\n", "16,777,216 bytes"),
        ("import nothing_of_this_name\ndef split(params):\n    yield 1\n", "nothing_of_this_name"),
        ("def split(params):\n    yield bytearray(8 * 2**30)\n", "MemoryError|memory"),
    ],
)
async def test_whatever_split_does_is_a_clear_error(source: str, message: str) -> None:
    """Ending the process, odd values, missing modules, too much memory: each is told, and harms nothing."""
    with pytest.raises(UnitError, match=message):
        await made(code(source))


async def test_printing_does_not_disturb() -> None:
    """What split prints, past Python's sys.stdout too, does not end up among the payloads."""
    source = (
        "import os\ndef split(params):\n    print('noise')\n    os.write(1, b'more noise')\n"
        "    os.system('echo even more')\n    yield 1\n"
    )
    assert (await made(code(source)))[0] == [1]


async def test_split_goes_on_after_what_was_made_before() -> None:
    """With the number and digest of earlier payloads, only later ones are given, and the digest goes on."""
    unit = code("def split(params):\n    yield from range(100)\n")
    everything, last = await made(unit)
    some: list[bytes] = []
    async with contextlib.aclosing(split(unit, QUICK)) as batches:
        first = await anext(batches)
        assert isinstance(first, Made)
        some, digest = first.payloads, first.digest
    rest, end = await made(unit, skip=len(some), digest=digest)
    assert [decode(data) for data in some] + rest == everything
    assert end in {last, ""}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import os\ndef split(params):\n    while True:\n        yield os.urandom(4)\n", "other payloads than before"),
        ("def split(params):\n    yield 1\n", r"1 payload where it had given 3 before"),
    ],
)
async def test_split_that_does_not_repeat_itself_is_refused(source: str, message: str) -> None:
    """A split that gives other payloads after a restart is an error that says why."""
    with pytest.raises(UnitError, match=message):
        await made(code(source), skip=3, digest="0" * 64)


async def test_reduce_gets_results_and_parameters() -> None:
    """Reduce makes the answer from results that are handed to it as it asks for them."""
    source = "def reduce(results, params):\n    return [sum(results), params]\n"
    assert decode(await reduce(code(source, "p"), QUICK, given(10_000))) == [sum(range(10_000)), "p"]


async def test_reduce_may_stop_early() -> None:
    """A reduce that looks at the first results only leaves the others unread."""
    source = "def reduce(results, params):\n    return next(results)\n"
    assert decode(await reduce(code(source), QUICK, given(1_000_000))) == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('nothing fits')", "ValueError: nothing fits"),
        ("return lambda: 1", "the answer of reduce"),
        ("import os; os._exit(1)", r"reduce ended its process \(status 1\)"),
        ("while True: pass", r"reduce took more than 2 s"),
    ],
)
async def test_reduce_that_fails_is_told(body: str, message: str) -> None:
    """Each way in which reduce can fail is a clear error."""
    source = f"def reduce(results, params):\n    {body}\n"
    with pytest.raises(UnitError, match=message):
        await reduce(code(source), Limits(silence=2.0), given(10))


async def test_nothing_of_the_manager_reaches_the_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The child has neither the manager's environment nor its directory nor its open files."""
    monkeypatch.setenv("SECRET", "x")
    source = (
        "import os\ndef split(params):\n"
        "    yield sorted(os.environ)\n    yield os.getcwd()\n    yield sorted(os.listdir('/proc/self/fd'))\n"
    )
    with (tmp_path / "open").open("w"):
        (environment, directory, files), _ = await made(code(source))
    assert "SECRET" not in environment
    assert directory != str(Path.cwd())
    assert not Path(directory).exists()
    assert len(files) <= 7


async def test_child_and_what_it_started_end_with_the_iterator() -> None:
    """Closing the iterator ends the child and its own children at once."""
    source = (
        "import subprocess\ndef split(params):\n"
        "    yield subprocess.Popen(['sleep', '600']).pid\n    while True:\n        pass\n"
    )
    started = time.monotonic()
    async with contextlib.aclosing(split(code(source), QUICK)) as batches:
        batch = await anext(batches)
        assert isinstance(batch, Made)
        grandchild = decode(batch.payloads[0])
    assert time.monotonic() - started < 10
    await eventually(lambda: state_of(grandchild) in {"", "Z"})


def state_of(pid: int) -> str:
    """A process's state letter; empty if it is not there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def test_split_waits_for_room_on_the_disk(tmp_path: Path) -> None:
    """While nothing can be written for temporary files, neither the manager nor the task ends; then it goes on."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", NO_ROOM, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if ended.returncode == 77:
        pytest.skip("no mount namespace is allowed here, so no disk can be filled")
    assert ended.returncode == 0, ended.stderr
    assert "make room for temporary files" in ended.stdout + ended.stderr
