"""Codec bytes as plain JSON for people: NDJSON, CSV, pages. Loses types; needs no numpy."""

import base64
from collections.abc import Sequence
from math import isfinite
from typing import Any, Final

from disio.unit.codec_arrays import unpack
from disio.unit.codec_format import dumps, item_size
from disio.unit.codec_read import Reader

MAX_SHOWN_ITEMS: Final = 1000
"""Arrays with more items are summed up."""
_FIRST = 10


class PeopleReader(Reader):
    """Makes of bytes, which have been checked, what ``json.dumps`` takes."""

    def read_int(self, node: dict[str, Any], _depth: int) -> Any:
        """Long ints as hexadecimal text, which every JSON reader can take."""
        return node["v"]

    def read_float(self, node: dict[str, Any], depth: int) -> Any:
        """As JavaScript calls them."""
        return _real(super().read_float(node, depth))

    def read_complex(self, node: dict[str, Any], depth: int) -> Any:
        """Both parts."""
        return {"complex": [self.read(part, depth) for part in node["v"]]}

    def read_str(self, node: dict[str, Any], depth: int) -> Any:
        """With its surrogates written out."""
        return without_surrogates(super().read_str(node, depth))

    def read_bytes(self, node: dict[str, Any], _depth: int) -> Any:
        """In base64."""
        return _base64(self.take(node["n"]))

    def read_date(self, node: dict[str, Any], _depth: int) -> Any:
        """ISO 8601."""
        return node["v"]

    def read_datetime(self, node: dict[str, Any], _depth: int) -> Any:
        """ISO 8601."""
        return node["v"]

    def read_tuple(self, node: dict[str, Any], depth: int) -> Any:
        """A list."""
        return self.items(node["v"], depth)

    def read_set(self, node: dict[str, Any], depth: int) -> Any:
        """A list, in canonical order."""
        return self.items(node["v"], depth)

    def read_frozenset(self, node: dict[str, Any], depth: int) -> Any:
        """A list, in canonical order."""
        return self.items(node["v"], depth)

    def read_dict(self, node: dict[str, Any], depth: int) -> Any:
        """Keys as text; where two would then be the same, a list of pairs."""
        pairs = [(self.read(key, depth), self.read(item, depth)) for key, item in node["v"]]
        named = {key if type(key) is str else dumps(key): item for key, item in pairs}
        return named if len(named) == len(pairs) else [list(pair) for pair in pairs]

    def scalar(self, dtype: str, raw: Any) -> Any:
        """As the Python value that is nearest."""
        if dtype in ("U", "S"):
            return without_surrogates(raw) if dtype == "U" else _base64(raw)
        return _plain(dtype, raw)[0]

    def array(self, dtype: str, shape: Sequence[int], raw: memoryview) -> Any:
        """Nested lists, or a summary."""
        size = item_size(dtype)
        if len(raw) // size > MAX_SHOWN_ITEMS:
            first = _plain(dtype, raw[: _FIRST * size])
            return {"array": {"dtype": dtype, "shape": list(shape), "bytes": len(raw), "first": first}}
        items: list[Any] = _plain(dtype, raw)
        for length in reversed(shape[1:]):
            items = [items[start : start + length] for start in range(0, len(items), length)] if length else []
        return items if shape else items[0]


def without_surrogates(value: Any) -> Any:
    """The same with lone surrogates, which cannot travel as UTF-8, written out as their escapes."""
    if type(value) is str:
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if type(value) is list:
        return [without_surrogates(item) for item in value]
    if type(value) is dict:
        named = {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
        return named if len(named) == len(value) else [without_surrogates(list(pair)) for pair in value.items()]
    return value


def _plain(dtype: str, raw: bytes | memoryview) -> list[Any]:
    size = item_size(dtype)
    kind = dtype[1]
    if kind in "US":
        pieces = [bytes(raw[start : start + size]) for start in range(0, len(raw), size)]
        if kind == "S":
            return [_base64(piece.rstrip(b"\0")) for piece in pieces]
        return [without_surrogates(piece.decode("utf-32-le", "surrogatepass").rstrip("\0")) for piece in pieces]
    items = unpack(dtype, raw)
    if kind == "f":
        return [_real(item) for item in items]
    if kind == "c":
        return [{"complex": [_real(items[at]), _real(items[at + 1])]} for at in range(0, len(items), 2)]
    if kind in "mM":
        return [None if item == -(2**63) else item for item in items]
    return list(items)


def _real(value: float) -> float | str:
    if isfinite(value):
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124 - NaN


def _base64(data: bytes | memoryview) -> dict[str, str]:
    return {"bytes": base64.b64encode(data).decode()}
