"""One WebSocket of one volunteer: hello, then work out and results in, until either side ends it."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Collection, Iterable, Mapping

import msgspec
import structlog
from quart import Websocket

from disio.distributor.addresses import Client
from disio.distributor.door import Door
from disio.distributor.guests import Guests
from disio.distributor.hub import Hub
from disio.distributor.limits import MAX_HOLDING
from disio.distributor.visit import Visit
from disio.errors import ProtocolError
from disio.wire.grid import TaskInfo
from disio.wire.volunteer import (
    BEAT_SECONDS,
    PROTOCOL_VERSION,
    Ack,
    Beat,
    Checkpoint,
    Cluster,
    Credit,
    Error,
    Event,
    Hello,
    Results,
    Return,
    Revoke,
    Task,
    ToVolunteer,
    Welcome,
    Work,
    pack,
    unpack_from_volunteer,
)

_log = structlog.get_logger("disio.volunteers")


class RefusedError(Exception):
    """The connection ends, with a close code and a last message."""

    def __init__(self, close: int, code: str, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.close = close
        self.error = Error(code, message[:400], retry)


class VolunteerSocket:
    """Serves one connection; :meth:`run` returns when it has ended."""

    def __init__(
        self, socket: Websocket, hub: Hub, door: Door, account: str, *, guests: Guests, client: Client, welcome: Welcome
    ) -> None:
        self.visit: Visit
        self._door = door
        self._account = account
        self._socket = socket
        self._hub = hub
        self._limits = door.limits
        self._guests = guests
        self._client = client
        self._welcome = welcome
        self._wake = asyncio.Event()
        self._acks: dict[str, tuple[list[int], dict[str, str]]] = {}
        self._unsent_acks = 0
        self._revokes: list[Revoke] = []
        self._cluster = Cluster([])
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Serve the connection until one side ends it."""
        refusal: RefusedError | None = None
        try:
            await _first(self._ended, asyncio.ensure_future(self._session()))
        except RefusedError as error:
            refusal = error
        except ProtocolError as error:
            refusal = RefusedError(4400, "protocol", str(error))
            self._door.offence(self._account)
        if refusal is not None:
            await self.refuse(refusal)

    async def refuse(self, refusal: RefusedError) -> None:
        """Send the last message and the close code."""
        self._hub.metrics.refused.labels(refusal.error.code).inc()
        _log.info("connection ended", code=refusal.error.code, reason=refusal.error.message)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.close_seconds):
                await self._socket.send(pack(refusal.error))
                await self._socket.close(refusal.close, refusal.error.code)

    # ---- what the hub tells --------------------------------------------------------------------

    def wake(self) -> None:
        """There may be work to send."""
        self._wake.set()

    def ack(self, task: str, leases: Iterable[int], rejected: Mapping[int, str]) -> None:
        """Results are durable, or count for nothing."""
        gathered, refused = self._acks.setdefault(task, ([], {}))
        before = len(gathered) + len(refused)
        gathered += leases
        refused.update((str(lease), reason) for lease, reason in rejected.items())
        self._unsent_acks += len(gathered) + len(refused) - before
        self._hub.metrics.rejected.inc(len(rejected))
        if self._unsent_acks > self._limits.unsent_acks:
            self.overdone("you do not read what you are sent")
        self._wake.set()

    def revoke(self, task: str, leases: Collection[int]) -> None:
        """The volunteer is to stop computing these leases."""
        self._revokes.append(Revoke(task, list(leases)))
        self._wake.set()

    def taken_over(self) -> None:
        """Another connection of the same volunteer has come."""
        self.end(RefusedError(4409, "taken-over", "another connection of this volunteer took over"))

    def overdone(self, reason: str) -> None:
        """The volunteer is too much."""
        self.end(RefusedError(4429, "busy", reason, retry=True))

    def end(self, refusal: RefusedError) -> None:
        """End the connection with this last message; the first call counts."""
        if not self._ended.done():
            self._ended.set_exception(refusal)

    # ---- inside ------------------------------------------------------------------------------

    async def _greet(self) -> Visit:
        limit = self._limits.hello_seconds
        try:
            async with asyncio.timeout(limit):
                frame = await self._receive()
        except TimeoutError:
            raise RefusedError(4408, "hello", f"no hello came in {limit:g} seconds", retry=True) from None
        message, _ = unpack_from_volunteer(frame)
        if not isinstance(message, Hello):
            raise ProtocolError(f"the first message must be hello, not {_name(message)}")
        if message.protocol != PROTOCOL_VERSION:
            raise RefusedError(
                4400,
                "version",
                f"this distributor speaks protocol {PROTOCOL_VERSION}, not {message.protocol}; load the page again",
            )
        if sum(map(len, message.holding.values())) > MAX_HOLDING:
            raise ProtocolError(f"a volunteer holds at most {MAX_HOLDING} leases")
        volunteer = hashlib.sha256(message.secret.encode()).hexdigest()[:16]
        await self._send(msgspec.structs.replace(self._welcome, volunteer=volunteer))
        key = self._guests.key_of(self._client, message.key)
        return Visit(volunteer, message, time.time(), address=self._client.address, key=key)

    async def _session(self) -> None:
        self.visit = await self._greet()
        self._hub.joined(self)
        try:
            await _first(asyncio.ensure_future(self._read()), asyncio.ensure_future(self._write()))
        finally:
            self._hub.left(self)

    async def _receive(self) -> object:
        frame: object = await self._socket.receive()
        size = len(frame) if isinstance(frame, bytes | str) else 0
        if size > self._limits.frame_bytes:
            raise RefusedError(
                4413, "too-large", f"a frame may have {self._limits.frame_bytes} bytes; this one has more"
            )
        await self._door.message(self._account, size)
        self._hub.metrics.frames_in.inc()
        self._hub.metrics.bytes_in.inc(size)
        return frame

    async def _read(self) -> None:
        while True:
            message, data = unpack_from_volunteer(await self._receive())
            match message:
                case Results():
                    self._hub.results(self, message.task, message.items, data)
                    self._wake.set()
                case Checkpoint():
                    self._hub.checkpoint(self.visit, message.task, message.lease, data)
                case Event():
                    self._hub.event(self.visit, message.task, message.lease, data)
                case Credit():
                    self._hub.credit(self.visit, message.window)
                    self._wake.set()
                case Return():
                    self._hub.returned(self.visit, message.task, message.leases)
                    self._wake.set()
                case Hello():
                    raise ProtocolError("hello is said once")

    async def _write(self) -> None:
        while True:
            try:
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                await self._send(Beat())
            self._wake.clear()
            await self._send_news()
            while (work := self.visit.next_work()) is not None:
                info, items, data = work
                if info.task not in self.visit.known:
                    await self._describe(info)
                await self._send(Work(info.task, items), data)
                await self._send_news()

    async def _send_news(self) -> None:
        while self._acks:
            task = next(iter(self._acks))
            leases, rejected = self._acks.pop(task)
            self._unsent_acks -= len(leases) + len(rejected)
            await self._send(Ack(task, leases, rejected))
            self._hub.metrics.acknowledged.inc(len(leases))
        while self._revokes:
            await self._send(self._revokes.pop(0))
        told = self._hub.cluster.told
        if told != self._cluster:
            self._cluster = told
            await self._send(told)

    async def _describe(self, info: TaskInfo) -> None:
        self.visit.known.add(info.task)
        described = Task(
            task=info.task,
            name=info.name,
            filename=info.filename,
            description=info.description,
            unit=info.unit,
            timeout=info.timeout,
            max_result_bytes=info.max_result_bytes,
            kit=info.kit,
            homepage=info.homepage,
        )
        await self._send(described, info.params)

    async def _send(self, message: ToVolunteer, data: bytes = b"") -> None:
        frame = pack(message, data)
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                await self._socket.send(frame)
        except TimeoutError:
            raise RefusedError(
                4429, "busy", f"a frame was not read in {self._limits.send_seconds:g} seconds", retry=True
            ) from None
        self._hub.metrics.frames_out.inc()
        self._hub.metrics.bytes_out.inc(len(frame))


async def _first(*parts: asyncio.Future[None]) -> None:
    """Wait until one part is done, end the others, and raise what the first one raised."""
    try:
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
    for part in done:
        part.result()


def _name(message: object) -> str:
    return type(message).__name__.lower()
