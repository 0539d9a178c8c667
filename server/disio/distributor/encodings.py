"""HTTP content encodings: which one a client is sent, and small files made ready in all of them."""

import gzip
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

import brotli
import zopfli.gzip
import zstandard
from werkzeug.datastructures import Accept

PREFERENCE: Final = ("br", "zstd", "gzip")
"""brotli makes a first visit 350 kB smaller than zstd; decoding it takes 75 ms longer, beside the rest of a start."""
_WORTH_BYTES: Final = 256


def choose(accepted: Accept, available: Mapping[str, object]) -> str:
    """The content encoding to send: what the client weighs highest, ties in our order; "" for none."""
    best, best_quality = "", 0.0
    for encoding in PREFERENCE:
        if encoding in available:
            quality = accepted.quality(encoding)
            if quality > best_quality:
                best, best_quality = encoding, quality
    return best


def compressed(content: bytes, *, dense: bool = False) -> dict[str, bytes]:
    """The content in every encoding that makes it smaller, and no larger than gzip, which everybody knows.

    Args:
        content: a small file.
        dense: as small as can be; takes some milliseconds for each kilobyte.
    """
    if len(content) < _WORTH_BYTES:
        return {}
    forms = {
        "br": brotli.compress(content, quality=11 if dense else 9),
        "zstd": zstandard.compress(content, 19 if dense else 9),
        "gzip": zopfli.gzip.compress(content) if dense else gzip.compress(content, 9, mtime=0),
    }
    most = min(len(forms["gzip"]), len(content) - 1)
    return {encoding: form for encoding, form in forms.items() if len(form) <= most}


_SAMPLE_BYTES: Final = 1024 * 1024
_WORTH_RATIO: Final = 0.9
_SUFFIXES: Final = {"zstd": ".zst", "gzip": ".gz"}
_LARGE_BYTES: Final = 64 * 1024 * 1024
"""Beyond this size a file gets one compressed form only, the one that is made fastest."""


def compressed_forms(path: Path) -> dict[str, Path]:
    """The compressed forms of a file that lie beside it, by encoding."""
    forms = {encoding: path.with_name(path.name + suffix) for encoding, suffix in _SUFFIXES.items()}
    return {encoding: form for encoding, form in forms.items() if form.is_file()}


def compress_file(path: Path) -> None:
    """Put compressed forms beside a file, where they are worth it.

    Not brotli: what is decoded anew on every visit (browsers cache the compressed form) decodes twice as fast as zstd.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    if size < _WORTH_BYTES or len(zstandard.compress(sample, 3)) > _WORTH_RATIO * len(sample):
        return
    for encoding in ("zstd",) if size > _LARGE_BYTES else ("zstd", "gzip"):
        target = path.with_name(path.name + _SUFFIXES[encoding])
        part = target.with_name(target.name + ".part")
        with path.open("rb") as source, part.open("wb") as sink:
            _ENCODERS[encoding](source, sink)
        part.replace(target)


def _zstd(source: BinaryIO, sink: BinaryIO) -> None:
    zstandard.ZstdCompressor(level=9).copy_stream(source, sink)


def _gzip(source: BinaryIO, sink: BinaryIO) -> None:
    with gzip.GzipFile(filename="", mode="wb", fileobj=sink, compresslevel=6, mtime=0) as target:
        shutil.copyfileobj(source, target)


_ENCODERS: Final = {"zstd": _zstd, "gzip": _gzip}
