"""Between memory and spool: results go to disk while their manager is away, and to the manager when it is back."""

import asyncio
from typing import Final

import structlog

from disio.distributor.hub import Hub
from disio.distributor.limits import MIB
from disio.distributor.link import Link
from disio.distributor.spool import Spool
from disio.errors import StoreError

_TRANSACTION_BYTES: Final = 32 * MIB
_UNDER_WAY_BYTES: Final = 8 * MIB
_RETRY_SECONDS: Final = 1.0

_log = structlog.get_logger("disio.spool")


class Delivery:
    """Moves parcels. A parcel is acknowledged when it is on disk, and deleted when its manager has committed it."""

    def __init__(self, hub: Hub, spool: Spool) -> None:
        self._hub = hub
        self._spool = spool
        self._full = False

    async def keep(self) -> None:
        """Write to disk what waits for managers that are away, until cancelled."""
        while True:
            await self._hub.away.wait()
            self._hub.away.clear()
            try:
                for manager in list(self._hub.outboxes):
                    await self._keep(manager)
            except StoreError as error:
                if not self._full:
                    _log.error("results are not acknowledged for now", reason=str(error))
                self._full = True
                await asyncio.sleep(_RETRY_SECONDS)
                self._hub.away.set()
            else:
                if self._full:
                    _log.info("results are acknowledged again")
                self._full = False

    async def _keep(self, manager: str) -> None:
        outbox = self._hub.outboxes[manager]
        while outbox and manager not in self._hub.links:
            parcels = outbox.front(_TRANSACTION_BYTES)
            await self._spool.put(manager, parcels)
            for parcel in parcels:
                self._hub.metrics.spooled.inc(len(parcel.remaining))
                if outbox.remove(parcel):
                    self._hub.spooled(parcel)
            link = self._hub.links.get(manager)
            if link is not None:
                link.progress.set()

    async def deliver(self, link: Link) -> None:
        """Send a manager what is spooled for it each time it is back, in order, until cancelled."""
        row = times_up = 0
        while True:
            await link.progress.wait()
            link.progress.clear()
            if link.times_up != times_up:
                row, times_up = 0, link.times_up
            try:
                await self._note(link)
                row = await self._send(link, row, times_up)
            except StoreError as error:
                _log.warning("the spool cannot be tidied for now", manager=link.manager, reason=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
                link.progress.set()

    async def _note(self, link: Link) -> None:
        """Write down that the manager was met, and delete what it has committed."""
        if link.manager:
            await self._spool.met(link.manager)
        done, times_up = link.done, link.times_up
        link.done = []
        try:
            await self._spool.delete(done)
        except StoreError:
            if link.times_up == times_up and link.up:  # else they are sent, and acknowledged, once more
                link.done = done + link.done
            raise

    async def _send(self, link: Link, row: int, times_up: int) -> int:
        """Send what comes after a row, as much as may be under way and while the link stands; the last row sent."""
        while link.up and link.times_up == times_up and link.under_way.size < _UNDER_WAY_BYTES:
            parcel = await self._spool.after(link.manager, row)
            if parcel is None or link.times_up != times_up or not link.post(parcel.results):
                break
            row = parcel.row
            link.under_way.add(parcel)
        return row
