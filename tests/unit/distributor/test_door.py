"""A real distributor under attack at its door: what is too much is slowed, or refused clearly, and counted."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from disio.distributor.limits import Limits
from disio.wire import grid, volunteer
from disio.wire.volunteer import Credit

from .conftest import Distributor, ScriptedManager

Make = Callable[..., Awaitable[Distributor]]


@pytest.fixture
async def started(manager: ScriptedManager, make_distributor: Callable[..., Distributor]) -> AsyncIterator[Make]:
    """Starts a distributor with the limits that a test sets; it ends with the test."""
    running: list[Distributor] = []

    async def start(*, hosts: tuple[str, ...] = (), proxies: tuple[str, ...] = (), **limits: Any) -> Distributor:
        distributor = make_distributor(manager, limits=Limits(**limits), hosts=hosts, trusted_proxies=proxies)
        running.append(await distributor.start())
        await manager.saw(grid.DistributorHello)
        return distributor

    yield start
    for distributor in running:
        await distributor.stop()


def port(distributor: Distributor) -> int:
    """Where it listens."""
    return int(distributor.url.rpartition(":")[2])


async def raw(distributor: Distributor, request: bytes) -> bytes:
    """What comes back first for these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port(distributor))
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(65536), 30)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def metric(distributor: Distributor, name: str) -> float:
    """One number of /metrics."""
    text = await distributor.metrics()
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_a_class_behind_one_address_is_served(started: Make) -> None:
    """A hundred requests at once from one address, far over its rate, are all answered: later, and none refused."""
    distributor = await started(requests_per_second=100, requests_burst=10, patience_seconds=30)
    async with httpx.AsyncClient(base_url=distributor.url, trust_env=False, timeout=60) as http:
        answers = await asyncio.gather(*(http.get("/bundle.json") for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert await metric(distributor, 'disio_slowed_seconds_total{kind="requests"}') > 1


async def test_too_many_requests(started: Make) -> None:
    """Who would wait too long is told 429 and when to come back; other addresses notice nothing."""
    distributor = await started(requests_per_second=0.01, requests_burst=8, patience_seconds=1, proxies=("127.0.0.1",))

    async def ask(address: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=distributor.url, trust_env=False) as http:
            return await http.get("/disio.js", headers={"x-forwarded-for": address})

    answers = [await ask("192.0.2.1") for _ in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 8 + [429] * 4
    assert answers[-1].headers["retry-after"] == "1"
    assert (await ask("192.0.2.2")).status_code == 200
    assert (await ask("192.0.2.1, 192.0.2.3")).status_code == 200, "the proxy names the last one"


async def test_too_many_bytes(started: Make) -> None:
    """Downloads beyond an address's share are refused before a byte of them is sent."""
    distributor = await started(sent_bytes_per_second=1, sent_bytes_burst=200_000, patience_seconds=1)
    async with httpx.AsyncClient(base_url=distributor.url, trust_env=False) as http:
        sizes = []
        for _ in range(1000):
            answer = await http.get("/worker/pool.js", headers={"accept-encoding": "identity"})
            if answer.status_code == 429:
                break
            sizes.append(len(answer.content))
    assert answer.status_code == 429
    assert sum(sizes) <= 210_000


async def test_too_many_connections(started: Make) -> None:
    """One TCP connection too many from an address is told 429 at once; when another closes, there is room again."""
    distributor = await started(sockets_per_address=3)
    held = [await asyncio.open_connection("127.0.0.1", port(distributor)) for _ in range(3)]
    asking = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert b" 429 " in await raw(distributor, asking)
    for _, writer in held:
        writer.close()
    async with asyncio.timeout(30):
        while b" 200 " not in await raw(distributor, asking):
            pass
    assert await metric(distributor, 'disio_turned_away_total{reason="sockets"}') >= 1


async def test_too_many_handshakes(started: Make) -> None:
    """WebSockets opened beyond an address's rate are refused with 429 before anything is made for them."""
    distributor = await started(handshakes_per_second=0.01, handshakes_burst=3, patience_seconds=1)
    for _ in range(3):
        async with distributor.browser() as browser:
            await browser.hello()
    with pytest.raises(InvalidStatus) as refusal:
        async with distributor.browser():
            pass
    assert refusal.value.response.status_code == 429


async def test_a_flood_of_messages_is_read_later(manager: ScriptedManager, started: Make) -> None:
    """Who says too much is read at its rate, whole and in order; others are served meanwhile."""
    distributor = await started(messages_per_second=20, messages_burst=10, proxies=("127.0.0.1",))
    async with (
        distributor.browser(additional_headers={"x-forwarded-for": "192.0.2.1"}) as loud,
        distributor.browser(additional_headers={"x-forwarded-for": "192.0.2.2"}) as quiet,
    ):
        await loud.hello()
        for number in range(40):
            await loud.answer("mgr001-1", [number + 1])
        await quiet.hello()
        await quiet.say(Credit(1))
        await manager.saw(grid.Want)
        await manager.grant(quiet.id, 1)
        await quiet.hear(volunteer.Task)
        before = sum(isinstance(message, grid.Results) for message in manager.seen)
        leases = [(await manager.saw(grid.Results)).items[0].lease for _ in range(40)]
    assert before < 40
    assert leases == list(range(1, 41))


async def test_pings_count_as_messages(started: Make) -> None:
    """A flood of pings is answered at the rate of messages."""
    distributor = await started(messages_per_second=20, messages_burst=5)
    async with distributor.browser() as browser:
        await browser.hello()
        pongs = [await browser.socket.ping() for _ in range(30)]
        await asyncio.wait_for(asyncio.gather(*pongs), 30)
    assert await metric(distributor, 'disio_slowed_seconds_total{kind="messages"}') > 1


async def test_unfinished_frames_are_bounded(started: Make) -> None:
    """Frames that are begun and never ended may hold so many bytes of an address, however many connections it opens."""
    distributor = await started(unfinished_bytes_per_address=1_000_000)

    async def hoard() -> int | None:
        async with distributor.browser() as browser:

            async def pieces() -> AsyncIterator[bytes]:
                yield bytes(300_000)
                await asyncio.sleep(60)

            sending = asyncio.create_task(browser.socket.send(pieces()))
            code = await browser.closed()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            return code

    hoards = [asyncio.create_task(hoard()) for _ in range(6)]
    done, waiting = await asyncio.wait(hoards, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    assert {task.result() for task in done} == {4429}
    assert await metric(distributor, "disio_unfinished_bytes") <= 1_000_000
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    async with asyncio.timeout(20):
        while await metric(distributor, "disio_unfinished_bytes"):
            pass


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"GET /volunteer HTTP/1.1\r\nUpgrade: websocket\r\n"]
)
async def test_slow_writers(started: Make, begun: bytes) -> None:
    """A request whose head trickles in, of a WebSocket too, is ended in the time that a connection may be idle."""
    distributor = await started(idle_seconds=0.5)
    reader, writer = await asyncio.open_connection("127.0.0.1", port(distributor))

    async def trickle() -> None:
        writer.write(begun)
        while begun:
            writer.write(b"x")
            await asyncio.sleep(0.05)

    trickling = asyncio.create_task(trickle())
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 20) == b""
    trickling.cancel()
    await asyncio.gather(trickling, return_exceptions=True)
    writer.close()


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/../../etc/passwd", 404),
        ("/worker/../bundle.json", 404),
        ("/worker/..%2f..%2fpyproject.toml", 404),
        ("/worker/%2e%2e/%2e%2e/pyproject.toml", 404),
        ("/worker/..%5c..%5cpyproject.toml", 404),
        ("/worker//etc/passwd", 404),
        ("/worker/pool.js%00.html", 404),
        ("/worker/bridge.html", 404),
        ("/worker/package.json", 404),
        ("/files/..%2fbundle.json", 404),
        ("/files/" + "0" * 64, 404),
        ("/files/" + "a" * 8000, 404),
        ("/" + "a" * 40_000, 404),
        ("/%ff%fe", 404),
        ("//example.org/", 404),
        ("http://example.org/worker/package.json", 404),
        ("*", 404),
        ("/disio.js?" + "lang=" + "%00" * 500, 200),
    ],
)
async def test_tricks_with_paths(distributor: Distributor, target: str, status: int) -> None:
    """Only what is in the table of files is served, whatever the path looks like."""
    answer = await raw(distributor, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert b"root:" not in answer


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /volunteer HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"\0" * 40_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 40_000 + b"\r\n",
    ],
)
async def test_what_is_no_http(distributor: Distributor, request_: bytes) -> None:
    """Malformed requests are told a status of 400 and more, or nothing; the distributor goes on."""
    answer = await raw(distributor, request_)
    assert re.match(rb"(HTTP/1\.1 (4\d\d|505) .*)?$", answer.split(b"\r\n", 1)[0]), answer[:200]
    assert (await distributor.health())["status"] == "ok"


