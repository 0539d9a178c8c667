"""ZeroMQ sockets of the grid: one ``Listener`` (ROUTER) in a manager, one ``Dialer`` (DEALER) in everyone else.

With a grid key (``disio keys grid``), links are encrypted and authenticated by CURVE: whoever has
the key file may speak, nobody else. Without one, a listener binds loopback addresses only.
"""

import ipaddress
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import zmq
import zmq.asyncio
from msgspec import Struct
from zmq.auth.asyncio import AsyncioAuthenticator
from zmq.utils.monitor import recv_monitor_message

from disio.errors import UsageError
from disio.wire import grid

HEARTBEAT_SECONDS: Final = 1.0
SILENCE_SECONDS: Final = 4.0
"""A link over which nothing came for so long is taken as down."""
MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024


class GridKey(Struct, frozen=True):
    """One CURVE key pair for a whole grid, in Z85."""

    public: str
    secret: str

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a key pair and write it to ``path``, readable by its owner only.

        Raises:
            UsageError: the file exists already.
        """
        public, secret = zmq.curve_keypair()
        key = cls(public=public.decode(), secret=secret.decode())
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise UsageError(f"{path} exists already; remove it first to make a new grid key") from None
        except OSError as error:
            raise UsageError(f"the grid key cannot be written to {path}: {error.strerror}") from None
        with os.fdopen(descriptor, "w") as file:
            json.dump({"public": key.public, "secret": key.secret}, file)
        return key

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a key file.

        Raises:
            UsageError: it cannot be read or is no grid key.
        """
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except OSError as error:
            raise UsageError(f"the grid key {path} cannot be read: {error.strerror}") from None
        except msgspec.DecodeError:
            raise UsageError(f"{path} is no grid key; make one with `disio keys grid {path}`") from None


