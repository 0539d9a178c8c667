"""Answers of any length, written as they come: NDJSON, CSV, packs; and values that are pictures."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Iterable
from itertools import chain
from typing import Any, Final

from msgspec import Struct
from quart import Response

from disio.dashboard import views
from disio.unit import codec
from disio.wire import api, grid

PICTURES: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")
CSV_COLUMNS: Final = ("index", "payload", "result", "ms", "volunteer", "settled", "votes")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def as_picture(data: bytes) -> tuple[str, bytes] | None:
    """Content type and bytes of an encoded value that is a picture; None for all others."""
    value = codec.decode(data) if data.startswith(b'{"!":"bytes"') else None
    if isinstance(value, bytes):
        for start, content_type in PICTURES.items():
            if value.startswith(start):
                return content_type, value
    return None


async def stream(chunks: AsyncIterator[bytes], content_type: str, filename: str) -> Response:
    """The answer that these chunks are; errors before the first one still get their status."""
    first = await anext(chunks, b"")

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    response = Response(whole(), content_type=content_type)
    response.timeout = None
    response.headers["Content-Disposition"] = f'inline; filename="{_UNSAFE.sub("_", filename)}"'
    return response


async def ndjson(lines: AsyncIterator[Struct]) -> AsyncIterator[bytes]:
    """One JSON object a line."""
    async for batch in _batches(lines):
        yield b"".join(api.encode(line) + b"\n" for line in batch)


async def outcome_lines(pages: AsyncIterator[list[grid.OutcomeView]]) -> AsyncIterator[bytes]:
    """Outcomes, one JSON object a line; an empty page, which shows that somebody is there, is an empty line."""
    async for page in pages:
        yield b"".join(api.encode(views.outcome(item)) + b"\n" for item in page) or b"\n"


async def event_lines(pages: AsyncIterator[list[grid.EventView]]) -> AsyncIterator[bytes]:
    """Events, in the same way."""
    async for page in pages:
        yield b"".join(api.encode(views.event(item)) + b"\n" for item in page) or b"\n"


async def packs(pages: AsyncIterator[list[grid.OutcomeView]]) -> AsyncIterator[bytes]:
    """Outcomes in codec bytes: for each page its length (4 bytes, little-endian) and msgpack."""
    async for page in pages:
        pack = grid.encode(page)
        yield len(pack).to_bytes(4, "little") + pack


async def csv_rows(lines: AsyncIterator[api.ResultLine]) -> AsyncIterator[bytes]:
    """A table of results, with a heading."""
    heading: list[Iterable[Any]] = [CSV_COLUMNS]  # not before the first results: what fails before has its status
    async for batch in _batches(lines):
        rows = (
            (line.index, _cell(line.payload), _cell(line.result), line.ms, line.volunteer, line.settled, line.votes)
            for line in batch
        )
        yield _written(chain(heading, rows))
        heading = []
    if heading:
        yield _written(heading)


def _written(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    """A value in one cell: text as it is, but never as a formula; lists and the like as JSON."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(value, ensure_ascii=False)


async def _batches(lines: AsyncIterator[Any], size: int = 200) -> AsyncIterator[list[Any]]:
    batch: list[Any] = []
    async for line in lines:
        batch.append(line)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
