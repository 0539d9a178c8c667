"""Everything a browser downloads: our scripts and frames, the bundle, sources of work units, files of tasks' kits."""

import asyncio
import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from disio.bundle import Bundle
from disio.distributor.encodings import compress_file, compressed, compressed_forms
from disio.distributor.hub import Hub
from disio.distributor.link import Link
from disio.errors import AlteredError, BundleError, StoreError
from disio.filestore import CHUNK_BYTES, NAME, FileStore, digest_of

_ASK_SECONDS: Final = 20.0
"""How long a manager may take for one piece of a file."""
_PIECES_AHEAD: Final = 4
_MISSING_SECONDS: Final = 2.0
_MISSING_MOST: Final = 1000
"""For so long it is remembered of so many files that no manager has them."""
_RELEASE_DIGITS: Final = 16
_RELEASE: Final = re.compile(f"[0-9a-f]{{{_RELEASE_DIGITS}}}")
_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
}

_log = structlog.get_logger("disio.files")


@dataclass(frozen=True)
class Content:
    """One file: where its bytes are, plain and encoded."""

    content_type: str
    sha256: str
    plain: bytes | Path
    encodings: Mapping[str, bytes | Path] = field(default_factory=dict)

    @classmethod
    def of(cls, content: bytes, content_type: str, *, dense: bool = False) -> "Content":
        """A file in memory, in every encoding; ``dense``: as small as can be."""
        return cls(content_type, hashlib.sha256(content).hexdigest(), content, compressed(content, dense=dense))


@dataclass(frozen=True)
class Scripts:
    """Our scripts, styles, frames and words: read once. Nothing else is ever served from their folder.

    Frames load their scripts from addresses with ``release`` in them, a hash of all, so that browsers may keep them
    for ever; whoever asks without it, or with that of another release, is given what there is now.
    """

    release: str
    frames: Mapping[str, Content]
    by_name: Mapping[str, Content]

    @classmethod
    def read(cls, folder: Path) -> "Scripts":
        """From the folder ``worker``.

        Raises:
            BundleError: a frame or its script is missing.
        """
        by_name = {
            str(path.relative_to(folder)): Content.of(path.read_bytes(), _TYPES[path.suffix])
            for pattern in ("*.js", "*.css", "words/*.json")
            for path in sorted(folder.glob(pattern))
        }
        parts = (f"{name} {content.sha256}\n" for name, content in by_name.items())
        release = hashlib.sha256("".join(parts).encode()).hexdigest()[:_RELEASE_DIGITS]
        frames = {}
        for name in ("bridge.html", "cell.html"):
            missing = [each for each in (name, name.replace(".html", ".js")) if not (folder / each).is_file()]
            if missing:
                raise BundleError(
                    f"{folder / missing[0]} is missing: this installation of Disio is incomplete; install it anew"
                )
            text = (folder / name).read_text("utf-8").replace('"/worker/', f'"/worker/{release}/')
            frames[name] = Content.of(text.encode(), _TYPES[".html"])
        return cls(release, frames, by_name)

    def find(self, path: str) -> tuple[Content | None, bool]:
        """What is at a path below ``/worker/``; whether it stays the same for ever."""
        release, _, name = path.partition("/")
        if _RELEASE.fullmatch(release):
            return self.by_name.get(name), release == self.release
        return self.by_name.get(path), False


def bundle_files(bundle: Bundle) -> dict[str, Content]:
    """The bundle's files by hash."""
    return {
        sha256: Content(file.content_type, sha256, file.path, dict(file.encodings))
        for sha256, file in bundle.by_hash.items()
    }


