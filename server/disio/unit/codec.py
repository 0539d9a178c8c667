"""Payloads and answers as bytes: exact, canonical, bounded, and safe to read from anyone.

The bytes are JSON text (ASCII, sorted keys, no spaces) and, if there are raw buffers, one NUL byte
and the buffers one after the other, in the order in which the text speaks of them. None, bool, int,
finite float, str, list and dict with str keys are plain JSON; everything else is an object with the
key ``!``: ``{"!":"tuple","v":[1,2]}``. ``docs/work-units.md`` has the whole table.

*Exact*: what is decoded has the types and values of what was encoded. *Canonical*: equal values of
equal types give equal bytes, whatever the order of insertion; ``decode`` and ``check`` take canonical
bytes only, except that they do not look at the bits of the NaNs inside arrays. Zero and minus zero,
and the same instant at different offsets, are different values here.

The parts: ``codec_format`` (limits), ``codec_write``, ``codec_read``, ``codec_arrays``, ``codec_people``.
"""

from math import isfinite
from typing import Any

from disio.unit.codec_format import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NODES,
    TEXT_LIMIT,
    FaultError,
    TooLargeError,
    count_nodes,
    dumps,
)
from disio.unit.codec_people import PeopleReader, without_surrogates
from disio.unit.codec_read import Checker, Reader
from disio.unit.codec_write import Writer

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "TooLargeError", "check", "decode", "encode", "to_jsonable"]


def encode(value: Any, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The canonical bytes of a value.

    Raises:
        CodecError: a value outside the codec's types; the message names its place: ``value["a"][3]: ...``.
        TooLargeError: more than ``max_bytes`` bytes, or too many or too deep values.
    """
    kind = type(value)
    if kind is int and -TEXT_LIMIT < value < TEXT_LIMIT:
        data = b"%d" % value
    elif kind is float and isfinite(value):
        data = repr(value).encode()
    else:
        writer = Writer(max_bytes)
        try:
            text = dumps(writer.tree(value, 0))
            count_nodes(text)
        except FaultError as fault:
            raise fault.error() from None
        buffers = b"".join(writer.buffers)
        data = b"\0".join((text.encode(), buffers)) if buffers else text.encode()
    if len(data) > max_bytes:
        raise TooLargeError(f"value: {len(data):,} bytes when encoded; at most {max_bytes:,} are allowed")
    return data


def decode(data: bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """The value that the bytes stand for. Evaluates nothing; safe for bytes from anyone.

    Raises:
        CodecError: no canonical encoding of a value, or a numpy value where numpy is not installed.
        TooLargeError: over a limit.
    """
    if 0 < len(data) < 18 and data.isdigit() and (data[0] != 48 or len(data) == 1) and len(data) <= max_bytes:
        return int(data)
    return Reader(data, max_bytes).root()


def check(data: bytes, *, max_bytes: int = MAX_BYTES) -> None:
    """Refuse what ``decode`` would refuse, without numpy and without making arrays.

    What passes can be decoded wherever numpy is installed; the one exception are sets and keys of numpy
    scalars that numpy alone holds equal (times in different units), which ``decode`` may still refuse.

    Raises:
        CodecError: as ``decode``.
        TooLargeError: as ``decode``.
    """
    Checker(data, max_bytes).root()


def to_jsonable(data: bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """The value of codec bytes as what ``json.dumps`` takes, for people; needs no numpy.

    Types are lost: tuples and sets become lists, bytes ``{"bytes": base64}``, complex numbers
    ``{"complex": [re, im]}``, NaN and infinities text, dates ISO 8601 text, ints of more than 2048 bits
    hexadecimal text, lone surrogates their escapes, numpy's times ints, arrays nested lists, or
    ``{"array": {"dtype", "shape", "bytes", "first"}}`` if they have more than 1,000 items. For a value, say
    ``to_jsonable(encode(value))``.

    Raises:
        CodecError: as ``decode``.
    """
    check(data, max_bytes=max_bytes)
    shown = PeopleReader(data, max_bytes).root()
    return without_surrogates(shown) if b"\\ud" in data else shown
