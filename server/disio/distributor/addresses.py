"""Where a connection comes from: the client's address, whether that is this machine, and its network.

Forwarding headers are believed only from proxies that the operator named; from anybody else they are a visitor's
own words. A network is an address prefix, and leaves the distributor only as a salted hash.
"""

import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from disio.errors import UsageError

FORWARDED: Final = ("X-Forwarded-For", "Forwarded")
NETWORK_PREFIX: Final = "24/48"
NETWORK_CHARACTERS: Final = 16

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Prefix:
    """How many leading bits of an address are one network; None: each volunteer is a network of its own."""

    ipv4: int | None = 24
    ipv6: int | None = 48

    @classmethod
    def parse(cls, text: str) -> "Prefix":
        """From ``24/48`` (bits of IPv4, bits of IPv6) or ``off``.

        Raises:
            UsageError: it is neither.
        """
        if text == "off":
            return cls(None, None)
        ipv4, slash, ipv6 = text.partition("/")
        if slash and ipv4.isdecimal() and ipv6.isdecimal() and 1 <= int(ipv4) <= 32 and 1 <= int(ipv6) <= 128:
            return cls(int(ipv4), int(ipv6))
        raise UsageError(
            f"{text!r} is no network prefix; write bits of IPv4 and IPv6, such as --network-prefix {NETWORK_PREFIX}, "
            "or off (each volunteer is its own network: for demonstrations on one machine)"
        )

    def of(self, address: Address) -> Network | None:
        """The network of an address; None if each volunteer is its own."""
        bits = self.ipv4 if address.version == 4 else self.ipv6
        return None if bits is None else ipaddress.ip_network((address, bits), strict=False)


class Headers(Protocol):
    """A request's headers; names are looked up without regard to case."""

    def __contains__(self, name: str, /) -> bool: ...

    def get(self, name: str, /) -> str | None:
        """A header's value, if it is there."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the other end. ``address`` is None where the transport has none, or a proxy told nonsense."""

    address: Address | None
    direct: bool
    """Nobody says that the connection was passed on, be it a proxy that we know or one that we do not."""

    @property
    def local(self) -> bool:
        """Whether it comes straight from this machine."""
        return self.direct and self.address is not None and self.address.is_loopback

    @property
    def text(self) -> str:
        """The address for counting and logs."""
        return "" if self.address is None else str(self.address)


class Proxies:
    """The proxies whose word about their clients is taken.

    Args:
        trusted: addresses or networks, such as ``127.0.0.1`` or ``10.0.0.0/8``.

    Raises:
        UsageError: one of them is neither.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = [_network(text) for text in trusted]

    def client(self, peer: str | None, headers: Headers) -> Client:
        """Who connects: the peer, or whom a trusted proxy names (the last one in the chain that is no proxy itself)."""
        address = _address(peer or "")
        told = any(name in headers for name in FORWARDED)
        if not self._trusts(address):
            return Client(address, direct=not told)
        for hop in reversed(_hops(headers)):
            address = _address(hop)
            if not self._trusts(address):
                break
        return Client(address, direct=not told)

    def trusts(self, peer: str) -> bool:
        """Whether a peer is one of these proxies."""
        return self._trusts(_address(peer))

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(
            address.version == network.version and address in network for network in self._trusted
        )


def network_id(prefix: Prefix, address: Address | None, volunteer: str, salt: bytes) -> str:
    """The name of a volunteer's network, the same for all its volunteers, and of no use to who lacks the salt.

    Args:
        prefix: how large a network is.
        address: the volunteer's, None if it is not known: then all such volunteers are one network.
        volunteer: its id.
        salt: the manager's.
    """
    network = None if address is None else prefix.of(address)
    of_its_own = prefix.ipv4 is None and address is not None
    name = volunteer if of_its_own else str(network)
    return hashlib.blake2b(name.encode(), key=salt, digest_size=NETWORK_CHARACTERS // 2).hexdigest()


def _hops(headers: Headers) -> Sequence[str]:
    """Whom the proxies name, the client first."""
    listed = headers.get("X-Forwarded-For")
    if listed is not None:
        return [hop.strip() for hop in listed.split(",")]
    elements = (headers.get("Forwarded") or "").split(",")
    pairs = [pair.partition("=") for element in elements for pair in element.split(";")]
    return [value.strip().strip('"') for name, _, value in pairs if name.strip().lower() == "for"]


def _address(text: str) -> Address | None:
    """An address, perhaps in brackets or with a port behind it; None if it is none."""
    host = text.partition("]")[0].removeprefix("[") if text.startswith("[") else text
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return mapped or address


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise UsageError(
            f"{text!r} is no address of a proxy; write --trusted-proxy ADDRESS, such as 127.0.0.1, or ADDRESS/BITS"
        ) from None
