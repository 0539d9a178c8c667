"""The files of tasks' kits: taken in piece by piece, checked, kept in the data directory, handed to distributors.

A file is whole and on the disk before a task that names it is stored, and goes with the last task that names it.
Between a question for a file and the task that is submitted for its sake it stays.
What no task ever named goes after a day.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from disio.errors import ConflictError, UnitError
from disio.filestore import FileStore
from disio.manager.shelf import Shelf, clear, delete, shelve, take_down
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


@dataclass(slots=True)
class Awaited:
    """How many have asked for a file and not submitted their task yet; when the last one did, in monotonic seconds."""

    count: int = 0
    asked: float = 0.0

    def add(self) -> None:
        """One more has asked, now."""
        self.count += 1
        self.asked = time.monotonic()


class Files:
    """A manager's files. Sources of units lie in the database, all else in the folder ``files``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.kept = FileStore(store.data / FOLDER)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._awaited: dict[str, Awaited] = {}
        """Files that somebody has asked for who is to submit a task that names them."""

    async def find(self, request: grid.FindFiles) -> grid.FilesView:
        """How much of each file is here. Each stays until as many tasks that name it were submitted as asked for it."""
        for sha256 in set(request.files):
            self._awaited.setdefault(sha256, Awaited()).add()
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
        for sha256 in sizes:
            if sha256 not in self._awaited:
                self._awaited[sha256] = Awaited(1, time.monotonic())
        if sum(sizes.values()) > MAX_KIT_BYTES:
            raise UnitError(f"packages and data may have {MAX_KIT_BYTES:,} bytes together; these have more")
        for sha256, size in sizes.items():
            if self.kept.path(sha256) is None or await asyncio.to_thread(self.kept.received, sha256) != size:
                raise ConflictError(f"the file {sha256} of {size:,} bytes is not here; put it, then submit again")

    def claimed(self, kit: Kit) -> None:
        """A task that names these files is there now: one of those who asked for them has them."""
        for sha256 in kit.sizes():
            awaited = self._awaited.get(sha256)
            if awaited is None:
                continue
            awaited.count -= 1
            if awaited.count == 0:
                del self._awaited[sha256]

    async def release(self, kit: Kit, others: Iterable[Kit]) -> int:
        """Delete the files of a task that is gone, but for those that others name, or that are asked for.

        Args:
            kit: of the task that is gone.
            others: of all tasks that there are.

        Returns:
            Bytes that this has freed, what was unpacked from them included.
        """
        used = {sha256 for other in others for sha256 in other.sizes()} | self._awaited.keys()
        # Out of reach before anything is waited for: who asks from now on is told that they are not here.
        unused = [sha256 for sha256 in kit.sizes() if sha256 not in used]
        gone = [path for sha256 in unused if (path := self.kept.take_out(sha256)) is not None]
        gone += take_down(self._store.data / UNPACKED, unused)
        return await asyncio.to_thread(delete, gone)

    async def collect(self) -> None:
        """Delete what no task names, now and every hour; until cancelled."""
        while True:
            used = await self._store.files_in_use()
            lately = time.monotonic() - SPARE_SECONDS
            self._awaited = {sha256: one for sha256, one in self._awaited.items() if one.asked > lately}
            await asyncio.to_thread(self.kept.collect, used, spare_seconds=SPARE_SECONDS)
            await asyncio.to_thread(clear, self._store.data / UNPACKED, used)
            await asyncio.sleep(COLLECT_SECONDS)
