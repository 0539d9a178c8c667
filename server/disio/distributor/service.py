"""One distributor from start to end."""

import asyncio
import contextlib
import errno
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import structlog
from hypercorn.asyncio import serve as serve_http
from hypercorn.config import Config

from disio.assets import asset
from disio.bundle import load
from disio.bundle.sources import outdated
from disio.distributor.addresses import Proxies
from disio.distributor.app import Parts, create_app
from disio.distributor.config import DistributorConfig
from disio.distributor.delivery import Delivery
from disio.distributor.door import Door
from disio.distributor.files import Content, Scripts, TaskFiles, bundle_files
from disio.distributor.guard import guard
from disio.distributor.guests import Guests, refuse_public_trust
from disio.distributor.hub import Hub
from disio.distributor.loader import Loader
from disio.distributor.metrics import Metrics
from disio.distributor.neighbours import Neighbours
from disio.distributor.open_files import fitting
from disio.distributor.sockets import RefusedError
from disio.distributor.spool import Spool
from disio.errors import UsageError
from disio.wire.discovery import Announcement
from disio.wire.grid import GRID_VERSION, DistributorHello
from disio.wire.zmq import normal_address

_STOP_SECONDS: Final = 1.2
_TAKES_NOTHING_MILLISECONDS: Final = 30_000
_BACKLOG: Final = 1024

_log = structlog.get_logger("disio.distributor")


async def serve(config: DistributorConfig, on_ready: Callable[[dict[str, Any]], None]) -> None:
    """Run a distributor until cancelled.

    Args:
        config: what it is told.
        on_ready: called once, when volunteers may connect, with ``ready``, ``id`` and ``url``.

    Raises:
        UsageError: the address cannot be listened on, the public one is no origin, or a manager's is none.
        BundleError: the bundle is missing or altered.
        StoreError: the data directory cannot be used.
    """
    _check_url(config.url)
    managers = tuple(dict.fromkeys(map(normal_address, config.managers)))
    guests = Guests(config.volunteer_keys, trust_loopback=config.trust_loopback)
    if config.trust_loopback:
        refuse_public_trust(config.url or _address(config, config.port))
    bundle = await asyncio.to_thread(load, config.bundle)
    if warning := await asyncio.to_thread(outdated, bundle):
        _log.warning(warning)
    own_scripts = await asyncio.to_thread(Scripts.read, asset("worker"))
    loader = await asyncio.to_thread(Loader.read, asset("worker"))
    listener = _listen(config.host, config.port)
    try:
        async with Spool.opened(config.data, config.limits.spool_bytes) as spool:
            port = listener.getsockname()[1]
            url = config.url.rstrip("/") or _address(config, port)
            metrics = Metrics()
            greeting = DistributorHello(
                version=GRID_VERSION,
                distributor=spool.distributor,
                session=secrets.token_hex(8),
                url=url,
                capacity=config.limits.connections,
            )
            hub = Hub(
                greeting, config.hold_seconds, config.limits, metrics, spool.managers, prefix=config.network_prefix
            )
            parts = Parts(
                config=config,
                distributor=spool.distributor,
                hub=hub,
                scripts=own_scripts,
                loader=loader,
                bundle=bundle,
                bundle_manifest=Content.of(msgspec.json.encode(bundle.manifest), "application/json"),
                bundle_files=bundle_files(bundle),
                task_files=TaskFiles(hub, config.data / "cache", config.limits.file_cache_bytes),
                door=Door(fitting(config.limits), Proxies(config.trusted_proxies), metrics, config.hosts),
                guests=guests,
            )
            delivery = Delivery(hub, spool)
            neighbours = Neighbours(config, managers, hub, delivery)
            if not managers and not config.discover:
                _log.warning("no manager will be found: none is named with --manager, and discovery is off")
            _watch(metrics, hub, spool)
            async with asyncio.TaskGroup() as group:
                helpers = [
                    group.create_task(delivery.keep()),
                    group.create_task(parts.task_files.fetch_ahead()),
                    group.create_task(neighbours.run()),
                    group.create_task(hub.spread_the_idle()),
                ]
                if config.discover:
                    helpers.append(group.create_task(_announce(config, spool.distributor, port, url)))
                try:
                    async with _http(parts, listener) as serving:
                        on_ready({"ready": "distributor", "id": spool.distributor, "url": url, "port": port})
                        _log.info("distributor is ready", id=spool.distributor, url=url)
                        await asyncio.shield(serving)
                finally:
                    for helper in helpers:
                        helper.cancel()
    finally:
        listener.close()


