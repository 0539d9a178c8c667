"""The dashboard as a process."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from hypercorn.asyncio import serve as serve_http
from hypercorn.config import Config

from disio.dashboard.app import create_app
from disio.dashboard.links import Links
from disio.dashboard.researchers import Researchers, default_path
from disio.dashboard.security import is_loopback
from disio.errors import UsageError
from disio.wire.zmq import GridKey

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class DashboardConfig:
    """What a dashboard is told at its start.

    ``port`` 0 takes a free one. ``managers`` are addresses (HOST:PORT) besides those that are found when
    ``discover`` is set. ``allowed_hosts``: names besides loopback's to which it answers. Tokens are wanted where it
    listens beyond loopback, and where the file of ``researchers`` is named.
    """

    host: str = "127.0.0.1"
    port: int = 7700
    managers: tuple[str, ...] = ()
    discover: bool = True
    key: GridKey | None = None
    allowed_hosts: tuple[str, ...] = ()
    researchers: Path | None = None

    @property
    def tokens(self) -> bool:
        """Whether it answers only to researchers who have a token."""
        return self.researchers is not None or not is_loopback(self.host)


async def serve(config: DashboardConfig, on_ready: Callable[[dict[str, Any]], None]) -> None:
    """Serve until cancelled. ``on_ready`` is called once, when requests are accepted.

    Raises:
        UsageError: the address cannot be used.
    """
    links = Links(config.managers, discover=config.discover, key=config.key)
    researchers = Researchers(config.researchers or default_path())
    if config.tokens and not researchers.names():
        raise UsageError(
            f"the dashboard wants a token of everyone, and nobody has one yet ({researchers.path}); "
            "make one with `disio keys researcher NAME`"
        )
    listener = _listen(config)
    if not config.managers and not config.discover:
        log.warning("no manager will be found: none is named with --manager, and discovery is off")
    any_host = config.tokens and not config.allowed_hosts
    hosts = None if any_host else frozenset(config.allowed_hosts)
    app = create_app(links, researchers, allowed_hosts=hosts, tokens=config.tokens)
    if not is_loopback(config.host):
        log.warning("tokens travel unencrypted unless a proxy with TLS stands before the dashboard", host=config.host)
    http = Config()
    http.accesslog = None
    http.errorlog = logging.getLogger("hypercorn.error")
    http.graceful_timeout = 0.5
    http.keep_alive_timeout = 75  # well above clients' own: whoever closes first must not be the one that is asked
    http.include_server_header = False
    stop: asyncio.Event = app.extensions["disio_stop"]
    host = f"[{config.host}]" if ":" in config.host else config.host
    url = f"http://{host}:{listener.getsockname()[1]}"
    http.bind = [f"fd://{listener.detach()}"]
    async with asyncio.TaskGroup() as group:
        group.create_task(links.run())
        if config.managers:
            await links.arrival(2.0)
        server = group.create_task(serve_http(app, http, shutdown_trigger=stop.wait))
        log.info("dashboard listening", url=url)
        on_ready({"ready": "dashboard", "url": url})
        try:
            await asyncio.Future()
        finally:
            stop.set()
            links.changed()
            await asyncio.wait([server], timeout=1.5)


def _listen(config: DashboardConfig) -> socket.socket:
    try:
        family = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((config.host, config.port), family=family)
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno is None:
            raise UsageError(f"{config.host} is no address of this machine: {error.strerror}") from None
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"port {config.port} on {config.host} is in use by another process; choose another with --port"
            ) from None
        raise UsageError(
            f"the dashboard cannot listen on {config.host}:{config.port} ({error.strerror}); "
            "choose another address with --host, or another port with --port"
        ) from None
    listener.setblocking(False)
    return listener
