"""Failures summed up."""

import json

import pytest

from disio.client import Failure
from disio.client.explaining import EXAMPLES, MOST_KINDS, explain, place_of
from disio.unit.runner import Session

SOURCE = """def inner(value):
    return 1 / value
def run(payload):
    if payload < 0:
        raise ValueError(f"{payload} is negative")
    return inner(payload)
"""


def failures(count: int, message: str, **more: object) -> list[Failure]:
    """So many failures that look alike."""
    told = {"kind": "exception", "traceback": "", "log": "", "volunteers": ("v1",), **more}
    return [Failure(index=index, payload=index, message=message.format(index), **told) for index in range(count)]


def test_failures_that_differ_in_values_only_are_one_kind() -> None:
    """Numbers and quoted text in messages do not make another kind; the most frequent kind comes first."""
    kinds = explain([*failures(2, "KeyError: 'k{}'"), *failures(9, "ValueError: {} is negative")])
    assert [(kind.payloads, kind.message) for kind in kinds] == [
        (9, "ValueError: 0 is negative"),
        (2, "KeyError: 'k0'"),
    ]
    assert kinds[0].indexes == list(range(EXAMPLES))
    assert kinds[0].volunteers == 1
    assert kinds[0].advice


@pytest.mark.parametrize(
    ("message", "helps"),
    [
        ("ModuleNotFoundError: No module named 'skimage.io'", '["skimage"]'),
        ("RuntimeError: can't start new thread", "no threads"),
        ("MemoryError", "smaller"),
        ("ValueError: x", "--local"),
    ],
)
def test_advice_is_about_what_happened(message: str, helps: str) -> None:
    """Exceptions that come of being in a browser say what helps against them."""
    [kind] = explain(failures(3, message))
    assert helps in kind.advice


def test_the_place_is_the_innermost_own_frame() -> None:
    """A real traceback names the unit's own line, not the library's or the caller's."""
    session = Session(SOURCE, filename="unit.py")
    session.load("[[0, 1]]", b"0")
    _, data = session.step(0)
    assert place_of(json.loads(data)["traceback"]) == "unit.py:2 in inner"


def test_a_failure_without_traceback_has_no_place() -> None:
    """A timeout or a crash stands for itself."""
    assert place_of("") == ""


def test_memory_is_bounded_by_kinds() -> None:
    """However many different failures there are, no more than a thousand kinds are kept; the others are counted."""
    many = [failure for kind in range(MOST_KINDS + 50) for failure in failures(1, "x", kind=f"kind{kind}")]
    kinds = explain(many)
    assert len(kinds) <= MOST_KINDS + 1
    assert sum(kind.payloads for kind in kinds) == len(many)
