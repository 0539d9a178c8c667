"""The codec with bytes from people who mean it harm: refused, soon, whatever they are."""

import sys
import time

import pytest

from disio.errors import CodecError
from disio.unit import codec

HOSTILE = [
    b"",
    b"\0",
    b"5\0",
    b"5\0x",
    b" 5",
    b"05",
    b"-0",
    b"1E5",
    b"1.50",
    b"1e999",
    b"NaN",
    b"[Infinity]",
    b"[1, 2]",
    b'{"b":1,"a":2}',
    b'{"a":1,"a":1}',
    b'"\\u0041"',
    b'"\xc3\xa9"',
    b"\xff",
    b"[1,2",
    b"1" * 4400,
    b"1" * 700,
    b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"!":5}',
    b'{"!":"object","v":1}',
    b'{"!":"__class__","v":1}',
    b'{"!":"tuple","v":1}',
    b'{"!":"tuple","v":[],"w":1}',
    b'{"!":"int","v":"0x5"}',
    b'{"!":"int","v":"0X' + b"F" * 600 + b'"}',
    b'{"!":"int","v":"0x_' + b"f" * 600 + b'"}',
    b'{"!":"float","v":"1.0"}',
    b'{"!":"float","v":[1]}',
    b'{"!":"complex","v":[1,2]}',
    b'{"!":"complex","v":[1.0]}',
    b'{"!":"str","v":"61"}',
    b'{"!":"str","v":"eda0bdedb88"}',
    b'{"!":"str","v":7}',
    b'{"!":"bytes","n":-1}\0x',
    b'{"!":"bytes","n":2}\0x',
    b'{"!":"bytes","n":true}\0x',
    b'{"!":"bytes","n":1.0}\0x',
    b'{"!":"bytes","n":9223372036854775808}\0x',
    b'{"!":"date","v":"20240229"}',
    b'{"!":"date","v":"2023-02-29"}',
    b'{"!":"datetime","v":"2024-01-01"}',
    b'{"!":"datetime","v":5}',
    b'{"!":"set","v":[1,1]}',
    b'{"!":"set","v":[2,1]}',
    b'{"!":"set","v":[1,1.0]}',
    b'{"!":"set","v":[1,true]}',
    b'{"!":"set","v":[[]]}',
    b'{"!":"set","v":[{}]}',
    b'{"!":"dict","v":[["a",1]]}',
    b'{"!":"dict","v":[[1]]}',
    b'{"!":"dict","v":[[1,2],[1,3]]}',
    b'{"!":"dict","v":[[1,2],[true,3]]}',
    b'{"!":"dict","v":[[{"!":"set","v":[]},2]]}',
    b'{"!":"scalar","d":"<f8"}\0xxxx',
    b'{"!":"scalar","d":"|b1"}\0\2',
    b'{"!":"scalar","d":"|O"}\0xxxxxxxx',
    b'{"!":"scalar","d":"U","v":5}',
    b'{"!":"scalar","d":"<U1"}\0a\0\0\0',
    b'{"!":"array","d":"|O","s":[1]}\0xxxxxxxx',
    b'{"!":"array","d":"|O8","s":[1]}\0xxxxxxxx',
    b'{"!":"array","d":"|V8","s":[1]}\0xxxxxxxx',
    b'{"!":"array","d":"<f8,<f8","s":[1]}\0xxxxxxxx',
    b'{"!":"array","d":">f8","s":[1]}\0xxxxxxxx',
    b'{"!":"array","d":"<f16","s":[1]}\0xxxxxxxxxxxxxxxx',
    b'{"!":"array","d":"<i3","s":[1]}\0xxx',
    b'{"!":"array","d":"<f8[s]","s":[1]}\0xxxxxxxx',
    b'{"!":"array","d":"<M8[1s]","s":[1]}\0xxxxxxxx',
    b'{"!":"array","d":"<U0","s":[3]}',
    b'{"!":"array","d":"|S0","s":[3]}',
    b'{"!":"array","d":"<U1","s":[1]}\0\xff\xff\xff\xff',
    b'{"!":"array","d":"|u1","s":[-1]}\0x',
    b'{"!":"array","d":"|u1","s":[true]}\0x',
    b'{"!":"array","d":"|u1","s":[0,4611686018427387904,4]}',
    b'{"!":"array","d":"|u1","s":[4611686018427387904,4611686018427387904]}\0x',
    b'{"!":"array","d":"|b1","s":[2]}\0\1\2',
    b'{"!":"array","d":["<f8"],"s":[1]}\0xxxxxxxx',
    b'{"!":"array","d":"|u1","s":[' + b"1," * 40 + b"1]}\0x",
    b'{"!":"set","v":[{"!":"array","d":"|u1","s":[]}]}\0x',
    b'{"!":"set","v":[1,{"!":"scalar","d":"|u1"}]}\0\1',
]


@pytest.mark.parametrize("data", HOSTILE, ids=lambda data: repr(data[:50]))
def test_hostile_bytes(data: bytes) -> None:
    """Bytes that are no canonical encoding are refused by check, decode and to_jsonable alike."""
    for read in (codec.check, codec.decode, codec.to_jsonable):
        with pytest.raises(CodecError):
            read(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"!":"set","v":[%s]}' % b",".join(sorted(b"%d" % (k * (2**61 - 1)) for k in range(1, 200_000))),
        b'{"!":"dict","v":[%s]}' % b",".join(sorted(b"[%d,0]" % (k * (2**61 - 1)) for k in range(1, 200_000))),
        b'{"!":"frozenset","v":[' * 60 + b",".join(b'"%06d"' % k for k in range(400_000)) + b"]}" * 60,
        b"[" + b"[]," * 4_000_000 + b"[]]",
        b"9" * (16 * 1024 * 1024),
        b'{"!":"int","v":"0x' + b"f" * (16 * 1024 * 1024 - 40) + b'!"}',
    ],
    ids=["colliding-set", "colliding-dict", "nested-sets", "many-lists", "many-digits", "long-hex"],
)
def test_hostile_work(data: bytes) -> None:
    """Bytes made to cost much time or memory are refused soon."""
    start = time.perf_counter()
    with pytest.raises(CodecError):
        codec.check(data)
    assert time.perf_counter() - start < 10


def test_digit_limit_lifted() -> None:
    """Long digits stay cheap to refuse where a host has lifted Python's own limit."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        with pytest.raises(CodecError):
            codec.check(b"9" * 10_000_000)
    finally:
        sys.set_int_max_str_digits(before)
