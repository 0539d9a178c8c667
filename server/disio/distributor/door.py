"""The distributor's door: whoever connects, asks or says something passes it, and is let in, slowed or refused."""

import asyncio
import time
from dataclasses import fields

from disio.distributor.addresses import Client, Headers, Proxies
from disio.distributor.gate import Allowance, Counts, Shares, account
from disio.distributor.limits import Limits
from disio.distributor.metrics import Metrics


class Door:
    """Keeps every address to its share. All of it is in this process's memory, and forgotten with it.

    Args:
        limits: how much is borne.
        proxies: whose word about clients is taken; their own connections are not counted as one client's.
        metrics: where it is told what was refused or slowed.
        hosts: names that the distributor answers to; none: any.
    """

    def __init__(self, limits: Limits, proxies: Proxies, metrics: Metrics, hosts: tuple[str, ...] = ()) -> None:
        self.limits = limits
        self.sockets = Counts()
        self.volunteers = Counts()
        self.unfinished = Counts()
        """Bytes of frames that have begun to arrive."""
        self._proxies = proxies
        self._metrics = metrics
        self._hosts = frozenset(host.lower() for host in hosts)
        patience = limits.patience_seconds
        self._requests = Shares(Allowance(limits.requests_per_second, limits.requests_burst, patience))
        self._handshakes = Shares(Allowance(limits.handshakes_per_second, limits.handshakes_burst, patience))
        self._sent = Shares(Allowance(limits.sent_bytes_per_second, limits.sent_bytes_burst, patience))
        # Who talks too much is not refused: what it says is read later, and then it can say no more.
        self._messages = Shares(Allowance(limits.messages_per_second, limits.messages_burst, float("inf")))
        self._received = Shares(Allowance(limits.received_bytes_per_second, limits.received_bytes_burst, float("inf")))
        for limit in fields(limits):
            metrics.limit.labels(limit.name).set(getattr(limits, limit.name))
        metrics.watch("sockets", "TCP connections, those of volunteers included.", lambda: self.sockets.total)
        metrics.watch("unfinished_bytes", "Bytes of frames that are still arriving.", lambda: self.unfinished.total)

    @property
    def full(self) -> bool:
        """Whether there are as many TCP connections as there may be."""
        return self.sockets.total >= self.limits.sockets

    def client(self, peer: str | None, headers: Headers) -> Client:
        """Who is at the other end."""
        return self._proxies.client(peer, headers)

    def connects(self, peer: str) -> str | None:
        """A TCP connection has come: whom it is counted for until it is told to ``sockets.leave``; None: refused."""
        # What a proxy passes on is many clients': they are told apart by their requests.
        who = "" if self._proxies.trusts(peer) else account(peer)
        if self.full or (who and self.sockets.of(who) >= self.limits.sockets_per_address):
            self._turn_away("sockets")
            return None
        self.sockets.enter(who)
        return who

    def knows(self, host: str) -> bool:
        """Whether the distributor answers to this Host."""
        name = host.lower().rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host.lower()
        known = not self._hosts or name in self._hosts
        if not known:
            self._turn_away("host")
        return known

    def welcomes(self, origin: str | None, *own: str) -> bool:
        """Whether a WebSocket may be opened by a page of this origin: one of ours. Programs send none, and may."""
        known = origin is None or origin in own
        if not known:
            self._turn_away("origin")
        return known

    async def request(self, client: Client) -> bool:
        """A request has come. Returns when it may go on; False: it is refused."""
        return await self._pass("requests", self._requests, client, 1)

    async def handshake(self, client: Client) -> bool:
        """A WebSocket is to be opened. Returns when it may be; False: it is refused."""
        return await self._pass("handshakes", self._handshakes, client, 1)

    def offence(self, who: str) -> None:
        """A connection was ended for what it said: no bridge says that, so its address connects more slowly."""
        self._handshakes.take(who, self.limits.offence_handshakes, time.monotonic())

    async def response(self, client: Client, size: int) -> bool:
        """So many bytes are to be sent. Returns when they may be; False: they are refused."""
        return await self._pass("bytes", self._sent, client, size)

    async def message(self, who: str, size: int) -> None:
        """A message of so many bytes has come. Returns when it may be looked at."""
        now = time.monotonic()
        waits = self._messages.take(who, 1, now), self._received.take(who, size, now)
        await self._wait("messages", max(wait or 0.0 for wait in waits))

    def hoards(self, who: str) -> bool:
        """Whether an address, or all together, hold too many bytes of unfinished frames."""
        limits = self.limits
        much = self.unfinished.total > limits.unfinished_bytes
        much = much or self.unfinished.of(who) > limits.unfinished_bytes_per_address
        if much:
            self._turn_away("unfinished")
        return much

    async def _pass(self, kind: str, shares: Shares, client: Client, amount: float) -> bool:
        wait = shares.take(account(client.text), amount, time.monotonic())
        if wait is None:
            self._turn_away(kind)
            return False
        await self._wait(kind, wait)
        return True

    async def _wait(self, kind: str, wait: float) -> None:
        if wait > 0:
            self._metrics.slowed.labels(kind).inc(wait)
            await asyncio.sleep(wait)

    def _turn_away(self, reason: str) -> None:
        self._metrics.turned_away.labels(reason).inc()
