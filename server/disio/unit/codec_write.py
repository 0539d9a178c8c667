"""Values into the tree that is written as JSON, and the raw buffers that follow it."""

import sys
from collections.abc import Callable, Iterable
from datetime import date, datetime
from enum import Enum
from itertools import pairwise
from math import isfinite, isnan
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from disio.unit.codec_format import (
    MAX_DIMENSIONS,
    MAX_NODES,
    SURROGATE_PAIR,
    TEXT_LIMIT,
    FaultError,
    Limits,
    TooLargeError,
    dumps,
    is_flat,
    item_size,
)

if TYPE_CHECKING:
    import numpy as np

_INSTEAD = {
    "bytearray": "bytes(x)",
    "memoryview": "bytes(x)",
    "range": "list(x)",
    "generator": "list(x)",
    "map": "list(x)",
    "filter": "list(x)",
    "zip": "list(x)",
    "dict_keys": "list(x)",
    "dict_values": "list(x)",
    "dict_items": "list(x)",
    "deque": "list(x)",
    "array": "x.tolist()",
    "Decimal": "str(x)",
    "Fraction": "(x.numerator, x.denominator)",
    "timedelta": "x.total_seconds()",
    "time": "x.isoformat()",
    "Path": "str(x)",
    "PosixPath": "str(x)",
    "MaskedArray": "x.filled()",
    "DataFrame": "x.to_dict('list')",
    "Series": "x.to_numpy()",
    "coroutine": "what it returns; run cannot be async",
}


def short(key: Any) -> str:
    """A dict's key as it appears in the place of a fault: bounded, and without calling foreign code."""
    if type(key) is str:
        text = dumps(key)
    elif type(key) in (int, float, bool, type(None)):
        text = repr(key) if type(key) is not int or abs(key) < TEXT_LIMIT else hex(key)
    else:
        text = f"<{type(key).__name__}>"
    return text if len(text) <= 40 else text[:37] + "..."


