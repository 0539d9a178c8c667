"""HTTP content encodings: which one a client is sent, and small files made ready in all of them."""

import gzip
from collections.abc import Mapping
from typing import Final

import brotli
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


def compressed(content: bytes) -> dict[str, bytes]:
    """The content in every encoding that makes it smaller."""
    if len(content) < _WORTH_BYTES:
        return {}
    forms = {
        "br": brotli.compress(content, quality=9),
        "zstd": zstandard.compress(content, 9),
        "gzip": gzip.compress(content, 9, mtime=0),
    }
    return {encoding: form for encoding, form in forms.items() if len(form) < len(content)}
