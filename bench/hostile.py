"""Honest volunteers while hostile clients hammer the same distributor, and a million malformed frames.

Honest throughput is measured in turns: undisturbed; with the attackers at work on a port of nobody's (what their own
processor time costs on this machine); and with the same attackers, at the same pace, on the distributor. The attackers
are one process, on addresses of loopback other than the honest volunteers', so that every address has its own share.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, cast

from rich.console import Console

from bench.dispatch import volunteers
from bench.malformed import CLOSE, REFUSED, Forge, batches, frames, upgrade
from bench.report import Report, spread
from disio.errors import ProtocolError
from disio.testing import Grid
from disio.testing.processes import Process, die_with_parent
from disio.wire.volunteer import unpack_from_volunteer

ADDRESSES: Final = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
UNLIMITED: Final = ("handshakes_per_second", "messages_per_second", "received_bytes_per_second", "requests_per_second")
LANES: Final = 8
SPENDING_SECONDS: Final = 15
"""After so long the attackers have used up what an address may do at once, and an attack that lasts is measured."""


@contextlib.asynccontextmanager
async def attackers(port: int) -> AsyncIterator[None]:
    """The hostile clients at work on a port, in a process of their own."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.hostile_clients", "127.0.0.1", str(port), *ADDRESSES),
        stdin=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[1],
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


@contextlib.asynccontextmanager
async def nobody() -> AsyncIterator[int]:
    """A port whose owner says one thing to everybody and forgets it: what attackers cost by themselves."""
    answer = b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + bytes(200)

    class Deaf(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            cast("asyncio.Transport", transport).write(answer)

    server = await asyncio.get_running_loop().create_server(Deaf, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _rate(grid: Grid, task: str, seconds: float) -> float:
    begin, before = time.perf_counter(), (await grid.client.task(task)).accepted
    await asyncio.sleep(seconds)
    after = (await grid.client.task(task)).accepted
    return (after - before) / (time.perf_counter() - begin)


async def throughput(seconds: float, rounds: int, console: Console) -> dict[str, list[float]]:
    """Accepted payloads a second in each arrangement, by rounds."""
    found: dict[str, list[float]] = {"undisturbed": [], "beside": [], "attacked": []}
    unit = Path(__file__).parent / "units" / "increment.py"
    async with Grid() as grid, volunteers(grid.url):
        task = (await grid.client.submit(unit, {"start": 0, "stop": 10**9})).id
        while (await grid.client.task(task)).accepted == 0:
            await asyncio.sleep(0.2)
        await asyncio.sleep(2)
        for number in range(rounds):
            console.print(f"honest volunteers, round {number + 1} of {rounds}", style="dim")
            found["undisturbed"].append(await _rate(grid, task, seconds))
            async with nobody() as idle:
                places = {"beside": idle, "attacked": grid.distributors[0].port}
                for name in reversed(places) if number % 2 else places:  # whatever drifts, drifts for both
                    async with attackers(places[name]):
                        await asyncio.sleep(SPENDING_SECONDS)
                        found[name].append(await _rate(grid, task, seconds))
        await grid.client.cancel(task)
    return found


def resident(process: Process) -> int:
    """Bytes of memory that a process has (Linux)."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


async def _visit(port: int, said: bytes) -> bool:
    """Say it all at once, and close as a browser does; whether the distributor called it a breach of the protocol."""
    refused, heard = False, b""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        writer.write(upgrade())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        while chunk := await reader.read(1 << 16):
            heard = heard[-len(REFUSED) :] + chunk
            if REFUSED in heard and not refused:
                refused = True
                writer.write(CLOSE)
    writer.close()
    return refused


async def flood(port: int, count: int, number: int) -> list[bool]:
    """Send so many malformed frames, by connections that each end with a fatal one; of each, whether it was refused."""
    todo = iter(batches(Forge(number), count))
    visits: list[bool] = []

    async def lane() -> None:
        for said, _ in todo:
            visits.append(await asyncio.wait_for(_visit(port, said), 120))

    await asyncio.gather(*(lane() for _ in range(LANES)))
    return visits


def decoded(count: int, number: int) -> int:
    """Put so many mutated frames before the decoder, which may raise one error only; how many it took for messages."""
    forge = Forge(number, frames(min(count, 2000), number))
    taken = 0
    for _ in range(count):
        try:
            unpack_from_volunteer(forge.mutated())
        except ProtocolError:
            continue
        taken += 1
    return taken


async def malformed(report: Report, count: int, number: int) -> None:
    """A real distributor under so many malformed frames: still there, no larger, and honest work is done after."""
    limits = [argument for name in UNLIMITED for argument in ("--limit", f"{name}=0")]
    async with Grid(distributor_options=("--quiet", *limits)) as grid:
        process = grid.distributors[0]
        await flood(process.port, min(count // 10, 20_000), number)  # what any first use makes grow
        before, begin = resident(process), time.perf_counter()
        visits = await flood(process.port, count, number + 1)
        seconds, after = time.perf_counter() - begin, resident(process)
        async with volunteers(grid.url, 1):
            task = await grid.client.submit(Path(__file__).parent / "units" / "increment.py", {"start": 0, "stop": 100})
            done = await grid.client.wait(task.id, timeout=120)
        report.add("malformed_frames", count)
        report.add("malformed_connections", len(visits))
        report.add("refused_ratio", sum(visits) / len(visits), (">=", 1))
        report.add("malformed_frames_per_s", count / seconds)
        report.add("rss_before_mb", before / 1e6)
        report.add("rss_after_mb", after / 1e6)
        report.add("rss_growth_mb", (after - before) / 1e6, ("<=", 16))
        report.add("alive_after", float(process.running and done.state == "finished"), (">=", 1))


async def measure(options: argparse.Namespace, console: Console) -> Report:
    """Honest throughput under attack, and malformed frames; seeds are printed."""
    seconds, rounds, count = (4.0, 3, 20_000) if options.quick else (12.0, 5, 1_000_000)
    number = int(time.time())
    report = Report("hostile: honest volunteers while others hammer; malformed frames; everything on this machine")
    found = await throughput(seconds, rounds, console)
    middle = {name: statistics.median(rates) for name, rates in found.items()}
    report.add("undisturbed_per_s", middle["undisturbed"])
    report.add("beside_per_s", middle["beside"])
    report.add("attacked_per_s", middle["attacked"])
    report.add("attackers_own_cost_ratio", middle["beside"] / middle["undisturbed"])
    report.add("attacked_to_undisturbed_ratio", middle["attacked"] / middle["undisturbed"])
    ratios = [attacked / beside for attacked, beside in zip(found["attacked"], found["beside"], strict=True)]
    report.add("honest_ratio", statistics.median(ratios), (">=", 0.8))
    report.notes.append(f"honest_ratio by rounds: {spread(ratios)}")
    for name, rates in found.items():
        report.notes.append(f"{name}: {spread(rates)} results per second")
    console.print(f"{count:,} malformed frames, seed {number}", style="dim")
    report.add("decoder_took_for_messages", await asyncio.to_thread(decoded, count, number))
    await malformed(report, count, number)
    report.notes.append(f"seed {number}; attackers on {', '.join(ADDRESSES)}, honest volunteers on 127.0.0.1")
    report.notes.append(
        "undisturbed: no attackers; beside: the same attackers, at the same pace, on a port of nobody's; "
        "honest_ratio: attacked to beside in the same round, "
        "so that it leaves out what attackers cost this machine by themselves"
    )
    return report
