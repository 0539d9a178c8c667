"""What volunteers may send wrongly, each over a real WebSocket: a clear error, the documented close code."""

import asyncio
import contextlib
import json
import os
import struct
from collections.abc import AsyncIterator, Callable

import pytest
from websockets.exceptions import ConnectionClosed

from disio.distributor.limits import Limits
from disio.wire import grid, volunteer
from disio.wire.volunteer import MAX_FRAME_BYTES, PROTOCOL_VERSION, Credit, Hello, ResultItem, Results, pack

from .conftest import Browser, Distributor, ScriptedManager


@pytest.fixture
async def browser(distributor: Distributor) -> AsyncIterator[Browser]:
    """A volunteer's connection on which nothing was said."""
    async with distributor.browser() as browser:
        yield browser


async def ended(browser: Browser, code: str, close: int) -> volunteer.Error:
    """The connection ends with this error and close code; the error."""
    error, _ = await browser.hear(volunteer.Error)
    assert error.code == code, error
    assert await browser.closed() == close
    return error


async def test_no_json(browser: Browser) -> None:
    """A head that is no JSON ends the connection with 4400."""
    await browser.hello()
    await browser.socket.send(struct.pack("<I", 5) + b"hello")
    assert "no message" in (await ended(browser, "protocol", 4400)).message


async def test_text_frame(browser: Browser) -> None:
    """A text message ends the connection with 4400."""
    await browser.socket.send('{"type": "hello"}')
    assert "text message" in (await ended(browser, "protocol", 4400)).message


async def test_empty_frame(browser: Browser) -> None:
    """An empty message ends the connection with 4400."""
    await browser.hello()
    await browser.socket.send(b"")
    await ended(browser, "protocol", 4400)


async def test_wrong_version(browser: Browser) -> None:
    """Another protocol version is told which one is spoken here, and not to come back."""
    await browser.say(Hello(protocol=99, secret=browser.secret))
    error = await ended(browser, "version", 4400)
    assert f"protocol {PROTOCOL_VERSION}" in error.message
    assert not error.retry


async def test_unknown_message(browser: Browser) -> None:
    """A message that is not in the protocol ends the connection with 4400."""
    await browser.hello()
    head = json.dumps({"type": "shout"}).encode()
    await browser.socket.send(struct.pack("<I", len(head)) + head)
    assert "shout" in (await ended(browser, "protocol", 4400)).message


async def test_no_hello_first(browser: Browser) -> None:
    """Anything before hello ends the connection with 4400."""
    await browser.say(Credit(3))
    assert "hello" in (await ended(browser, "protocol", 4400)).message


async def test_hello_twice(browser: Browser) -> None:
    """A second hello ends the connection with 4400."""
    await browser.hello()
    await browser.say(Hello(protocol=PROTOCOL_VERSION, secret=browser.secret))
    await ended(browser, "protocol", 4400)


async def test_holding_too_much(browser: Browser) -> None:
    """A volunteer that claims more leases than anybody can hold is refused."""
    await browser.say(
        Hello(
            protocol=PROTOCOL_VERSION,
            secret=browser.secret,
            holding={f"mgr001-{n}": list(range(1, 8000)) for n in range(2)},
        )
    )
    await ended(browser, "protocol", 4400)


async def test_no_hello(manager: ScriptedManager, make_distributor: Callable[..., Distributor]) -> None:
    """A connection on which nothing is said is ended with 4408, and may come back."""
    distributor = await make_distributor(manager, limits=Limits(hello_seconds=0.1)).start()
    async with distributor.browser() as browser:
        assert (await ended(browser, "hello", 4408)).retry
    await distributor.stop()


async def test_lease_never_given(manager: ScriptedManager, browser: Browser) -> None:
    """A result for a lease that was never given is put before the manager, whose rejection comes back."""
    await browser.hello()
    await browser.answer("mgr001-1", [999])
    results = await manager.saw(grid.Results)
    assert [item.lease for item in results.items] == [999]
    await manager.send(grid.Ack("mgr001-1", browser.id, [], {999: "never given"}))
    ack, _ = await browser.hear(volunteer.Ack)
    assert (ack.leases, ack.rejected) == ([], {"999": "never given"})


async def test_unknown_manager(browser: Browser) -> None:
    """A result for a manager that nobody knows is rejected at once."""
    await browser.hello()
    await browser.answer("nobody-1", [7])
    ack, _ = await browser.hear(volunteer.Ack)
    assert (ack.task, ack.leases, list(ack.rejected)) == ("nobody-1", [], ["7"])


