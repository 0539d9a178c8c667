"""The codec: exact, canonical, bounded, and safe with bytes from anyone."""

import enum
import json
import math
import random
import subprocess
import sys
import time
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disio.errors import CodecError
from disio.unit import codec
from tests.fixtures.codec_cases import mutated, run_cases, same, shuffled

finite_keys = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**2100), max_value=2**2100)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters(codec=None, exclude_categories=()), max_size=12)
    | st.binary(max_size=12)
    | st.dates()
    | st.datetimes()
    | st.datetimes(timezones=st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)),
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.frozensets(inner, max_size=4),
    max_leaves=6,
)
values = st.recursive(
    finite_keys | st.floats() | st.complex_numbers(),
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.lists(inner, max_size=6).map(tuple)
        | st.sets(finite_keys, max_size=5)
        | st.dictionaries(st.text(max_size=4), inner, max_size=5)
        | st.dictionaries(finite_keys, inner, max_size=5)
    ),
    max_leaves=25,
)


@given(values)
@settings(deadline=None, max_examples=300)
def test_round_trip(value: Any) -> None:
    """What is decoded has the types and values of what was encoded, and is encoded alike again."""
    data = codec.encode(value)
    codec.check(data)
    back = codec.decode(data)
    assert same(value, back)
    assert codec.encode(back) == data


@given(values, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_canonical(value: Any, source: random.Random) -> None:
    """The order in which sets and dicts were filled does not show in the bytes."""
    assert codec.encode(shuffled(value, source)) == codec.encode(value)


@given(values, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=300)
def test_hostile_mutations(value: Any, source: random.Random) -> None:
    """Changed bytes are refused by check and decode alike, or are the canonical bytes of another value."""
    hostile = mutated(codec.encode(value), source)
    try:
        codec.check(hostile)
    except CodecError:
        with pytest.raises(CodecError):
            codec.decode(hostile)
    else:
        assert codec.encode(codec.decode(hostile)) == hostile
        json.dumps(codec.to_jsonable(hostile), allow_nan=False)


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_hostile_noise(data: bytes) -> None:
    """Noise is refused with a CodecError, or canonical."""
    try:
        value = codec.decode(data)
    except CodecError:
        return
    assert codec.encode(value) == data


@pytest.mark.parametrize("numpy", [None, np], ids=["plain", "numpy"])
def test_seeded_cases(numpy: Any) -> None:
    """The cases that the browser's test runs too: round trip, canonical bytes, hostile bytes."""
    refused = run_cases(codec, CodecError, seed=20, count=1500, numpy=numpy)
    assert refused > 1000


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, b"null"),
        (True, b"true"),
        (5, b"5"),
        (-0, b"0"),
        (2**64, b"18446744073709551616"),
        (1.0, b"1.0"),
        (-0.0, b"-0.0"),
        (1e16, b"1e+16"),
        (math.inf, b'{"!":"float","v":"inf"}'),
        (-math.nan, b'{"!":"float","v":"nan"}'),
        (1 - 2.5j, b'{"!":"complex","v":[1.0,-2.5]}'),
        ("a\0é\ud800", b'"a\\u0000\\u00e9\\ud800"'),
        ("\ud83d\ude00", b'{"!":"str","v":"eda0bdedb880"}'),
        ("\U0001f600", b'"\\ud83d\\ude00"'),
        (b"", b'{"!":"bytes","n":0}'),
        ([b"ab", b"c\0"], b'[{"!":"bytes","n":2},{"!":"bytes","n":2}]\0abc\0'),
        ((1, (2,)), b'{"!":"tuple","v":[1,{"!":"tuple","v":[2]}]}'),
        ({3, 20, 100}, b'{"!":"set","v":[100,20,3]}'),
        (frozenset(), b'{"!":"frozenset","v":[]}'),
        ({"b": 1, "a": [2]}, b'{"a":[2],"b":1}'),
        ({"!": 1}, b'{"!":"dict","v":[["!",1]]}'),
        ({2: b"x", 1: b"y"}, b'{"!":"dict","v":[[1,{"!":"bytes","n":1}],[2,{"!":"bytes","n":1}]]}\0yx'),
        (date(2024, 2, 29), b'{"!":"date","v":"2024-02-29"}'),
        (datetime(1, 1, 1, 0, 0, 0, 5), b'{"!":"datetime","v":"0001-01-01T00:00:00.000005"}'),
        (datetime(2024, 1, 1, tzinfo=UTC), b'{"!":"datetime","v":"2024-01-01T00:00:00+00:00"}'),
        (np.float64(0.5), b'{"!":"scalar","d":"<f8"}\0\0\0\0\0\0\0\xe0\x3f'),
        (np.array([[1, 2]], ">i2"), b'{"!":"array","d":"<i2","s":[1,2]}\0\1\0\2\0'),
        (np.zeros((2, 0)), b'{"!":"array","d":"<f8","s":[2,0]}'),
        (np.str_("x"), b'{"!":"scalar","d":"U","v":"x"}'),
    ],
)
def test_format(value: Any, data: bytes) -> None:
    """The format stays as it is: stored results of earlier versions must be readable."""
    assert codec.encode(value) == data
    assert same(value, codec.decode(data))
    codec.check(data)


