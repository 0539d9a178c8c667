"""The link to one manager: dialled again for ever, greeted, watched for silence."""

import asyncio
import time
from typing import Final, Protocol

import structlog

from disio.distributor.outbox import Outbox, Parcel
from disio.errors import ProtocolError
from disio.wire import grid
from disio.wire.zmq import HEARTBEAT_SECONDS, NOBODY, SILENCE_SECONDS, Dialer, GridKey, normal_address

ABSENT_SECONDS: Final = 5.0
"""After so long without a first welcome, the log says that nobody answers."""
_LOOK_SECONDS: Final = 0.25
_GREET_SECONDS: Final = 10.0
"""A greeting is not lost while the connection stands: one that is not answered waits for a manager that is busy."""

_log = structlog.get_logger("disio.link")


class Receiver(Protocol):
    """What a link tells its distributor."""

    def hello(self) -> grid.DistributorHello:
        """The greeting for a manager."""

    def link_up(self, link: "Link", ready: bool) -> bool:
        """The manager has welcomed us. False if another link to the same manager stands already."""

    def link_down(self, link: "Link") -> None:
        """The manager is away: lost, or silent."""

    def received(self, link: "Link", message: grid.FromManager) -> None:
        """A message other than greetings and beats."""


class Link:
    """One manager as a distributor sees it. ``run`` keeps the link until it is cancelled or not wanted any more.

    Args:
        address: ``HOST:PORT`` or ``tcp://HOST:PORT``.
        key: the grid key, if the grid has one.
        receiver: whom to tell.
    """

    def __init__(self, address: str, key: GridKey | None, receiver: Receiver) -> None:
        self.address = normal_address(address)
        self.wanted = True
        """Set to False, the link ends as soon as it is down."""
        self.manager = ""
        """The manager's id, once it has said it."""
        self.salt = b""
        """What it has the names of networks salted with."""
        self.up = False
        """Whether it has welcomed us and was heard of lately."""
        self.under_way = Outbox()
        """Parcels from the spool that were sent on this link."""
        self.done: list[Parcel] = []
        """Parcels from the spool that the manager has committed."""
        self.progress = asyncio.Event()
        """Set when there may be something to do for whoever delivers the spool."""
        self.times_up = 0
        self._key = key
        self._receiver = receiver
        self._dialer: Dialer | None = None
        self._connected = False
        self._heard = self._sent = 0.0
        self._greeted = 0.0
        """When it was greeted, while that is not answered."""
        self._patience = ABSENT_SECONDS

    async def run(self) -> None:
        """Dial and serve the link; returns when it is down and no longer wanted."""
        try:
            async with Dialer(self.address, self._key) as dialer:
                self._dialer = dialer
                async with asyncio.TaskGroup() as group:
                    helpers = [group.create_task(self._receive(dialer)), group.create_task(self._follow(dialer))]
                    while self.wanted or self.up:
                        self._look()
                        self._tell_if_absent()
                        await asyncio.sleep(_LOOK_SECONDS)
                    for helper in helpers:
                        helper.cancel()
        finally:
            self._dialer = None
            self._down("closed", expected=True)

    def post(self, message: grid.ToManager) -> bool:
        """Send if the manager is there. False if it is not; the message is then dropped."""
        if not self.up or self._dialer is None:
            return False
        self._sent = time.monotonic()
        return self._dialer.post(message)

    def _look(self) -> None:
        now = time.monotonic()
        if self.up:
            if now - self._heard > SILENCE_SECONDS:
                self._down("silent")
            elif now - self._sent >= HEARTBEAT_SECONDS:
                self.post(grid.Beat())
        elif self._connected and now - self._greeted >= _GREET_SECONDS:
            self._greet()

    def _tell_if_absent(self) -> None:
        if self._patience > 0 and not self.times_up:
            self._patience -= _LOOK_SECONDS
            if self._patience <= 0:
                _log.warning(NOBODY, address=self.address)

    def _greet(self) -> None:
        if self._dialer is not None and self._dialer.post(self._receiver.hello()):
            self._greeted = time.monotonic()

    async def _follow(self, dialer: Dialer) -> None:
        async for made in dialer.changes():
            self._connected = made
            if made:
                self._greet()
            else:
                self._down("lost")

    async def _receive(self, dialer: Dialer) -> None:
        while True:
            try:
                message = await dialer.receive()
            except ProtocolError as error:
                _log.warning("message from a manager not understood", manager=self.address, reason=str(error))
                continue
            self._heard = time.monotonic()
            match message:
                case grid.Welcome():
                    self._welcomed(message)
                case grid.WhoAreYou():
                    if self.up or not self._greeted:  # else it answers what was sent before the greeting
                        self._down("restarted")
                        self._greet()
                case grid.Beat() | grid.Reply():
                    pass
                case _ if self.up:
                    self._receiver.received(self, message)

    def _welcomed(self, message: grid.Welcome) -> None:
        if message.version != grid.GRID_VERSION:
            _log.error(
                "this manager speaks another grid version; update the older of the two",
                manager=self.address,
                theirs=message.version,
                ours=grid.GRID_VERSION,
            )
            return
        if self.up:
            self._down("restarted")
        self.manager, self.salt = message.manager, message.salt
        self.up = True
        if self._receiver.link_up(self, message.ready):
            self.times_up += 1
            self.progress.set()
            _log.info("manager reached", manager=self.manager, address=self.address)
        else:
            _log.info("this manager is linked already by another address", manager=self.manager, address=self.address)
            self.up = self.wanted = False

    def _down(self, why: str, *, expected: bool = False) -> None:
        if self.up:
            self.up = False
            self._greeted = 0.0
            self.under_way = Outbox()
            self.done = []
            tell = _log.info if expected else _log.warning
            tell("manager away", manager=self.manager, address=self.address, reason=why)
            self._receiver.link_down(self)