class TaskFiles:
    """Units' sources and the files of tasks' kits: asked of their managers once, kept on disk, checked.

    Args:
        hub: knows tasks and managers.
        folder: where they are kept, from one start to the next.
        limit: bytes kept; what was asked for longest ago goes first.
    """

    def __init__(self, hub: Hub, folder: Path, limit: int) -> None:
        self._hub = hub
        self._kept = FileStore(folder)
        self._limit = limit
        self._checked: set[str] = set()
        self._missing: dict[str, float] = {}
        self._coming: dict[str, asyncio.Task[bool]] = {}
        self._compressing: set[asyncio.Task[None]] = set()

    async def get(self, sha256: str) -> Content | None:
        """A file by its hash; None if no linked manager has it.

        Behind one address with others, a distributor may be asked for what only another one was told of: any manager
        may have it then.
        """
        if await self._here(sha256):
            return await asyncio.to_thread(self._content, sha256)
        owners = self._hub.owners(sha256)
        if not owners:
            if self._nowhere(sha256):
                return None
            owners = set(self._hub.links)
        for manager in owners:
            link = self._hub.links.get(manager)
            if link is not None and await self._fetched(link, sha256):
                return await asyncio.to_thread(self._content, sha256)
        self._missing[sha256] = time.monotonic() + _MISSING_SECONDS
        while len(self._missing) > _MISSING_MOST:
            del self._missing[next(iter(self._missing))]
        return None

    def _nowhere(self, sha256: str) -> bool:
        """Whether it is no hash, or was just looked for in vain: strangers' guesses are no managers' trouble."""
        return not NAME.fullmatch(sha256) or self._missing.get(sha256, 0.0) > time.monotonic()

    async def fetch_ahead(self) -> None:
        """Fetch what a task needs as it is described, so that it is here when browsers ask, or a manager goes away."""
        while True:
            info = await self._hub.described.get()
            for sha256 in (info.unit, *(file.sha256 for file in info.kit.served())):
                await self.get(sha256)

    async def _here(self, sha256: str) -> bool:
        """Whether a file is here, and still what it was: the disk is not trusted with what it kept over a restart."""
        path = self._kept.path(sha256)
        if path is None or sha256 in self._checked:
            return path is not None
        with path.open("rb") as file:
            sound = await asyncio.to_thread(digest_of, file) == sha256
        if sound:
            self._checked.add(sha256)
        else:
            _log.error("a file in the cache was altered; it is fetched anew", sha256=sha256)
            path.unlink()
        return sound

    async def _fetched(self, link: Link, sha256: str) -> bool:
        coming = self._coming.get(sha256)
        if coming is None:
            coming = self._coming[sha256] = asyncio.create_task(self._fetch(link, sha256))
            coming.add_done_callback(lambda _: self._coming.pop(sha256, None))
        return await asyncio.shield(coming)

    async def _fetch(self, link: Link, sha256: str) -> bool:
        """Ask for a file piece by piece, some of them ahead; a manager that goes away leaves what had come."""
        offset = await asyncio.to_thread(self._kept.received, sha256)
        asked = [self._hub.ask_piece(link, sha256, offset)]
        try:
            while asked:
                async with asyncio.timeout(_ASK_SECONDS):
                    piece = await asked.pop(0)
                if piece is None or piece.data is None or (not piece.data and piece.size > offset):
                    return False
                offset = await asyncio.to_thread(self._kept.put, sha256, piece.size, piece.offset, piece.data)
                ahead = piece.offset + CHUNK_BYTES * (len(asked) + 1)
                while len(asked) < _PIECES_AHEAD and ahead < piece.size:
                    asked.append(self._hub.ask_piece(link, sha256, ahead))
                    ahead += CHUNK_BYTES
        except TimeoutError:
            return False
        except AlteredError as error:
            _log.error("a manager sent a file that does not fit its hash", manager=link.manager, reason=str(error))
            return False
        except StoreError as error:
            _log.error("a file cannot be kept", reason=str(error))
            return False
        finally:
            for piece_coming in asked:
                piece_coming.cancel()
        if self._kept.path(sha256) is None:
            return False
        self._checked.add(sha256)
        compressing = asyncio.create_task(asyncio.to_thread(self._tend, sha256))
        self._compressing.add(compressing)
        compressing.add_done_callback(self._compressing.discard)
        return True

    def _tend(self, sha256: str) -> None:
        path = self._kept.path(sha256)
        if path is not None:
            try:
                compress_file(path)
            except OSError as error:
                _log.warning("a file is served uncompressed", sha256=sha256, reason=str(error))
            self._kept.shrink(self._limit)

    def _content(self, sha256: str) -> Content | None:
        self._kept.received(sha256)  # asked for now: not the next to go
        path = self._kept.path(sha256)
        return None if path is None else Content("application/octet-stream", sha256, path, compressed_forms(path))