async def test_somebody_elses_lease(manager: ScriptedManager, distributor: Distributor) -> None:
    """A result for another volunteer's lease reaches the manager under the true sender's name."""
    async with distributor.browser() as owner, distributor.browser() as thief:
        await owner.hello()
        await thief.hello()
        await owner.say(Credit(1))
        await manager.saw(grid.Want)
        leases = await manager.grant(owner.id, 1)
        await owner.hear(volunteer.Task)
        await owner.hear(volunteer.Work)
        await thief.answer("mgr001-1", leases)
        assert (await manager.saw(grid.Results)).volunteer == thief.id
        await manager.send(grid.Ack("mgr001-1", thief.id, [], {leases[0]: "somebody else's"}))
        ack, _ = await thief.hear(volunteer.Ack)
        assert ack.rejected == {str(leases[0]): "somebody else's"}
        await owner.answer("mgr001-1", leases)
        assert (await manager.saw(grid.Results)).volunteer == owner.id
        await manager.send(grid.Ack("mgr001-1", owner.id, leases))
        ack, _ = await owner.hear(volunteer.Ack)
        assert (ack.leases, ack.rejected) == (leases, {})


async def test_twice(manager: ScriptedManager, browser: Browser) -> None:
    """A result sent twice is passed on twice, and frees room in the window once."""
    await browser.hello()
    await browser.say(Credit(2))
    await manager.saw(grid.Want)
    leases = await manager.grant(browser.id, 4)
    await browser.hear(volunteer.Task)
    await browser.hear(volunteer.Work)
    await browser.answer("mgr001-1", leases[:1])
    await browser.answer("mgr001-1", leases[:1])
    work, _ = await browser.hear(volunteer.Work)
    assert [item.lease for item in work.items] == leases[2:3]
    await browser.say(Results("mgr001-1", [ResultItem(leases[1], 0, 1, 0.1)] * 3), b"888")
    work, _ = await browser.hear(volunteer.Work)
    assert [item.lease for item in work.items] == leases[3:]
    for _ in range(2):
        assert [item.lease for item in (await manager.saw(grid.Results)).items] == leases[:1]


async def test_too_large(browser: Browser) -> None:
    """A frame over the limit ends the connection with 4413."""
    await browser.hello()
    await browser.socket.send(bytes(MAX_FRAME_BYTES + 1))
    await ended(browser, "too-large", 4413)


async def test_empty_items(browser: Browser, manager: ScriptedManager) -> None:
    """Results without items are harmless."""
    await browser.hello()
    await browser.say(Results("mgr001-1", []))
    await browser.answer("mgr001-1", [5])
    assert len((await manager.saw(grid.Results)).items) == 1


async def test_frame_that_never_ends(browser: Browser, distributor: Distributor) -> None:
    """A message that goes on for ever in small pieces ends with 4413 once it passes the limit, and is not kept."""
    await browser.hello()

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield bytes(256 * 1024)

    sending = asyncio.create_task(browser.socket.send(pieces()))
    await ended(browser, "too-large", 4413)
    with pytest.raises(ConnectionClosed):
        await sending


