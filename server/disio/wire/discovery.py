"""Managers and distributors find each other by zeroconf (mDNS, RFC 6762), with no addresses given.

A process that listens on a loopback address is announced on the loopback interface only; one that
listens on all interfaces is announced on all. Where several grids share a network, the environment
variable ``DISIO_GRID`` gives each a name: only processes of the same name see each other.
"""

import asyncio
import contextlib
import ipaddress
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, Literal, Self

import ifaddr
import structlog
from zeroconf import (
    Error,
    InterfaceChoice,
    IPVersion,
    NonUniqueNameException,
    ServiceStateChange,
    Zeroconf,
)
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

Kind = Literal["manager", "distributor"]

# RFC 6335 allows a service name 15 characters, which "disio-distributor" exceeds.
_TYPES: Final[dict[Kind, str]] = {
    "manager": "_disio-manager._tcp.local.",
    "distributor": "_disio-distrib._tcp.local.",
}
_RESOLVE_MILLISECONDS: Final = 3000
_GOODBYE_SECONDS: Final = 1.0

_log = structlog.get_logger("disio.discovery")


@dataclass(frozen=True)
class Found:
    """A service is there, or has moved. ``address``: ``tcp://HOST:PORT`` of a manager, a distributor's URL."""

    id: str
    address: str


@dataclass(frozen=True)
class Lost:
    """A service has said goodbye, or was not heard of for long."""

    id: str


class Announcement:
    """Announces a service while the context is open. A network without multicast costs one warning.

    Args:
        kind: what is announced.
        id: the service's id, unique in the grid.
        host: the address it listens on; 0.0.0.0 or :: for all.
        port: the port it listens on.
        properties: further facts; ``url`` is what :func:`browse` gives as a distributor's address.
    """

    def __init__(
        self,
        kind: Kind,
        id: str,  # noqa: A002 - the glossary's word
        host: str,
        port: int,
        properties: dict[str, str] | None = None,
    ) -> None:
        facts = {"id": id, "grid": _grid(), **(properties or {})}
        self._host = host
        self._info = AsyncServiceInfo(
            _TYPES[kind],
            f"{id}.{_TYPES[kind]}",
            port=port,
            properties=facts,
            server=f"disio-{id}.local.",
            parsed_addresses=_addresses(host),
        )
        self._zeroconf: AsyncZeroconf | None = None

    async def __aenter__(self) -> Self:
        loopback = all(ipaddress.ip_address(address).is_loopback for address in self._info.parsed_addresses())
        try:
            self._zeroconf = AsyncZeroconf(
                interfaces=["127.0.0.1"] if loopback else InterfaceChoice.All, ip_version=IPVersion.V4Only
            )
            await (await self._zeroconf.async_register_service(self._info))
        except NonUniqueNameException:
            _log.warning(
                "another process has announced the same id; this one goes on unannounced", service=self._info.name
            )
        except (OSError, Error, RuntimeError) as error:
            _log.warning("cannot announce by zeroconf; others need this address given to them", reason=str(error))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._zeroconf is not None:
            await _close(self._zeroconf)


async def browse(kind: Kind) -> AsyncGenerator[Found | Lost, None]:
    """Every service of a kind as it comes and goes, until the iteration is closed.

    A service that moves is found again with its new address. Where zeroconf cannot run, one warning
    is logged and nothing is ever found.
    """
    changes: asyncio.Queue[tuple[ServiceStateChange, str]] = asyncio.Queue()

    def on_change(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        del zeroconf, service_type
        changes.put_nowait((state_change, name))

    try:
        zeroconf = AsyncZeroconf(ip_version=IPVersion.V4Only)
    except (OSError, Error) as error:
        _log.warning("cannot look for others by zeroconf; give their addresses instead", reason=str(error))
        await asyncio.get_running_loop().create_future()
        return
    try:
        AsyncServiceBrowser(zeroconf.zeroconf, _TYPES[kind], handlers=[on_change])
        seen: dict[str, Found] = {}
        while True:
            change, name = await changes.get()
            if change is ServiceStateChange.Removed:
                if name in seen:
                    yield Lost(seen.pop(name).id)
                continue
            found = await _resolve(zeroconf, kind, name)
            if found is not None and seen.get(name) != found:
                seen[name] = found
                yield found
    finally:
        await _close(zeroconf)


async def _resolve(zeroconf: AsyncZeroconf, kind: Kind, name: str) -> Found | None:
    info = AsyncServiceInfo(_TYPES[kind], name)
    if not await info.async_request(zeroconf.zeroconf, _RESOLVE_MILLISECONDS):
        return None
    facts = {key: value or "" for key, value in info.decoded_properties.items()}
    address = _nearest(info.parsed_addresses(IPVersion.V4Only))
    if facts.get("grid", "") != _grid() or not facts.get("id") or info.port is None or not address:
        return None
    return Found(facts["id"], facts["url"] if facts.get("url") else f"tcp://{address}:{info.port}")


async def _close(zeroconf: AsyncZeroconf) -> None:
    # Saying goodbye must not hold up the end of a process.
    with contextlib.suppress(TimeoutError, Error, OSError):
        async with asyncio.timeout(_GOODBYE_SECONDS):
            await zeroconf.async_close()


def _grid() -> str:
    return os.environ.get("DISIO_GRID", "")


def _interfaces() -> list[ipaddress.IPv4Interface]:
    return [
        ipaddress.IPv4Interface(f"{ip.ip}/{ip.network_prefix}")
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
        if isinstance(ip.ip, str)
    ]


def _addresses(host: str) -> list[str]:
    if host == "localhost":
        return ["127.0.0.1"]
    if not ipaddress.ip_address(host).is_unspecified:
        return [host]
    addresses = [str(interface.ip) for interface in _interfaces() if not interface.is_loopback]
    return addresses or ["127.0.0.1"]


def _nearest(addresses: list[str]) -> str:
    """Of a host's addresses the one on a network that this machine is on too."""
    networks = [interface.network for interface in _interfaces()]
    for address in addresses:
        if any(ipaddress.IPv4Address(address) in network for network in networks):
            return address
    return addresses[0] if addresses else ""
