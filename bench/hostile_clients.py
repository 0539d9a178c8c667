"""Clients that mean harm, in a process of their own: each kind of attack at a fixed pace, from addresses of loopback.

``python -m bench.hostile_clients HOST PORT ADDRESS...``: every attack runs from each address until standard input is
closed. The pace is of attempts a second, whether they succeed or not, so that against any server the attackers' own
work is the same.
"""

import argparse
import asyncio
import contextlib
import random
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import uvloop

from bench.malformed import Forge, binary, hello, upgrade

Attack = Callable[[str, int, str], Awaitable[None]]

SLOW_CONNECTIONS: Final = 100
RESULTS_A_SECOND: Final = 100
POOL: Final = 500

FORGE: Final = Forge(random.randrange(2**32))
FATAL: Final = [binary(FORGE.fatal()) for _ in range(POOL)]
VOID: Final = [binary(FORGE.void()) for _ in range(POOL)]
"""Made beforehand: what attackers spend on thinking is not what is measured."""


async def _opened(host: str, port: int, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(host, port, local_addr=(address, 0))


async def requests(host: str, port: int, address: str) -> None:
    """Ask for the largest things, and things that are not there, on ever new connections; read a little."""
    path = random.choice(["/", "/bundle.json", "/worker/..%2f..%2fetc/passwd", "/files/" + "0" * 64, "/" + "a" * 9000])
    reader, writer = await _opened(host, port, address)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    await reader.read(1000)
    writer.close()


async def handshakes(host: str, port: int, address: str) -> None:
    """Open a WebSocket, say nothing, go."""
    reader, writer = await _opened(host, port, address)
    writer.write(upgrade())
    await reader.read(1000)
    writer.close()


async def malformed(host: str, port: int, address: str) -> None:
    """Say hello and then nonsense."""
    reader, writer = await _opened(host, port, address)
    writer.write(upgrade())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(binary(hello(FORGE)) + random.choice(FATAL))
    await reader.read(1000)
    writer.close()


async def slow(host: str, port: int, address: str) -> None:
    """Hold a connection whose request never ends."""
    reader, writer = await _opened(host, port, address)
    writer.write(random.choice([b"GET / HTTP/1.1\r\nX: ", upgrade()[:-2], upgrade() + b"\x82\xfe\xff\xff" + bytes(4)]))
    for _ in range(60):
        writer.write(b"x")
        await asyncio.sleep(1)
    writer.close()
    del reader


async def talk(host: str, port: int, address: str) -> None:
    """Answer leases that were never given, as fast as the pace allows, for half a minute."""
    reader, writer = await _opened(host, port, address)
    writer.write(upgrade())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(binary(hello(FORGE)))
    reading = asyncio.create_task(_drain(reader))
    try:
        for _ in range(30 * 10):
            writer.write(b"".join(random.choices(VOID, k=RESULTS_A_SECOND // 10)))
            await asyncio.wait_for(writer.drain(), 5)
            await asyncio.sleep(0.1)
    finally:
        reading.cancel()
        writer.close()


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(1 << 16):
        pass


PACES: Final[dict[Attack, tuple[float, int]]] = {
    requests: (20, 60),
    handshakes: (20, 60),
    malformed: (10, 60),
    slow: (5, SLOW_CONNECTIONS),
    talk: (1, 3),
}
"""Attempts a second from each address, and how many may be under way at once."""


async def _repeat(attack: Attack, per_second: float, limit: int, place: tuple[str, int, str]) -> None:
    under_way: set[asyncio.Task[None]] = set()

    async def attempt() -> None:
        with contextlib.suppress(OSError, EOFError, RuntimeError, TimeoutError, asyncio.LimitOverrunError):
            await asyncio.wait_for(attack(*place), 60)

    while True:
        if len(under_way) < limit:
            task = asyncio.create_task(attempt())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.sleep(random.expovariate(per_second))


async def _main(host: str, port: int, addresses: list[str]) -> None:
    running = [
        asyncio.create_task(_repeat(attack, rate, limit, (host, port, address)))
        for address in addresses
        for attack, (rate, limit) in PACES.items()
    ]
    await asyncio.to_thread(sys.stdin.buffer.read)
    for task in running:
        task.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("addresses", nargs="+")
    options = parser.parse_args()
    with contextlib.suppress(asyncio.CancelledError):
        uvloop.run(_main(options.host, options.port, options.addresses))
