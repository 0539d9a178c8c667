"""Everything a browser downloads: our scripts and frames, the bundle, and the sources of work units."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from disio.bundle import Bundle
from disio.distributor.encodings import compressed
from disio.distributor.hub import Hub
from disio.distributor.link import Link
from disio.errors import BundleError

_ASK_SECONDS: Final = 5.0
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
    def of(cls, content: bytes, content_type: str) -> "Content":
        """A file in memory, in every encoding."""
        return cls(content_type, hashlib.sha256(content).hexdigest(), content, compressed(content))


def scripts(folder: Path) -> dict[str, Content]:
    """Our scripts, styles, frames and words by name: read once. Nothing else is ever served from there.

    Raises:
        BundleError: the loader or a frame is missing.
    """
    found = {
        str(path.relative_to(folder)): Content.of(path.read_bytes(), _TYPES[path.suffix])
        for pattern in ("*.js", "*.css", "*.html", "words/*.json")
        for path in sorted(folder.glob(pattern))
    }
    for name in ("loader.js", "bridge.html", "cell.html"):
        if name not in found:
            raise BundleError(f"{folder / name} is missing: this installation of Disio is incomplete; install it anew")
    return found


def bundle_files(bundle: Bundle) -> dict[str, Content]:
    """The bundle's files by hash."""
    return {
        sha256: Content(file.content_type, sha256, file.path, dict(file.encodings))
        for sha256, file in bundle.by_hash.items()
    }


class UnitFiles:
    """Sources of work units, asked of their managers once and kept in memory, least recently used first out.

    Args:
        hub: knows tasks and managers.
        limit: bytes kept.
    """

    def __init__(self, hub: Hub, limit: int) -> None:
        self._hub = hub
        self._limit = limit
        self._kept: OrderedDict[str, Content] = OrderedDict()
        self._size = 0

    async def get(self, sha256: str) -> Content | None:
        """A unit's source by its hash; None if no task of a linked manager has such a unit."""
        kept = self._kept.get(sha256)
        if kept is not None:
            self._kept.move_to_end(sha256)
            return kept
        owners = {info.task.partition("-")[0] for info in self._hub.tasks.values() if info.unit == sha256}
        for manager in owners:
            link = self._hub.links.get(manager)
            content = await self._ask(link, sha256) if link is not None else None
            if content is not None:
                return self._keep(content)
        return None

    async def fetch_ahead(self) -> None:
        """Fetch the source of each unit as its task is described, so that it is here when a manager goes away."""
        while True:
            sha256 = await self._hub.units.get()
            await self.get(sha256)

    async def _ask(self, link: Link, sha256: str) -> Content | None:
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                data = await asyncio.shield(self._hub.ask_file(link, sha256))
        except TimeoutError:
            return None
        if data is None:
            return None
        if hashlib.sha256(data).hexdigest() != sha256:
            _log.error("a manager sent a file that does not fit its hash", manager=link.manager, sha256=sha256)
            return None
        return Content.of(data, "text/plain; charset=utf-8")

    def _keep(self, content: Content) -> Content:
        if content.sha256 not in self._kept:
            self._kept[content.sha256] = content
            self._size += _size(content)
            while self._size > self._limit and len(self._kept) > 1:
                self._size -= _size(self._kept.popitem(last=False)[1])
        return content


def _size(content: Content) -> int:
    return sum(len(form) for form in (content.plain, *content.encodings.values()) if isinstance(form, bytes))
