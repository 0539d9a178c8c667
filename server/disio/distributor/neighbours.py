"""The managers that a distributor is linked to: those it was told of, and those it finds."""

import asyncio
import contextlib
from collections.abc import Iterable

import structlog

from disio.distributor.config import DistributorConfig
from disio.distributor.delivery import Delivery
from disio.distributor.hub import Hub
from disio.distributor.link import Link
from disio.errors import UsageError
from disio.wire.discovery import Found, Lost, browse

_log = structlog.get_logger("disio.link")


class Neighbours:
    """Keeps a link to every manager.

    Args:
        config: whether to look for others, and the grid key.
        managers: the addresses that were given, each once.
        hub: knows what the links carry.
        delivery: brings each link what waits for it.
    """

    def __init__(self, config: DistributorConfig, managers: Iterable[str], hub: Hub, delivery: Delivery) -> None:
        self._config = config
        self._hub = hub
        self._delivery = delivery
        self._given = [Link(address, config.key, hub) for address in managers]
        self._found: dict[str, tuple[Link, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Keep the links until cancelled."""
        async with asyncio.TaskGroup() as group:
            for link in self._given:
                group.create_task(self._keep(link))
            if self._config.discover:
                await self._browse(group)

    async def _browse(self, group: asyncio.TaskGroup) -> None:
        async with contextlib.aclosing(browse("manager")) as events:
            async for event in events:
                if isinstance(event, Found):
                    self._find(group, event)
                else:
                    self._lose(event)

    def _find(self, group: asyncio.TaskGroup, event: Found) -> None:
        known, keeping = self._found.get(event.id, (None, None))
        if known is not None and keeping is not None and not keeping.done():
            if known.address == event.address:
                known.wanted = True
                return
            keeping.cancel()  # it has moved
        if any(event.id == link.manager or event.address == link.address for link in self._given):
            return
        try:
            link = Link(event.address, self._config.key, self._hub)
        except UsageError as error:
            _log.warning("a manager announces what is no address", manager=event.id, reason=str(error))
            return
        _log.info("manager found", manager=event.id, address=event.address)
        self._found[event.id] = link, group.create_task(self._keep(link))

    def _lose(self, event: Lost) -> None:
        # A goodbye may be a mistake of the network's: a link that stands is kept until it is down.
        if event.id in self._found:
            self._found[event.id][0].wanted = False

    async def _keep(self, link: Link) -> None:
        delivering = asyncio.create_task(self._delivery.deliver(link))
        try:
            await link.run()
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
