"""The buffers of numpy arrays and scalars: checked, and read without numpy; and numpy itself, where it is installed."""

import struct
from typing import Any

from disio.unit.codec_format import FaultError, item_size


def unpack(dtype: str, raw: bytes | memoryview) -> tuple[Any, ...]:
    """The items of an array of numbers as Python values; two floats for each complex, ints for times."""
    kind = dtype[1]
    size = item_size(dtype) // (2 if kind == "c" else 1)
    code = {"b": "?", "f": "efd", "c": "efd", "u": "BHIQ"}.get(kind, "bhiq")
    letter = code if kind == "b" else code[size.bit_length() - (2 if code == "efd" else 1)]
    return struct.unpack(f"<{len(raw) // size}{letter}", raw)


def check_items(dtype: str, raw: memoryview) -> None:
    """Refuse items that numpy would take for other values than their bytes are."""
    if dtype == "|b1":
        if bytes(raw).translate(None, b"\0\1"):
            raise FaultError("an array of bools with other values than 0 and 1")
    elif dtype[1] == "U":
        try:
            bytes(raw).decode("utf-32-le", "surrogatepass")
        except UnicodeDecodeError:
            raise FaultError("an array of text with no characters in it") from None


def loaded_numpy() -> Any:
    """The module numpy."""
    try:
        import numpy  # noqa: PLC0415 - only where a value asks for it: the codec needs nothing but Python
    except ImportError:
        raise FaultError("a numpy value, but numpy is not installed here; add it, or send plain lists") from None
    return numpy