async def test_a_bomb_is_not_unpacked(distributor: Distributor) -> None:
    """No frame is ever decompressed, whatever the client offers: its extension is not accepted."""
    address = distributor.url.replace("http", "ws", 1) + "/volunteer"
    async with connect(address, proxy=None, compression="deflate") as socket:
        assert socket.protocol.extensions == []


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [(None, True), ("own", True), ("https://example.org", False), ("null", False), ("http://127.0.0.1:1", False)],
)
async def test_only_our_own_pages_connect(distributor: Distributor, origin: str | None, welcome: bool) -> None:
    """A WebSocket is opened for the bridge, whose origin is ours, or a program, which has none; for no site's page."""
    headers = {} if origin is None else {"Origin": distributor.url if origin == "own" else origin}
    if welcome:
        async with distributor.browser(additional_headers=headers) as browser:
            await browser.hello()
        return
    with pytest.raises(InvalidStatus) as refusal:
        async with distributor.browser(additional_headers=headers):
            pass
    assert refusal.value.response.status_code == 403
    assert await metric(distributor, 'disio_turned_away_total{reason="origin"}') == 1


async def test_names_of_its_own(started: Make) -> None:
    """With --allow-host a distributor answers to those names only: 421 for any other, WebSockets included."""
    distributor = await started(hosts=("compute.example.org",))
    own = f"compute.example.org:{port(distributor)}"

    def ask(host: str) -> Awaitable[bytes]:
        return raw(distributor, f"GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())

    for host, status in ((own, 200), ("Compute.Example.org", 200), ("evil.example.org", 421), ("127.0.0.1", 421)):
        assert (await ask(host)).startswith(f"HTTP/1.1 {status} ".encode()), host
    with pytest.raises(InvalidStatus) as refusal:
        async with distributor.browser():
            pass
    assert refusal.value.response.status_code == 421


async def test_limits_are_shown(started: Make) -> None:
    """/metrics tells every limit as it is set."""
    distributor = await started(sockets=77)
    assert await metric(distributor, 'disio_limit{name="sockets"}') == 77
    assert await metric(distributor, 'disio_limit{name="handshakes_per_second"}') == Limits().handshakes_per_second