@contextlib.asynccontextmanager
async def _http(parts: Parts, listener: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Serve HTTP and WebSockets; at the end, volunteers are told to come back."""
    guard(parts.door)
    app = create_app(parts)
    started, stopping = asyncio.Event(), asyncio.Event()

    @app.before_serving
    async def announce() -> None:
        started.set()

    serving = asyncio.create_task(serve_http(app, _hypercorn(parts.config, listener), shutdown_trigger=stopping.wait))
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    try:
        yield serving
    finally:
        for volunteer in list(parts.sockets):
            volunteer.end(RefusedError(1001, "shutdown", "this distributor is shutting down", retry=True))
        stopping.set()
        await asyncio.wait((serving,), timeout=_STOP_SECONDS)
        serving.cancel()
        await asyncio.gather(serving, waiting, return_exceptions=True)


def _hypercorn(settings: DistributorConfig, listener: socket.socket) -> Config:
    limits, config = settings.limits, Config()
    if settings.tls is not None:
        settings.tls.apply(config, settings.host, listener.getsockname()[1])
    # Hypercorn closes the descriptor that it is given.
    config.bind = [f"fd://{listener.detach()}"]
    config.websocket_ping_interval = limits.ping_seconds
    config.websocket_max_message_size = limits.frame_bytes
    config.read_timeout = limits.silence_seconds
    config.graceful_timeout = _STOP_SECONDS
    config.shutdown_timeout = _STOP_SECONDS
    config.keep_alive_timeout = limits.idle_seconds
    config.max_app_queue_size = 2
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.loglevel = "WARNING"
    return config


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"the distributor cannot listen on {host}: {error.strerror}; choose another --host") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Inherited by every connection: one that takes nothing any more is ended by the system.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _TAKES_NOTHING_MILLISECONDS)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"port {port} on {host} is in use by another process; choose another with --port"
            ) from None
        raise UsageError(f"the distributor cannot listen on {host}:{port}: {error.strerror}") from None
    listener.setblocking(False)
    return listener


def _address(config: DistributorConfig, port: int) -> str:
    scheme, host = "https" if config.tls else "http", config.host
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared with, not bound to
        host = "127.0.0.1"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def _announce(config: DistributorConfig, distributor: str, port: int, url: str) -> None:
    # Beside everything else: asking the network whether the name is free takes a second.
    async with Announcement("distributor", distributor, config.host, port, {"url": url}):
        await asyncio.get_running_loop().create_future()


def _watch(metrics: Metrics, hub: Hub, spool: Spool) -> None:
    metrics.watch("volunteers", "Volunteers connected.", lambda: len(hub.present))
    metrics.watch("managers_up", "Managers linked.", lambda: len(hub.links))
    metrics.watch(
        "held_leases", "Leases that volunteers hold.", lambda: sum(v.visit.held for v in hub.present.values())
    )
    metrics.watch(
        "reserved_leases",
        "Leases kept here for volunteers.",
        lambda: sum(v.visit.reserved for v in hub.present.values()),
    )
    metrics.watch(
        "unacknowledged_results",
        "Results passed on and not acknowledged.",
        lambda: sum(outbox.results for outbox in hub.outboxes.values()),
    )
    metrics.watch("spool_frames", "Frames of results in the spool.", lambda: spool.parcels)
    metrics.watch("spool_bytes", "Bytes in the spool.", lambda: spool.size)


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    bare = parts.path in ("", "/") and not parts.query and not parts.fragment and not parts.username
    if url and not (parts.scheme in ("http", "https") and parts.hostname and bare):
        raise UsageError(
            f"{url!r} is no address that browsers could reach; write --url https://HOST[:PORT], without a path"
        )