async def raw(distributor: Distributor) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that has upgraded to a WebSocket, for bytes that no library would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(distributor.url.rpartition(":")[2]))
    writer.write(
        b"GET /volunteer HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    )
    answer = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in answer
    assert b"deflate" not in answer
    return reader, writer


def binary(payload: bytes) -> bytes:
    """One masked binary WebSocket frame, as a browser sends it."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
    return b"\x82" + length + bytes(4) + payload


async def has_closed(reader: asyncio.StreamReader) -> None:
    """Return once the other side has closed, in whatever way."""
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 20)


async def test_huge_announced_length(distributor: Distributor) -> None:
    """A frame announced with 8 EiB that never ends is cut off at the limit, not collected."""
    reader, writer = await raw(distributor)
    writer.write(b"\x82" + bytes([0x80 | 127]) + struct.pack("!Q", 2**63 - 1) + bytes(4))

    async def flood() -> None:
        while True:
            writer.write(bytes(65536))
            await writer.drain()

    flooding = asyncio.create_task(flood())
    answer = await asyncio.wait_for(reader.readuntil(struct.pack("!H", 4413)), 20)
    assert b"too-large" in answer
    flooding.cancel()
    await asyncio.gather(flooding, return_exceptions=True)
    writer.close()


async def test_frame_that_trickles(manager: ScriptedManager, make_distributor: Callable[..., Distributor]) -> None:
    """A frame whose bytes come too slowly ends the connection."""
    distributor = await make_distributor(manager, limits=Limits(frame_seconds=0.2)).start()
    reader, writer = await raw(distributor)
    writer.write(b"\x82\xfe" + struct.pack("!H", 1000) + bytes(4))

    async def trickle() -> None:
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.02)

    trickling = asyncio.create_task(trickle())
    await asyncio.wait_for(reader.readuntil(struct.pack("!H", 4400)), 20)
    trickling.cancel()
    await asyncio.gather(trickling, return_exceptions=True)
    writer.close()
    await distributor.stop()


async def test_garbage_instead_of_frames(distributor: Distributor) -> None:
    """Random bytes after the upgrade end that connection and no other."""
    async with distributor.browser() as bystander:
        await bystander.hello()
        for _ in range(20):
            reader, writer = await raw(distributor)
            writer.write(os.urandom(2000) + b"\x88\x00" * 10)
            writer.write_eof()
            await has_closed(reader)
            writer.close()
        await bystander.socket.ping()
        await bystander.answer("nobody-1", [1])
        await bystander.hear(volunteer.Ack)


async def test_after_close_nothing_is_heard(manager: ScriptedManager, distributor: Distributor) -> None:
    """What a volunteer sends after it was shown the door is neither passed on nor kept, and the door closes."""
    reader, writer = await raw(distributor)
    secret = "ab" * 16
    writer.write(binary(pack(Hello(protocol=PROTOCOL_VERSION, secret=secret))) + binary(b"!"))
    writer.writelines([binary(pack(Results("mgr001-1", [ResultItem(5, 0, 0, 0.1)])))] * 50)
    await asyncio.wait_for(reader.readuntil(struct.pack("!H", 4400)), 20)
    await has_closed(reader)
    writer.close()
    await manager.saw(grid.Left)
    assert not [message for message in manager.seen if isinstance(message, grid.Results)]


async def test_second_connection_takes_over(manager: ScriptedManager, distributor: Distributor) -> None:
    """A second connection with the same secret ends the first with 4409 and goes on as the same volunteer."""
    async with distributor.browser("cd" * 16) as first, distributor.browser("cd" * 16) as second:
        await first.hello()
        await manager.saw(grid.Joined)
        await second.hello(holding={"mgr001-1": [5], "other-1": [6]})
        await ended(first, "taken-over", 4409)
        assert (await manager.saw(grid.Joined)).holding == {"mgr001-1": [5]}
        await second.say(Credit(2))
        assert (await manager.saw(grid.Want)).asks == [grid.Ask(second.id, 2)]
        assert not [message for message in manager.seen if isinstance(message, grid.Left)]


async def test_too_many(manager: ScriptedManager, make_distributor: Callable[..., Distributor]) -> None:
    """One connection too many from an address is ended with 4429; when another leaves, there is room again."""
    distributor = await make_distributor(manager, limits=Limits(connections_per_address=1)).start()
    await distributor.linked()
    async with distributor.browser() as first:
        await first.hello()
        await manager.saw(grid.Joined)
        async with distributor.browser() as second:
            assert (await ended(second, "busy", 4429)).retry
    await manager.saw(grid.Left)
    async with distributor.browser() as third:
        await third.hello()
    await distributor.stop()


async def test_results_without_end(manager: ScriptedManager, make_distributor: Callable[..., Distributor]) -> None:
    """A volunteer that floods results, none of them acknowledged yet, is ended with 4429."""
    distributor = await make_distributor(manager, limits=Limits(unacknowledged_bytes=100_000)).start()
    await distributor.linked()
    async with distributor.browser() as browser:
        await browser.hello()
        await manager.saw(grid.Joined)
        for lease in range(1, 4):
            await browser.answer("mgr001-1", [lease], bytes(40_000))
        await ended(browser, "busy", 4429)
    await distributor.stop()


async def test_slow_reader(manager: ScriptedManager, make_distributor: Callable[..., Distributor]) -> None:
    """A volunteer that takes nothing of what it is sent is let go."""
    distributor = await make_distributor(manager, limits=Limits(send_seconds=0.3)).start()
    await distributor.linked()
    secret = "ef" * 16
    _, writer = await raw(distributor)
    writer.write(binary(pack(Hello(protocol=PROTOCOL_VERSION, secret=secret))) + binary(pack(Credit(100))))
    volunteer_id = (await manager.saw(grid.Joined)).volunteer
    await manager.saw(grid.Want)
    await manager.grant(volunteer_id, 60, payload=bytes(500_000))
    assert (await manager.saw(grid.Left)).volunteer == volunteer_id
    writer.close()
    await distributor.stop()