class Writer(Limits):
    """One value's way into a tree and buffers. ``max_bytes`` bounds the work, not only the outcome."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self.buffers: list[bytes] = []
        self.max_bytes = self.room = max_bytes
        self.nodes_left = MAX_NODES

    def tree(self, value: Any, depth: int) -> Any:
        """The JSON tree of a value that stands inside ``depth`` containers."""
        write = _WRITERS.get(type(value))
        return self._other(value) if write is None else write(self, value, depth)

    def plain(self, value: Any, _depth: int) -> Any:
        """None and bools."""
        return value

    def integer(self, value: int, _depth: int) -> Any:
        """Decimal while short, else hexadecimal."""
        return value if -TEXT_LIMIT < value < TEXT_LIMIT else {"!": "int", "v": hex(value)}

    def real(self, value: float, _depth: int) -> Any:
        """A JSON number, or the tag for what JSON has no number for."""
        return value if isfinite(value) else {"!": "float", "v": "nan" if isnan(value) else repr(value)}

    def imaginary(self, value: complex, depth: int) -> Any:
        """Both parts."""
        return {"!": "complex", "v": [self.real(value.real, depth), self.real(value.imag, depth)]}

    def text(self, value: str, _depth: int) -> Any:
        """A JSON string, unless it holds a pair of surrogates."""
        if value.isascii() or not SURROGATE_PAIR.search(value):
            return value
        return {"!": "str", "v": value.encode("utf-8", "surrogatepass").hex()}

    def raw(self, value: bytes, _depth: int) -> Any:
        """A buffer."""
        self._buffer(value)
        return {"!": "bytes", "n": len(value)}

    def day(self, value: date, _depth: int) -> Any:
        """ISO 8601."""
        return {"!": "date", "v": value.isoformat()}

    def moment(self, value: datetime, _depth: int) -> Any:
        """ISO 8601; a time zone becomes its offset."""
        return {"!": "datetime", "v": value.isoformat()}

    def items(self, value: list[Any] | tuple[Any, ...], depth: int) -> Any:
        """A JSON array."""
        inner = self._enter(value, depth)
        if is_flat(value):
            return value
        out: list[Any] = []
        try:
            for item in value:
                out.append(self.tree(item, inner))  # noqa: PERF401 - its length is the place of a fault
        except FaultError as fault:
            fault.at(f"[{len(out)}]")
            raise
        return out

    def sequence(self, value: tuple[Any, ...], depth: int) -> Any:
        """A tuple."""
        return {"!": "tuple", "v": self.items(value, depth)}

    def elements(self, value: set[Any] | frozenset[Any], depth: int) -> Any:
        """A set or frozenset, in canonical order."""
        inner = self._enter(value, depth)
        nodes = []
        for _order, buffers, node, _position in self._in_order(value, inner):
            self.buffers.extend(buffers)
            nodes.append(node)
        return {"!": type(value).__name__, "v": nodes}

    def mapping(self, value: dict[Any, Any], depth: int) -> Any:
        """A JSON object when all keys allow it, else pairs in canonical order."""
        inner = self._enter(value, depth)
        textual = set(map(type, value)) <= {str} and "!" not in value
        if textual and not SURROGATE_PAIR.search("\n".join(value)):
            pairs: list[tuple[list[bytes], Any, Any]] = [([], name, name) for name in sorted(value)]
            contents = value
        else:
            keys = list(value)
            contents = dict(enumerate(value.values()))
            entries = self._in_order(keys, inner)
            pairs = [(buffers, node, position) for _order, buffers, node, position in entries]
            textual = False
        out = []
        name: Any = None
        try:
            for buffers, node, name in pairs:
                self.buffers.extend(buffers)
                out.append((node, self.tree(contents[name], inner)))
        except FaultError as fault:
            fault.at(f"[{short(name if textual else keys[name])}]")
            raise
        return dict(out) if textual else {"!": "dict", "v": out}

    def _enter(self, value: Any, depth: int) -> int:
        self.nodes_left -= len(value)
        if self.nodes_left < 0:
            raise FaultError(f"more than {MAX_NODES:,} values", TooLargeError)
        return self.enter(depth)

    def _buffer(self, data: bytes) -> None:
        self._spend(len(data))
        self.buffers.append(data)

    def _spend(self, size: int) -> None:
        self.room -= size
        if self.room < 0:
            raise FaultError(f"more than the {self.max_bytes:,} bytes that are allowed", TooLargeError)

    def _in_order(self, keys: Iterable[Any], depth: int) -> list[tuple[tuple[str, bytes], list[bytes], Any, int]]:
        """Elements or keys in canonical order: (order, buffers, tree, position in ``keys``)."""
        outer = self.buffers
        entries = []
        key: Any = None
        try:
            for position, key in enumerate(keys):
                self.buffers = []
                node = self.tree(key, depth)
                entries.append((self.key_order(node, b"".join(self.buffers)), self.buffers, node, position))
        except FaultError as fault:
            fault.at(f"{{{short(key)}}}")
            raise
        self.buffers = outer
        entries.sort(key=itemgetter(0))
        if any(one[0] == other[0] for one, other in pairwise(entries)):
            raise FaultError("two elements or keys that cannot be told apart once encoded (two NaNs?)")
        return entries

    def _other(self, value: Any) -> Any:
        numpy = sys.modules.get("numpy")
        if numpy is not None and type(value) is numpy.ndarray:
            return self._array(value, numpy)
        if numpy is not None and isinstance(value, numpy.generic):
            return self._scalar(value, numpy)
        raise FaultError(_refusal(value))

    def _array(self, value: "np.ndarray[Any, Any]", numpy: Any) -> Any:
        dtype = value.dtype.newbyteorder("<").str
        item_size(dtype)
        if value.ndim > MAX_DIMENSIONS:
            raise FaultError(f"an array of {value.ndim} dimensions; at most {MAX_DIMENSIONS} can travel")
        self._spend(value.nbytes)
        self.buffers.append(_array_bytes(value, numpy))
        return {"!": "array", "d": dtype, "s": list(value.shape)}

    def _scalar(self, value: "np.generic", numpy: Any) -> Any:
        if type(value) is not value.dtype.type:
            raise FaultError(_refusal(value))
        if isinstance(value, numpy.str_):
            return {"!": "scalar", "d": "U", "v": self.text(str(value), 0)}
        if isinstance(value, numpy.bytes_):
            data = bytes(value)
            self._buffer(data)
            return {"!": "scalar", "d": "S", "n": len(data)}
        dtype = value.dtype.newbyteorder("<").str
        item_size(dtype)
        self._buffer(_array_bytes(numpy.asarray(value), numpy))
        return {"!": "scalar", "d": dtype}


def _array_bytes(array: "np.ndarray[Any, Any]", numpy: Any) -> bytes:
    """Little-endian, C order, each NaN the same NaN and each true the same 1 (their bits differ between machines)."""
    plain: Any = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    if plain.dtype.kind == "b":
        plain = plain.view("u1") != 0
    elif plain.dtype.kind in "fc" and numpy.isnan(plain).any():
        plain = plain.copy()
        parts = plain.reshape(-1).view(f"<f{plain.itemsize // (2 if plain.dtype.kind == 'c' else 1)}")
        parts[numpy.isnan(parts)] = numpy.nan
    return bytes(plain.tobytes())


def _refusal(value: Any) -> str:
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}" if kind.__module__ != "builtins" else kind.__qualname__
    if isinstance(value, Enum):
        return f"a member of the enum {name} cannot travel; send x.value"
    base = next((base for base in kind.__mro__ if base in _WRITERS), None)
    if base is not None:
        return f"{name} is a subclass of {base.__name__}, and its type would be lost; send {base.__name__}(x)"
    instead = _INSTEAD.get(kind.__name__)
    if instead is not None:
        return f"{name} cannot travel; send {instead}"
    return (
        f"{name} cannot travel; send None, bool, int, float, complex, str, bytes, list, tuple, set, frozenset, "
        "dict, date, datetime, or numpy scalars and arrays of numbers"
    )


_WRITERS: dict[type, Callable[[Writer, Any, int], Any]] = {
    type(None): Writer.plain,
    bool: Writer.plain,
    int: Writer.integer,
    float: Writer.real,
    complex: Writer.imaginary,
    str: Writer.text,
    bytes: Writer.raw,
    list: Writer.items,
    tuple: Writer.sequence,
    set: Writer.elements,
    frozenset: Writer.elements,
    dict: Writer.mapping,
    date: Writer.day,
    datetime: Writer.moment,
}