def test_long_ints() -> None:
    """Ints beyond Python's limit of decimal digits make the round trip, quickly."""
    value = -(3**30_000)
    assert len(codec.encode(value)) < 15_000
    assert codec.decode(codec.encode(value)) == value
    assert codec.decode(codec.encode([2**2048 - 1, 2**2048])) == [2**2048 - 1, 2**2048]


def test_time_zones_become_offsets() -> None:
    """A named time zone travels as the offset that it has at that moment."""
    summer = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    back = codec.decode(codec.encode(summer))
    assert back == summer
    assert back.tzinfo == timezone(timedelta(hours=2))


def test_nans_are_one() -> None:
    """NaNs whose bits differ, as they do between machines, give the same bytes, in arrays too."""
    odd = np.array([0x7FF8000000000001, 0xFFF8000000000000], "<u8").view("<f8")
    assert codec.encode(odd) == codec.encode(np.array([math.nan, math.nan]))
    assert codec.encode(odd[0]) == codec.encode(np.float64("nan"))
    assert codec.encode(odd.view("<c16")) == codec.encode(np.array([complex(math.nan, math.nan)]))


def test_arrays_are_their_own() -> None:
    """A decoded array owns its memory and can be written to."""
    array = codec.decode(codec.encode(np.arange(6).reshape(2, 3)))
    array[0, 0] = 7
    assert array.flags.owndata or array.base.flags.owndata


class Colour(enum.IntEnum):
    RED = 1


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, 2, 3, object()]}, 'value["a"][3]: object cannot travel'),
        ([Colour.RED], "value[0]: a member of the enum test_codec.Colour cannot travel; send x.value"),
        (Point(1, 2), "Point is a subclass of tuple, and its type would be lost; send tuple(x)"),
        (OrderedDict(a=1), "OrderedDict is a subclass of dict"),
        ({1: {2: (0, bytearray())}}, "value[1][2][1]: bytearray cannot travel; send bytes(x)"),
        ({(1, 2): range(3)}, "value[<tuple>]: range cannot travel; send list(x)"),
        ({(1, frozenset([Colour.RED]))}, "value{<tuple>}[1]{<Colour>}: "),
        ({"x" * 99: object()}, 'value["xxx'),
        ({math.nan, float("nan")}, "cannot be told apart"),
        (np.array([object()]), "numpy dtype '|O' cannot travel"),
        (np.zeros(2, "i4,f8"), "cannot travel"),
        (np.longdouble(1), "cannot travel"),
        (np.ma.array([1]), "numpy.ma.MaskedArray cannot travel; send x.filled()"),
        (np.zeros((1,) * 40), "40 dimensions"),
    ],
)
def test_refused_values(value: Any, message: str) -> None:
    """A value that cannot travel is an error that names its place, and often what to send instead."""
    with pytest.raises(CodecError) as caught:
        codec.encode(value)
    assert message in str(caught.value).replace(f"{__name__}.", "test_codec.")


def test_depth() -> None:
    """64 containers inside each other are allowed, 65 are not, and what contains itself is not."""
    value: Any = 1
    for _ in range(64):
        value = [value]
    assert codec.decode(codec.encode(value)) == value
    with pytest.raises(codec.TooLargeError, match="more than 64"):
        codec.encode([value])
    with pytest.raises(codec.TooLargeError, match="more than 64"):
        codec.check(b"[" * 65 + b"]" * 65)
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(codec.TooLargeError, match="contains itself"):
        codec.encode(loop)


@pytest.mark.parametrize("text", ["[" * 999, '"' + "[" * 999, "\\" + "{" * 999, '\\"[' * 999, '"\\' * 999 + "[" * 999])
def test_brackets_in_text_are_not_deep(text: str) -> None:
    """Brackets inside of texts do not count as containers, whatever quotes and backslashes are beside them."""
    for value in (text, [text, {text: text}], [[]] * 999 + [text]):
        assert codec.decode(codec.encode(value)) == value


