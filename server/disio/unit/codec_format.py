"""What writing and reading codec bytes have in common: limits, JSON settings, dtypes, faults and their places."""

import json
import re
from collections.abc import Iterable
from math import isfinite
from typing import Any, Final

from disio.errors import CodecError

MAX_BYTES: Final = 16 * 1024 * 1024
"""Default limit of an encoded value, in bytes."""
MAX_DEPTH: Final = 64
"""Containers inside containers."""
MAX_NODES: Final = 2_000_000
"""Values in the JSON text, the parts of tagged values included."""
MAX_KEY_BYTES: Final = 64 * 1024 * 1024
"""Encoded elements of sets and non-text keys of dicts; what is inside another key counts again."""
MAX_DIMENSIONS: Final = 32
"""Dimensions of an array (numpy 1 takes no more)."""
MAX_ARRAY_BYTES: Final = 2**31 - 1
"""What a 32-bit WebAssembly memory can address; also bounds the shapes of empty arrays."""

TEXT_LIMIT: Final = 1 << 2048
"""Ints of this size and more travel in hexadecimal: below every limit of ``sys.set_int_max_str_digits``."""
PLAIN: Final = frozenset((type(None), bool, int, float, str))
SURROGATE_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
"""Two surrogates in a row: JSON would read them back as one character."""

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_DTYPE = re.compile(
    r"([<|])([biufcUSmM])([1-9][0-9]{0,9})"
    r"(\[(?:[2-9]|[1-9][0-9]{1,8})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?"
)
_SIZES = {"b": {1}, "i": {1, 2, 4, 8}, "u": {1, 2, 4, 8}, "f": {2, 4, 8}, "c": {8, 16}, "m": {8}, "M": {8}}

dumps = json.JSONEncoder(
    ensure_ascii=True, allow_nan=False, check_circular=False, sort_keys=True, separators=(",", ":")
).encode


class TooLargeError(CodecError):
    """A value, or the bytes of one, passes a limit: bytes, depth, number of values."""

    code = "too_large"
    http_status = 413


class FaultError(Exception):
    """Something is wrong at a place that is told while unwinding; ends as the :class:`CodecError` of ``error``."""

    def __init__(self, reason: str, kind: type[CodecError] = CodecError) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        self.place: list[str] = []

    def at(self, step: str) -> "FaultError":
        """The same fault, one container further out."""
        self.place.append(step)
        return self

    def error(self) -> CodecError:
        """The error for the user, with the whole place: ``value["a"][3]: ...``."""
        steps = self.place[::-1]
        if len(steps) > 12:
            steps = [*steps[:6], f"...{len(steps) - 12} more...", *steps[-6:]]
        return self.kind(f"value{''.join(steps)}: {self.reason}")


class Limits:
    """What both directions count alike, so that neither makes what the other refuses."""

    def __init__(self) -> None:
        self.key_room = MAX_KEY_BYTES

    def key_order(self, node: Any, buffers: bytes) -> tuple[str, bytes]:
        """What elements of sets and non-text keys are sorted by; counted, as keys inside keys are made anew."""
        text = dumps(node)
        self.key_room -= len(text) + len(buffers)
        if self.key_room < 0:
            raise FaultError("sets inside sets are too large", TooLargeError)
        return text, buffers

    @staticmethod
    def enter(depth: int) -> int:
        """The depth inside of a container that stands at ``depth``."""
        if depth >= MAX_DEPTH:
            raise FaultError(
                f"more than {MAX_DEPTH} containers inside each other, or one that contains itself", TooLargeError
            )
        return depth + 1


def count_nodes(text: str) -> None:
    """Refuse JSON text with more than ``MAX_NODES`` values, before it is parsed."""
    nodes = _nodes(text)
    if nodes > MAX_NODES and (nodes := _nodes(_STRINGS.sub("", text))) > MAX_NODES:
        raise FaultError(f"{nodes:,} values; at most {MAX_NODES:,} are allowed", TooLargeError)


def _nodes(text: str) -> int:
    return 1 + text.count(",") + text.count("[") + text.count("{")


def is_flat(items: list[Any] | tuple[Any, ...]) -> bool:
    """Whether each item's JSON is its own: no containers, nothing that needs a tag."""
    kinds = set(map(type, items))
    if not kinds <= PLAIN:
        return False
    if float in kinds and not all(map(isfinite, _only(float, items, kinds))):
        return False
    if int in kinds:
        ints = _only(int, items, kinds)
        if max(ints) >= TEXT_LIMIT or min(ints) <= -TEXT_LIMIT:
            return False
    return str not in kinds or not SURROGATE_PAIR.search("".join(_only(str, items, kinds)))


def _only(kind: type, items: Iterable[Any], kinds: set[type]) -> Iterable[Any]:
    return items if len(kinds) == 1 else [item for item in items if type(item) is kind]


def item_size(dtype: str) -> int:
    """Bytes of one item of a numpy dtype, named as ``dtype.str`` does; little-endian, fixed-size kinds only."""
    match = _DTYPE.fullmatch(dtype)
    if match is None:
        raise FaultError(f"numpy dtype {dtype[:40]!r} cannot travel")
    order, kind, digits, unit = match.groups()
    size = int(digits)
    expected = "|" if kind in "bS" or (kind in "iu" and size == 1) else "<"
    if order != expected or size not in _SIZES.get(kind, (size,)) or (unit and kind not in "mM"):
        raise FaultError(f"numpy dtype {dtype[:40]!r} cannot travel")
    return size * 4 if kind == "U" else size
