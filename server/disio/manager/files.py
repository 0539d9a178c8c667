"""The files of tasks' kits: taken in piece by piece, checked, kept in the data directory, handed to distributors.

A file is whole and on the disk before a task that names it is stored; what no task names is collected after a day.
"""

import asyncio
from collections import defaultdict
from typing import Final

from disio.errors import ConflictError, UnitError
from disio.filestore import FileStore
from disio.manager.shelf import Shelf, clear, shelve
from disio.manager.store import Store
from disio.manager.store.checkup import FOLDER
from disio.unit.contract import Unit
from disio.wire import grid
from disio.wire.kit import Kit

UNPACKED: Final = "packages"
SPARE_SECONDS: Final = 24 * 3600.0
"""Files that no task names are kept so long: their task may still be submitted."""
COLLECT_SECONDS: Final = 3600.0
MAX_KIT_BYTES: Final = 4 * 1024**3


class Files:
    """A manager's files. Sources of units lie in the database, all else in the folder ``files``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.kept = FileStore(store.data / FOLDER)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def find(self, request: grid.FindFiles) -> grid.FilesView:
        """How much of each file is here."""
        received = {sha256: await asyncio.to_thread(self.kept.received, sha256) for sha256 in request.files}
        return grid.FilesView(self._store.manager, received)

    async def put(self, request: grid.PutFile) -> grid.FilesView:
        """Take a piece of a file in.

        Raises:
            AlteredError: with this piece it is whole, and not what its name says.
            StoreError: it cannot be written.
        """
        sha256 = request.sha256
        async with self._locks[sha256]:
            size = await asyncio.to_thread(self.kept.put, sha256, request.size, request.offset, request.data)
        if not self._locks[sha256].locked():
            self._locks.pop(sha256, None)
        return grid.FilesView(self._store.manager, {sha256: size})

    async def piece(self, request: grid.GetFile) -> grid.File:
        """A piece of a file for a distributor."""
        found = await asyncio.to_thread(self.kept.read, request.sha256, request.offset)
        if found is None:
            source = await self._store.file(request.sha256)
            found = None if source is None else (len(source), source[request.offset :])
        size, data = (0, None) if found is None else found
        return grid.File(request.sha256, request.offset, size, data)

    async def text(self, sha256: str) -> bytes:
        """The whole of a small file, empty if it is not here."""
        path = self.kept.path(sha256)
        return b"" if path is None else await asyncio.to_thread(path.read_bytes)

    async def shelf(self, kit: Kit) -> Shelf:
        """What a task's ``split`` and ``reduce`` can import."""
        return await asyncio.to_thread(shelve, kit, self.kept, self._store.data / UNPACKED)

    async def check(self, unit: Unit, kit: Kit) -> None:
        """See that everything a task names is here.

        Raises:
            UnitError: the unit's dependencies were not resolved, or its kit is too large.
            ConflictError: a file was not put, or is not as large as the kit says.
        """
        if unit.metadata.dependencies and kit.lock is None:
            raise UnitError(
                f"{unit.filename} needs packages ({', '.join(unit.metadata.dependencies)}), and who submitted it has "
                "not resolved them: submit it with `disio submit` or disio.Client, which do"
            )
        sizes = kit.sizes()
        if sum(sizes.values()) > MAX_KIT_BYTES:
            raise UnitError(f"packages and data may have {MAX_KIT_BYTES:,} bytes together; these have more")
        for sha256, size in sizes.items():
            if self.kept.path(sha256) is None or await asyncio.to_thread(self.kept.received, sha256) != size:
                raise ConflictError(f"the file {sha256} of {size:,} bytes is not here; put it, then submit again")

    async def collect(self) -> None:
        """Delete what no task names, now and every hour; until cancelled."""
        while True:
            used = await self._store.files_in_use()
            await asyncio.to_thread(self.kept.collect, used, spare_seconds=SPARE_SECONDS)
            await asyncio.to_thread(clear, self._store.data / UNPACKED, used)
            await asyncio.sleep(COLLECT_SECONDS)