@pytest.mark.parametrize("before", ['["\\\\",', '["\\"",', '["]]]]",', '["\\\\\\"]]",', '[{"]":"}"},'])
def test_depth_is_not_hidden_by_text(before: str) -> None:
    """Texts with brackets, quotes and backslashes hide no depth from the check that comes before parsing."""
    with pytest.raises(codec.TooLargeError, match="too many containers"):
        codec.check((before + "[" * 300 + "]" * 301).encode())


def test_shared_parts_do_not_explode() -> None:
    """A small value that would be huge when written out is refused before it is."""
    value: Any = [0] * 10
    for _ in range(20):
        value = [value] * 10
    start = time.perf_counter()
    with pytest.raises(codec.TooLargeError):
        codec.encode(value)
    assert time.perf_counter() - start < 20


def test_size() -> None:
    """Values and bytes over the limit are refused, an endless broadcast array before it is made."""
    with pytest.raises(codec.TooLargeError, match="at most 100 are allowed"):
        codec.encode("x" * 100, max_bytes=100)
    with pytest.raises(codec.TooLargeError):
        codec.encode([b"x" * 60, b"x" * 60], max_bytes=100)
    with pytest.raises(codec.TooLargeError):
        codec.encode(np.broadcast_to(np.float64(1), (10**12,)))
    with pytest.raises(codec.TooLargeError):
        codec.check(b"1" * 101, max_bytes=100)
    with pytest.raises(codec.TooLargeError):
        codec.decode(b"12", max_bytes=1)
    assert codec.decode(codec.encode("x" * 98, max_bytes=100), max_bytes=100) == "x" * 98


def test_no_numpy_needed() -> None:
    """Without numpy arrays are checked and shown; decoding one is a clear error."""
    program = (
        "import sys; sys.modules['numpy'] = None\n"
        "from disio.unit import codec\n"
        "data = bytes.fromhex(sys.argv[1]); codec.check(data); print(codec.to_jsonable(data))\n"
        "try: codec.decode(data)\n"
        "except Exception as error: print(error)\n"
    )
    data = codec.encode({"x": np.array([[1.5, math.inf]])})
    out = subprocess.run([sys.executable, "-c", program, data.hex()], capture_output=True, text=True, check=True).stdout
    assert out.splitlines() == [
        "{'x': [[1.5, 'Infinity']]}",
        'value["x"]: a numpy value, but numpy is not installed here; add it, or send plain lists',
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({1: (2, {3})}, {"1": [2, [3]]}),
        ({1: "a", "1": "b"}, [["1", "b"], [1, "a"]]),
        ({(1, 2): b"ab"}, {"[1,2]": {"bytes": "YWI="}}),
        ([math.nan, -math.inf, 1j], ["NaN", "-Infinity", {"complex": [0.0, 1.0]}]),
        (2**2048, hex(2**2048)),
        ({"\ud83d": ["é\udfff", "😀"]}, {"\\ud83d": ["é\\udfff", "😀"]}),
        ({"\ud83d": 1, "\\ud83d": 2}, [["\\ud83d", 2], ["\\ud83d", 1]]),
        ("\ud83d\ude00", "\\ud83d\\ude00"),
        (np.array(["a\udc00"]), ["a\\udc00"]),
        (datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00+00:00"),
        (np.array([["a", "bc"]]), [["a", "bc"]]),
        (np.array([b"a", b"\0b"]), [{"bytes": "YQ=="}, {"bytes": "AGI="}]),
        (np.array(3, "u1"), 3),
        (np.array([1 + 2j], "c8"), [{"complex": [1.0, 2.0]}]),
        (np.array(["2024-01-01", "NaT"], "M8[D]"), [19723, None]),
        (np.array([1.5, -2], "f2"), [1.5, -2.0]),
        (np.arange(12, dtype="i2").reshape(2, 3, 2), np.arange(12).reshape(2, 3, 2).tolist()),
        (np.bool_(True), True),
        (np.int8(-3), -3),
        (
            np.zeros((100, 100), "f4"),
            {"array": {"dtype": "<f4", "shape": [100, 100], "bytes": 40000, "first": [0.0] * 10}},
        ),
    ],
)
def test_to_jsonable(value: Any, shown: Any) -> None:
    """People are shown plain JSON: lists, text, a summary of what is large."""
    plain = codec.to_jsonable(codec.encode(value))
    assert plain == shown
    json.dumps(plain, allow_nan=False, ensure_ascii=False).encode()


def test_foreign_types_are_not_called() -> None:
    """Refusing a value calls none of its methods."""

    class Trap(SimpleNamespace):
        def __repr__(self) -> str:
            raise AssertionError

        __str__ = __eq__ = __hash__ = __repr__  # type: ignore[assignment]

    with pytest.raises(CodecError, match="Trap"):
        codec.encode([Trap()])
