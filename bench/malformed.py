"""Frames that no bridge would send: made by hypothesis' strategies once, then mutated and mixed by a seeded generator.

Two kinds: ``fatal`` ones break the protocol, so that their connection ends; ``void`` ones keep to it and mean nothing
(leases never given, tasks of nobody), so that the connection goes on.
"""

import base64
import os
import random
import struct
from collections.abc import Iterator
from typing import Final

import msgspec
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from disio.errors import ProtocolError
from disio.wire.volunteer import (
    PROTOCOL_VERSION,
    Credit,
    FromVolunteer,
    Hello,
    ResultItem,
    Results,
    Return,
    pack,
    unpack_from_volunteer,
)

JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
HEADS: Final = st.fixed_dictionaries(
    {"type": st.sampled_from(["hello", "credit", "results", "return", "checkpoint", "", "shout"])},
    optional=dict.fromkeys(("protocol", "secret", "task", "items", "leases", "window", "holding", "workers"), JSON),
)


def framed(head: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    """A frame with a head length that may be a lie."""
    return struct.pack("<I", (len(head) if length is None else length) & 0xFFFFFFFF) + head + data


def frames(count: int, number: int) -> list[bytes]:
    """So many frames from hypothesis' strategies, by a seed."""
    found: list[bytes] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(max_size=80), HEADS, st.binary(max_size=30), st.none() | st.integers(0, 2**32 - 1))
    def collect(noise: bytes, head: dict[str, object], data: bytes, length: int | None) -> None:
        found.append(noise)
        found.append(framed(msgspec.json.encode(_plain(head)), data, length))

    collect()
    return found


def _plain(value: object) -> object:
    """Floats that JSON has no words for as text."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, float | int) and not isinstance(value, bool) else value


def real_frames() -> list[bytes]:
    """What a bridge does send, one of each message."""
    kept: list[FromVolunteer] = [
        Hello(protocol=PROTOCOL_VERSION, secret="ab" * 16, holding={"mgr001-1": [1, 2, 3]}),
        Credit(100),
        Results("mgr001-1", [ResultItem(7, 0, 3, 1.5), ResultItem(8, 1, 2, 0.1, "said")]),
        Return("mgr001-1", [4, 5]),
    ]
    return [pack(message, b"12345" if isinstance(message, Results) else b"") for message in kept]


class Forge:
    """Malformed frames without end, by a seed."""

    def __init__(self, number: int, made: list[bytes] | None = None) -> None:
        self._random = random.Random(number)
        self._seeds = [*real_frames(), *(made or [])]

    def mutated(self) -> bytes:
        """One of the seeds with bytes flipped, cut, doubled, or joined with another's."""
        rng = self._random
        frame = bytearray(rng.choice(self._seeds))
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(frame) + 1)
            match rng.randrange(5):
                case 0 if place < len(frame):
                    frame[place] = rng.randrange(256)
                case 1:
                    del frame[place : place + rng.randint(1, 8)]
                case 2:
                    frame[place:place] = rng.randbytes(rng.randint(1, 8))
                case 3:
                    frame[place:place] = frame[: rng.randint(0, 16)]
                case _:
                    frame[place:] = rng.choice(self._seeds)[place:]
        return bytes(frame)

    def fatal(self) -> bytes:
        """A frame that is none of the protocol."""
        while True:
            frame = self.mutated()
            try:
                unpack_from_volunteer(frame)
            except ProtocolError:
                return frame

    def void(self) -> bytes:
        """A frame of the protocol that means nothing: leases never given, of tasks that may not exist."""
        rng = self._random
        task = f"{rng.choice(['nobody', 'mgr001', 'x'])}-{rng.randrange(10**9)}"
        leases = [rng.randint(1, 2**53 - 1) for _ in range(rng.randint(0, 4))]
        if rng.random() < 0.3:
            return pack(Return(task, leases))
        data = rng.randbytes(3 * len(leases))
        return pack(Results(task, [ResultItem(lease, rng.randrange(2), 3, rng.random()) for lease in leases]), data)

    def secret(self) -> str:
        """Of one more volunteer."""
        return self._random.randbytes(16).hex()


def hello(forge: Forge) -> bytes:
    """What a bridge says first."""
    return pack(Hello(protocol=PROTOCOL_VERSION, secret=forge.secret(), site="hostile"))


def upgrade() -> bytes:
    """The request that opens a WebSocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        "GET /volunteer HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


def binary(payload: bytes) -> bytes:
    """One masked binary WebSocket frame, as a browser sends it."""
    size = len(payload)
    if size < 126:
        return bytes([0x82, 0x80 | size]) + bytes(4) + payload
    if size < 65536:
        return b"\x82\xfe" + struct.pack("!H", size) + bytes(4) + payload
    return b"\x82\xff" + struct.pack("!Q", size) + bytes(4) + payload


CLOSE: Final = b"\x88\x80" + bytes(4)
"""What a browser answers to a close frame, masked: until it comes, the distributor waits, for two seconds at most."""
REFUSED: Final = b"\x88\x0a" + struct.pack("!H", 4400) + b"protocol"
"""The close frame that a distributor sends to whoever breaks the protocol."""


def batches(forge: Forge, count: int, visit: int = 200) -> Iterator[tuple[bytes, int]]:
    """Frames of whole visits, hello first, void ones and at last a fatal one; and how many of them are malformed."""
    while count > 0:
        size = min(visit, count)
        said = [hello(forge), *(forge.void() for _ in range(size - 1)), forge.fatal()]
        yield b"".join(map(binary, said)), size
        count -= size
