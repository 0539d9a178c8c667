"""The volunteers' protocol: fixtures are current, frames round trip, hostile bytes raise nothing but ProtocolError."""

import contextlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disio.errors import ProtocolError
from disio.wire.volunteer import (
    MAX_FRAME_BYTES,
    MAX_ITEMS,
    PROTOCOL_VERSION,
    Credit,
    Hello,
    ResultItem,
    Results,
    Return,
    pack,
    unpack_from_volunteer,
    unpack_to_volunteer,
)
from tests.fixtures import protocol

FRAMES = [pack(message, data) for message, data in protocol.FROM_VOLUNTEER.values()]
SECRET = protocol.SECRET

leases = st.integers(1, 2**53 - 1)
tasks = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


def frame(head: object, data: bytes = b"") -> bytes:
    """A frame with any head, right or wrong."""
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<I", len(text)) + text + data


def test_fixtures_are_current() -> None:
    """protocol.json says what the Python side says; else: python -m tests.fixtures.protocol."""
    assert protocol.PATH.read_text(encoding="utf-8") == protocol.text()


@pytest.mark.parametrize("name", protocol.FROM_VOLUNTEER)
def test_messages_from_volunteers_round_trip(name: str) -> None:
    """Every message of a volunteer is read back as it was written."""
    message, data = protocol.FROM_VOLUNTEER[name]
    assert unpack_from_volunteer(pack(message, data)) == (message, data)


@pytest.mark.parametrize("name", protocol.TO_VOLUNTEER)
def test_messages_to_volunteers_round_trip(name: str) -> None:
    """Every message of a distributor is read back as it was written."""
    message, data = protocol.TO_VOLUNTEER[name]
    assert unpack_to_volunteer(pack(message, data)) == (message, data)


@given(tasks, st.lists(st.tuples(leases, st.binary(max_size=50), st.text(max_size=20)), max_size=30))
def test_any_results_round_trip(task: str, answers: list[tuple[int, bytes, str]]) -> None:
    """Results of any sizes, with any printed text, are read back as they were written."""
    items = [ResultItem(lease, 0, len(data), 1.5, log) for lease, data, log in answers]
    data = b"".join(data for _, data, _ in answers)
    assert unpack_from_volunteer(pack(Results(task, items), data)) == (Results(task, items), data)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    """Arbitrary bytes raise nothing but ProtocolError."""
    for unpack in (unpack_from_volunteer, unpack_to_volunteer):
        with contextlib.suppress(ProtocolError):
            unpack(data)


@given(st.sampled_from(FRAMES), st.data())
def test_altered_frames_are_refused_or_read(original: bytes, draw: st.DataObject) -> None:
    """Frames with bytes changed, cut out or put in raise nothing but ProtocolError."""
    altered = bytearray(original)
    for _ in range(draw.draw(st.integers(1, 5))):
        at = draw.draw(st.integers(0, len(altered)))
        altered[at : at + draw.draw(st.integers(0, 3))] = draw.draw(st.binary(max_size=3))
    with contextlib.suppress(ProtocolError):
        unpack_from_volunteer(bytes(altered))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.sampled_from(["hello", "credit", "results", "return", "welcome", "x"]),
    st.dictionaries(
        st.sampled_from(
            ["protocol", "secret", "site", "agent", "workers", "holding", "window", "task", "items", "leases"]
        ),
        json_values,
    ),
    st.binary(max_size=10),
)
def test_any_head_is_refused_or_read(kind: str, fields: dict[str, object], data: bytes) -> None:
    """Heads with fields of any kind raise nothing but ProtocolError."""
    with contextlib.suppress(ProtocolError):
        unpack_from_volunteer(frame({"type": kind, **fields}, data))


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("text", "text message"),
        (None, "text message"),
        (b"", "shorter"),
        (b"\x01\0\0", "shorter"),
        (b"\xff\xff\xff\xff{}", "longer than the frame"),
        (frame(b"no json"), "no message"),
        (frame(b"\xff\xfe"), "no message"),
        (frame(b"[" * 100_000), "no message"),
        (frame([1, 2]), "no message"),
        (frame({"type": "unheard"}), "no message"),
        (frame({"type": "work", "task": "t-1", "items": []}), "no message"),
        (frame({"protocol": PROTOCOL_VERSION}), "no message"),
        (frame({"type": "credit", "window": -1}), "no message"),
        (frame({"type": "credit", "window": 4097}), "no message"),
        (frame({"type": "credit", "window": 1.5}), "no message"),
        (frame({"type": "credit", "window": 1}, b"?"), "add up"),
        (frame({"type": "hello", "protocol": PROTOCOL_VERSION, "secret": "short"}), "no message"),
        (frame({"type": "hello", "protocol": PROTOCOL_VERSION, "secret": SECRET + "\n"}), "no message"),
        (frame({"type": "hello", "protocol": PROTOCOL_VERSION, "secret": SECRET, "site": "x" * 201}), "no message"),
        (frame({"type": "hello", "protocol": PROTOCOL_VERSION, "secret": SECRET, "workers": 0}), "no message"),
        (
            frame({"type": "hello", "protocol": PROTOCOL_VERSION, "secret": SECRET, "holding": {"a b": [1]}}),
            "no message",
        ),
        (frame({"type": "results", "task": "t-1", "items": [[1, 0, 2, 0]]}, b"1"), "add up"),
        (frame({"type": "results", "task": "t-1", "items": [[1, 0, -2, 0]]}), "no message"),
        (frame({"type": "results", "task": "t-1", "items": [[0, 0, 0, 0]]}), "no message"),
        (frame({"type": "results", "task": "t-1", "items": [[2**53, 0, 0, 0]]}), "no message"),
        (frame({"type": "results", "task": "t-1", "items": [[1, 2, 0, 0]]}), "no message"),
        (frame({"type": "results", "task": "t-1", "items": [[1, 0, 0, -1]]}), "no message"),
        (frame({"type": "results", "task": "t-1", "items": [[1, 0, 0, 0]] * (MAX_ITEMS + 1)}), "no message"),
        (frame({"type": "results", "task": "../../x", "items": []}), "no message"),
        (frame({"type": "return", "task": "t-1", "leases": [[]]}), "no message"),
        (bytes(MAX_FRAME_BYTES + 1), "at most"),
    ],
)
def test_bad_input_says_why(bad: object, why: str) -> None:
    """Each kind of bad frame is refused with a message that says what is wrong."""
    with pytest.raises(ProtocolError, match=why):
        unpack_from_volunteer(bad)


def test_a_newer_field_is_ignored() -> None:
    """A field that this version does not know does not break a message of the same protocol."""
    assert unpack_from_volunteer(frame({"type": "credit", "window": 3, "new": True})) == (Credit(3), b"")


def test_defaults_of_hello() -> None:
    """A hello needs no more than protocol and secret."""
    message, _ = unpack_from_volunteer(frame({"type": "hello", "protocol": PROTOCOL_VERSION, "secret": SECRET}))
    assert message == Hello(protocol=PROTOCOL_VERSION, secret=SECRET)
    assert isinstance(message, Hello)
    assert (message.workers, message.holding, message.agent.browser) == (1, {}, "unknown")


def test_return_reads() -> None:
    """A return names its leases."""
    assert unpack_from_volunteer(pack(Return("t-1", [1, 2])))[0] == Return("t-1", [1, 2])
