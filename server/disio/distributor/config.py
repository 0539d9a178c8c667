"""What a distributor is told at its start."""

from dataclasses import dataclass, field
from pathlib import Path

from disio.distributor.addresses import Prefix
from disio.distributor.limits import Limits
from disio.distributor.tls import Tls
from disio.wire.zmq import GridKey


@dataclass(frozen=True)
class DistributorConfig:
    """Everything that can be set. Times in seconds.

    Attributes:
        data: the directory of its spool; one distributor at a time uses it.
        host: the address to listen on; 0.0.0.0 for all.
        port: the port to listen on; 0 for a free one.
        url: the origin that browsers reach it at, for example behind a proxy; by default http://host:port.
        managers: addresses (HOST:PORT) of managers to link to.
        discover: whether to find managers by zeroconf too, and to be found.
        key: the grid key, for links that leave this machine.
        hold_seconds: seconds of work kept for each volunteer, so that it stays busy while a manager is away.
        bundle: the bundle's folder; the installed one by default.
        limits: what volunteers may do.
        tls: a certificate, to serve HTTPS without a proxy.
        trusted_proxies: addresses or networks of proxies that are believed when they name their clients.
        hosts: names that it answers to; none: any. What is asked of it by another name is refused.
        network_prefix: how much of an address names a network: votes for a payload come from different ones.
        volunteer_keys: the file of the keys of the operator's own volunteers.
        trust_loopback: count volunteers that connect from this machine as the operator's own.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 7701
    url: str = ""
    managers: tuple[str, ...] = ()
    discover: bool = True
    key: GridKey | None = None
    hold_seconds: float = 10.0
    bundle: Path | None = None
    limits: Limits = field(default_factory=Limits)
    tls: Tls | None = None
    trusted_proxies: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    network_prefix: Prefix = field(default_factory=Prefix)
    volunteer_keys: Path | None = None
    trust_loopback: bool = False
