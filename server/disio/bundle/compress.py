"""Compresses files for the wire, several at once, as small as each encoding gets them."""

import gzip
import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

import brotli
import zstandard

from disio.bundle.manifest import Bundle, Encoded

WINDOW_LOG = 23
"""RFC 9659: browsers need not take zstd frames whose window is larger than 8 MB."""

LEVELS = {"br": (11, 9), "zstd": (19, 9), "gzip": (9, 6)}
"""For each encoding: the level of a real build, and that of a quick one."""

Report = Callable[[str, int, int], None]
"""Is told what is being done, and how many of how many parts are done."""


def _brotli(data: bytes, level: int) -> bytes:
    return bytes(brotli.compress(data, quality=level, lgwin=24))


def _zstd(data: bytes, level: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(level, source_size=len(data), window_log=WINDOW_LOG)
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def _gzip(data: bytes, level: int) -> bytes:
    return gzip.compress(data, level, mtime=0)


ENCODERS: dict[str, Callable[[bytes, int], bytes]] = {"br": _brotli, "zstd": _zstd, "gzip": _gzip}


def compress(data: bytes, encoding: str, *, quick: bool = False) -> bytes:
    """The bytes in a content encoding (``br``, ``zstd`` or ``gzip``); releases the GIL while it works."""
    return ENCODERS[encoding](data, LEVELS[encoding][quick])


def compress_all(
    contents: Mapping[str, bytes], *, quick: bool, known: Bundle | None, report: Report
) -> dict[str, dict[str, bytes]]:
    """Every file in every encoding that makes it smaller.

    Args:
        contents: the files by name.
        quick: compress less, but in seconds.
        known: a bundle whose compressed files are taken over where the content is the same.
        report: is told about each finished file.

    Returns:
        For each name, the compressed bytes by encoding.
    """
    done: dict[str, dict[str, bytes]] = {name: {} for name in contents}
    pool = ThreadPoolExecutor()
    try:
        jobs: dict[Future[bytes], tuple[str, str]] = {}
        for name, data in sorted(contents.items(), key=lambda item: -len(item[1])):  # the longest first
            for encoding in ENCODERS:
                taken = _taken_over(data, encoding, quick, known)
                if taken is None:
                    jobs[pool.submit(compress, data, encoding, quick=quick)] = (name, encoding)
                else:
                    done[name][encoding] = taken
        for count, job in enumerate(as_completed(jobs), start=1):
            name, encoding = jobs[job]
            report(f"compressed {name} ({encoding})", count, len(jobs))
            if len(job.result()) < len(contents[name]):
                done[name][encoding] = job.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # whoever interrupts it does not wait for the rest
    return done


def describe(data: bytes) -> Encoded:
    """Size and hash, as they stand in the manifest."""
    return Encoded(size=len(data), sha256=hashlib.sha256(data).hexdigest())


def _taken_over(data: bytes, encoding: str, quick: bool, known: Bundle | None) -> bytes | None:
    if known is None or (known.manifest.quick and not quick):
        return None
    file = known.by_hash.get(hashlib.sha256(data).hexdigest())
    return file.encodings[encoding].read_bytes() if file is not None and encoding in file.encodings else None
