"""Bytes from anyone into values: every step checked, nothing evaluated, nothing imported by the data's word."""

import json
import re
import sys
from collections import Counter
from collections.abc import Hashable, Sequence
from datetime import date, datetime, timedelta, timezone
from itertools import accumulate
from math import inf, nan, prod
from typing import Any, Final, cast

from disio.unit.codec_arrays import check_items, loaded_numpy, unpack
from disio.unit.codec_format import (
    MAX_ARRAY_BYTES,
    MAX_DEPTH,
    MAX_DIMENSIONS,
    SURROGATE_PAIR,
    TEXT_LIMIT,
    FaultError,
    Limits,
    TooLargeError,
    count_nodes,
    dumps,
    is_flat,
    item_size,
)
from disio.unit.codec_write import short

MAX_EQUAL_HASHES: Final = 64
"""Elements of one set (keys of one dict) that may share a hash: bounds the work that hostile keys can make."""

_HEX = re.compile(r"-?0x[1-9a-f][0-9a-f]*")
_FLOATS = {"nan": nan, "inf": inf, "-inf": -inf}
_FIELDS: dict[str, tuple[set[str], ...]] = {
    "array": ({"!", "d", "s"},),
    "bytes": ({"!", "n"},),
    "scalar": ({"!", "d"}, {"!", "d", "n"}, {"!", "d", "v"}),
}
_FINE_OFFSET = re.compile(r"(.+)([+-])([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{6})", re.ASCII)
_TAGS = frozenset(("int", "float", "complex", "str", "tuple", "set", "frozenset", "dict", "date", "datetime", *_FIELDS))
_VALUE_FIELDS = ({"!", "v"},)
_JSON_DEPTH = 3 * MAX_DEPTH + 8  # a dict with other keys than text is three deep in JSON
_BRACKETS = bytes.maketrans(b"[{]}", b"\1\1\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))
_TEXT_DIGITS = 617  # of TEXT_LIMIT


def _no_constant(name: str) -> Any:
    raise FaultError(f"{name} is no JSON number")


def _bounded_int(digits: str) -> int:
    if len(digits) > _TEXT_DIGITS + 1:
        raise FaultError("a long int in decimal digits")
    return int(digits)


def _measure_depth(text: str) -> None:
    """Refuse deep JSON before it is parsed: in WebAssembly, recursion can end the interpreter."""
    if text.count("[") + text.count("{") <= _JSON_DEPTH:
        return
    outside = text.replace("\\\\", "").replace('\\"', "").split('"')[::2]
    brackets = "".join(outside).encode().translate(_BRACKETS, _NO_BRACKETS)
    if max(accumulate(memoryview(brackets).cast("b")), default=0) > _JSON_DEPTH:
        raise FaultError("too many containers inside each other", TooLargeError)


_json = json.JSONDecoder(parse_constant=_no_constant).decode
_json_bounded = json.JSONDecoder(parse_constant=_no_constant, parse_int=_bounded_int).decode


class Reader(Limits):
    """The value of some bytes. Subclasses make other things of the same bytes."""

    def __init__(self, data: bytes, max_bytes: int) -> None:
        super().__init__()
        self.data = bytes(data)
        self.max_bytes = max_bytes
        self.buffers = memoryview(b"")
        self.position = 0

    def root(self) -> Any:
        """What the whole of the bytes stands for.

        Raises:
            CodecError: with the place of what is wrong.
        """
        try:
            value = self.read(self._parse(), 0)
            self._finish()
        except FaultError as fault:
            raise fault.error() from None
        return value

    def _finish(self) -> None:
        if self.position != len(self.buffers):
            raise FaultError(f"{len(self.buffers) - self.position:,} bytes that nothing speaks of")

    def _parse(self) -> Any:
        if len(self.data) > self.max_bytes:
            raise FaultError(
                f"{len(self.data):,} bytes when encoded; at most {self.max_bytes:,} are allowed", TooLargeError
            )
        end = self.data.find(b"\0")
        if end >= 0:
            self.buffers = memoryview(self.data)[end + 1 :]
            if not self.buffers:
                raise FaultError("not canonical: a NUL byte without buffers")
        try:
            text = (self.data if end < 0 else self.data[:end]).decode("ascii")
            count_nodes(text)
            _measure_depth(text)
            # Python's own limit stops huge ints before they cost anything, where nobody has raised it.
            parse = _json if 0 < sys.get_int_max_str_digits() <= 4300 else _json_bounded
            tree = parse(text)
            same = dumps(tree) == text
        except ValueError as error:
            raise FaultError(f"no encoded value: {error}"[:200]) from None
        if not same:
            raise FaultError("not canonical: the same value is written otherwise")
        return tree

    def read(self, node: Any, depth: int) -> Any:
        """The value of a node of the JSON tree that stands inside ``depth`` containers."""
        kind = type(node)
        if kind is list:
            return self.items(node, depth)
        if kind is int and not -TEXT_LIMIT < node < TEXT_LIMIT:
            raise FaultError("not canonical: a long int in decimal digits")
        if kind is not dict:
            return node
        if "!" not in node:
            return self.mapping(node, self.enter(depth))
        tag = node["!"]
        if type(tag) is not str or tag not in _TAGS:
            raise FaultError("an unknown tag")
        if node.keys() not in _FIELDS.get(tag, _VALUE_FIELDS):
            raise FaultError(f"the tag {tag!r} with wrong fields")
        return getattr(self, f"read_{tag}")(node, depth)

    def items(self, nodes: list[Any], depth: int) -> list[Any]:
        """The values of a JSON array."""
        inner = self.enter(depth)
        if is_flat(nodes):
            return nodes
        out: list[Any] = []
        try:
            for node in nodes:
                out.append(self.read(node, inner))  # noqa: PERF401 - its length is the place of a fault
        except FaultError as fault:
            fault.at(f"[{len(out)}]")
            raise
        return out

    def mapping(self, nodes: dict[str, Any], inner: int) -> Any:
        """The values of a JSON object without tag."""
        out = {}
        name = ""
        try:
            for name, node in nodes.items():
                out[name] = self.read(node, inner)
        except FaultError as fault:
            fault.at(f"[{short(name)}]")
            raise
        return out

    def take(self, size: Any) -> memoryview:
        """The next ``size`` bytes of the buffers."""
        if type(size) is not int or not 0 <= size <= len(self.buffers) - self.position:
            raise FaultError("a buffer that is not there")
        self.position += size
        return self.buffers[self.position - size : self.position]

    def read_int(self, node: dict[str, Any], _depth: int) -> Any:
        """A long int."""
        digits = node["v"]
        if (
            type(digits) is not str
            or not _HEX.fullmatch(digits)
            or -TEXT_LIMIT < (value := int(digits, 16)) < TEXT_LIMIT
        ):
            raise FaultError("not canonical: a long int")
        return value

    def read_float(self, node: dict[str, Any], _depth: int) -> Any:
        """A float that is not finite."""
        name = node["v"]
        if type(name) is not str or name not in _FLOATS:
            raise FaultError("a float that is none")
        return _FLOATS[name]

    def read_complex(self, node: dict[str, Any], depth: int) -> Any:
        """A complex number."""
        parts = self._list(node)
        if len(parts) != 2 or not all(
            type(part) is float or (type(part) is dict and part.get("!") == "float") for part in parts
        ):
            raise FaultError("a complex number that is none")
        return complex(self.read(parts[0], depth), self.read(parts[1], depth))

    def read_str(self, node: dict[str, Any], _depth: int) -> str:
        """A text with a pair of surrogates."""
        digits = node["v"]
        try:
            text = bytes.fromhex(digits).decode("utf-8", "surrogatepass")
        except (TypeError, ValueError):
            raise FaultError("a text that is none") from None
        if not SURROGATE_PAIR.search(text) or text.encode("utf-8", "surrogatepass").hex() != digits:
            raise FaultError("not canonical: a text")
        return text

    def read_bytes(self, node: dict[str, Any], _depth: int) -> Any:
        """Raw bytes."""
        return bytes(self.take(node["n"]))

    def read_date(self, node: dict[str, Any], _depth: int) -> Any:
        """A date."""
        return self._iso(node["v"], date)

    def read_datetime(self, node: dict[str, Any], _depth: int) -> Any:
        """A date and time, naive or with an offset."""
        text = node["v"]
        if isinstance(text, str) and (split := _FINE_OFFSET.fullmatch(text)):
            return self._with_fine_offset(text, *split.groups())
        return self._iso(text, datetime)

    def _with_fine_offset(self, text: str, moment: str, sign: str, *parts: str) -> datetime:
        """An offset with a fraction of a second, which ``fromisoformat`` loses where nothing else is in it."""
        hours, minutes, seconds, microseconds = map(int, parts)
        offset = timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=microseconds)
        try:
            value = self._iso(moment, datetime).replace(tzinfo=timezone(-offset if sign == "-" else offset))
        except ValueError:
            raise FaultError("a datetime that is none") from None
        if value.isoformat() != text:
            raise FaultError("not canonical: a datetime")
        return cast("datetime", value)

    @staticmethod
    def _iso(text: Any, kind: type[date]) -> Any:
        try:
            value = kind.fromisoformat(text)
        except (TypeError, ValueError):
            raise FaultError(f"a {kind.__name__} that is none") from None
        if value.isoformat() != text:
            raise FaultError(f"not canonical: a {kind.__name__}")
        return value

    def read_tuple(self, node: dict[str, Any], depth: int) -> Any:
        """A tuple."""
        return tuple(self.items(self._list(node), depth))

    def read_set(self, node: dict[str, Any], depth: int) -> Any:
        """A set."""
        return set(self._elements(node, depth))

    def read_frozenset(self, node: dict[str, Any], depth: int) -> Any:
        """A frozenset."""
        return frozenset(self._elements(node, depth))

    def read_dict(self, node: dict[str, Any], depth: int) -> Any:
        """A dict whose keys are not all plain text."""
        inner = self.enter(depth)
        pairs = self._list(node)
        if not all(type(pair) is list and len(pair) == 2 for pair in pairs):
            raise FaultError("a dict without pairs")
        if all(type(key) is str for key, _ in pairs) and not any(key == "!" for key, _ in pairs):
            raise FaultError("not canonical: a dict of plain keys")
        keys: list[Any] = []
        values: list[Any] = []
        order: tuple[str, bytes] | None = None
        key: Any = None
        try:
            for key, item in pairs:
                order = self._key(key, inner, order, keys)
                values.append(self.read(item, inner))
        except FaultError as fault:
            fault.at(f"[{short(key)}]")
            raise
        _all_differ(keys)
        return dict(zip(keys, values, strict=True))

    def _elements(self, node: dict[str, Any], depth: int) -> list[Any]:
        inner = self.enter(depth)
        order: tuple[str, bytes] | None = None
        out: list[Any] = []
        for element in self._list(node):
            order = self._key(element, inner, order, out)
        _all_differ(out)
        return out

    def _key(self, node: Any, depth: int, last: tuple[str, bytes] | None, out: list[Any]) -> tuple[str, bytes]:
        start = self.position
        out.append(self.read(node, depth))
        order = self.key_order(node, bytes(self.buffers[start : self.position]))
        if last is not None and last >= order:
            raise FaultError("not canonical: elements or keys out of order, or one of them twice")
        return order

    @staticmethod
    def _list(node: dict[str, Any]) -> list[Any]:
        nodes = node["v"]
        if type(nodes) is not list:
            raise FaultError(f"the tag {node['!']!r} without a list")
        return nodes

    def read_scalar(self, node: dict[str, Any], depth: int) -> Any:
        """A numpy scalar."""
        dtype = node["d"]
        if dtype == "U" and "v" in node:
            text = self.read(node["v"], depth)
            if type(text) is str:
                return self.scalar("U", text)
        elif dtype == "S" and "n" in node:
            return self.scalar("S", bytes(self.take(node["n"])))
        elif type(dtype) is str and len(node) == 2 and dtype[1:2] not in ("U", "S"):
            raw = self.take(item_size(dtype))
            check_items(dtype, raw)
            return self.scalar(dtype, raw)
        raise FaultError("a numpy scalar that is none")

    def read_array(self, node: dict[str, Any], _depth: int) -> Any:
        """A numpy array."""
        dtype, shape = node["d"], node["s"]
        if type(dtype) is not str or type(shape) is not list or len(shape) > MAX_DIMENSIONS:
            raise FaultError("a numpy array that is none")
        if not all(type(length) is int and length >= 0 for length in shape):
            raise FaultError("a numpy array whose shape is none")
        size = item_size(dtype)
        if prod(length or 1 for length in shape) * size > MAX_ARRAY_BYTES:
            raise FaultError("a numpy array that is too large", TooLargeError)
        raw = self.take(prod(shape) * size)
        check_items(dtype, raw)
        return self.array(dtype, shape, raw)

    def scalar(self, dtype: str, raw: Any) -> Any:
        """The numpy scalar of ``raw``: text for ``U``, else bytes."""
        numpy = loaded_numpy()
        if dtype in ("U", "S"):
            return numpy.str_(raw) if dtype == "U" else numpy.bytes_(raw)
        return numpy.frombuffer(raw, dtype)[0]

    def array(self, dtype: str, shape: Sequence[int], raw: memoryview) -> Any:
        """The numpy array of ``raw``: its own memory, writable."""
        numpy = loaded_numpy()
        if not raw:
            return numpy.empty(shape, dtype)
        return numpy.frombuffer(raw, dtype).reshape(shape).copy()


class Checker(Reader):
    """Checks everything that :class:`Reader` checks, without numpy: stand-ins take the place of its values."""

    def scalar(self, dtype: str, raw: Any) -> Any:
        """A plain value that is equal to, and hashed like, the numpy scalar."""
        if dtype in ("U", "S"):
            return raw
        if dtype[1] in "mM":
            return (dtype, bytes(raw))
        parts = unpack(dtype, raw)
        return complex(*parts) if dtype[1] == "c" else parts[0]

    def array(self, dtype: str, shape: Sequence[int], raw: memoryview) -> Any:
        """Something that cannot be hashed, like an array."""
        return []


def _all_differ(keys: Sequence[Hashable]) -> None:
    try:
        if len(keys) > MAX_EQUAL_HASHES and max(Counter(map(hash, keys)).values()) > MAX_EQUAL_HASHES:
            raise FaultError("keys or elements whose hashes collide")
        if len(set(keys)) != len(keys):
            raise FaultError("two elements or keys that are equal")
    except TypeError:
        raise FaultError("an element or key that cannot be one") from None