def _prepare(socket: zmq.asyncio.Socket) -> None:
    socket.linger = 0
    socket.set(zmq.HEARTBEAT_IVL, int(HEARTBEAT_SECONDS * 1000))
    socket.set(zmq.HEARTBEAT_TIMEOUT, int(SILENCE_SECONDS * 1000))
    socket.set(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    socket.set(zmq.TCP_KEEPALIVE, 1)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Listener:
    """A manager's ROUTER socket. Use as an async context manager."""

    def __init__(self, host: str, port: int, key: GridKey | None = None) -> None:
        if key is None and not _is_loopback(host):
            raise UsageError(
                f"a manager without a grid key binds loopback addresses only, not {host}; "
                "make a key with `disio keys grid FILE` and give it to every process with --key FILE"
            )
        self._host, self._port, self._key = host, port, key
        self._context = zmq.asyncio.Context()
        self._authenticator: AsyncioAuthenticator | None = None
        self._socket = self._context.socket(zmq.ROUTER)
        _prepare(self._socket)
        self._socket.set(zmq.ROUTER_MANDATORY, 1)
        self._socket.set(zmq.ROUTER_HANDOVER, 1)
        self._socket.set(zmq.SNDHWM, 0)  # bounded by credit: nobody is sent more than was asked for
        self.address = ""

    async def __aenter__(self) -> Self:
        if self._key is not None:
            self._authenticator = AsyncioAuthenticator(self._context)
            self._authenticator.start()
            allowed = self._key.public.encode()
            self._authenticator.configure_curve_callback("*", credentials_provider=_OneKey(allowed))
            self._socket.curve_server = True
            self._socket.curve_secretkey = self._key.secret.encode()
            self._socket.curve_publickey = allowed
        endpoint = f"tcp://{self._host}:{self._port or '*'}"
        try:
            self._socket.bind(endpoint)
        except zmq.ZMQError as error:
            await self.close()
            if error.errno == zmq.EADDRINUSE:
                raise UsageError(
                    f"port {self._port} on {self._host} is in use by another process; choose another with --port"
                ) from None
            raise UsageError(f"the manager cannot listen on {self._host}:{self._port}: {error.strerror}") from None
        endpoint_bound = self._socket.get(zmq.LAST_ENDPOINT)
        assert isinstance(endpoint_bound, bytes)  # noqa: S101 - this option is always bytes
        self.address = endpoint_bound.decode().rstrip("\0")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the socket; idempotent."""
        if self._authenticator is not None:
            self._authenticator.stop()
            self._authenticator = None
        self._socket.close()
        self._context.term()

    async def receive(self) -> tuple[bytes, bytes]:
        """The next message: who sent it, and its bytes."""
        while True:
            parts = await self._socket.recv_multipart()
            if len(parts) == 2:
                return parts[0], parts[1]

    async def send(self, peer: bytes, message: grid.FromManager) -> bool:
        """Send to one peer. False if that peer is gone; the message is then dropped."""
        try:
            await self._socket.send_multipart([peer, grid.encode(message)], flags=zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                return False
            raise
        return True


class _OneKey:
    """Answers the authenticator: only holders of the grid's key pair are let in."""

    def __init__(self, allowed: bytes) -> None:
        self._allowed = allowed

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether the client's public key (Z85) may speak in this domain."""
        del domain
        return key == self._allowed


class Dialer:
    """A DEALER socket to one manager. Use as an async context manager.

    ZeroMQ reconnects by itself; ``changes`` tells when the link is made and lost. Nothing is queued
    for a manager that is away: ``send`` then returns False.
    """

    def __init__(self, address: str, key: GridKey | None = None) -> None:
        self.address = normal_address(address)
        self._context = zmq.asyncio.Context()
        self._socket = self._context.socket(zmq.DEALER)
        _prepare(self._socket)
        self._socket.set(zmq.IMMEDIATE, 1)
        self._socket.set(zmq.RECONNECT_IVL, 100)
        self._socket.set(zmq.RECONNECT_IVL_MAX, 2000)
        self._socket.set(zmq.SNDHWM, 0)  # bounded by who sends: calls, and results not yet acknowledged
        if key is not None:
            self._socket.curve_serverkey = key.public.encode()
            self._socket.curve_publickey = key.public.encode()
            self._socket.curve_secretkey = key.secret.encode()
        self._monitor: Any = None

    async def __aenter__(self) -> Self:
        self._monitor = self._socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_AUTH
        )
        self._socket.connect(self.address)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the socket; idempotent."""
        if not self._socket.closed:
            self._socket.disable_monitor()
        if self._monitor is not None:
            self._monitor.close()
        self._socket.close()
        self._context.term()

    async def changes(self) -> AsyncIterator[bool]:
        """True each time the link has been made, False each time it is lost."""
        while True:
            event: Any = await recv_monitor_message(self._monitor)
            yield event["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED

    async def receive(self) -> grid.FromManager:
        """The manager's next message.

        Raises:
            ProtocolError: it is no message of this grid version.
        """
        parts = await self._socket.recv_multipart()
        return grid.decode_from_manager(parts[-1])

    async def send(self, message: grid.ToManager) -> bool:
        """Send to the manager. False if no link stands; the message is then dropped."""
        return self.post(message)

    def post(self, message: grid.ToManager) -> bool:
        """As :meth:`send`, without giving way to other work: what is posted in a row stays in a row."""
        # With NOBLOCK pyzmq has done the sending, or failed, when it returns its future.
        sent: Any = self._socket.send(grid.encode(message), flags=zmq.NOBLOCK)
        error: BaseException | None = sent.exception()
        if error is None:
            return True
        if isinstance(error, zmq.Again):
            return False
        raise error


NOBODY: Final = (
    "no manager answers at this address yet; see that it runs there, and that address and grid key are right"
)
"""What a dialling process logs, once, about an address where nobody has answered; it goes on trying."""


def normal_address(address: str) -> str:
    """A manager's address as ZeroMQ wants it: ``tcp://HOST:PORT``; the scheme may be left out.

    Raises:
        UsageError: there is no host or no port in it.
    """
    bare = address.removeprefix("tcp://")
    host, _, port = bare.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536 or "/" in host:
        raise UsageError(f"{address!r} is no manager address; write HOST:PORT, for example 127.0.0.1:7702")
    return f"tcp://{bare}"
