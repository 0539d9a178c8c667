"""Which volunteers are the operator's own: they hold a key, or sit on this machine, if that is to count."""

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from disio.distributor.addresses import Client
from disio.errors import UsageError
from disio.wire.volunteer_keys import LOOPBACK, name_of, read_known


class Guests:
    """Tells an operator's own volunteers from guests.

    Args:
        keys: the file of known keys, if there is one.
        trust_loopback: whether volunteers that connect straight from this machine are the operator's own.

    Raises:
        UsageError: the file cannot be read.
    """

    def __init__(self, keys: Path | None = None, *, trust_loopback: bool = False) -> None:
        self._known = {} if keys is None else read_known(keys)
        self._trust_loopback = trust_loopback

    def key_of(self, client: Client, key: str) -> str:
        """The name of the key that makes this volunteer the operator's own; "" if it is a guest."""
        return name_of(key, self._known) or (LOOPBACK if self._trust_loopback and client.local else "")


def refuse_public_trust(url: str) -> None:
    """Whoever serves the public may have a proxy on this machine that does not say for whom it asks.

    Raises:
        UsageError: the public address is not this machine's own.
    """
    if not is_loopback(url):
        raise UsageError(
            f"--trust-loopback is for a distributor that only this machine reaches, and its address is {url}; "
            "give your own volunteers keys instead (`disio keys volunteer`)"
        )


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own, so that nobody else can reach it."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
