"""Parameters on the command line."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disio.cli.parameters import Parameters, parse_parameters
from disio.cli.ranges import values_of
from disio.errors import UsageError


def test_values_are_json_if_they_are_json() -> None:
    """Numbers, lists and null are JSON; everything else is text, equals signs included."""
    pairs = [
        "digits=1000",
        "ratio=0.5",
        "names=[1, 2]",
        "none=null",
        "text=hello",
        "formula=a=b",
        "empty=",
        'quoted="7"',
    ]
    assert parse_parameters(pairs, None).params == {
        "digits": 1000,
        "ratio": 0.5,
        "names": [1, 2],
        "none": None,
        "text": "hello",
        "formula": "a=b",
        "empty": "",
        "quoted": "7",
    }


def test_single_parameters_win_over_the_whole(tmp_path: Path) -> None:
    """``-p`` changes one parameter of a file given by ``--params @FILE``."""
    (tmp_path / "params.json").write_text('{"a": 1, "b": 2}')
    assert parse_parameters(["b=3"], f"@{tmp_path / 'params.json'}").params == {"a": 1, "b": 3}
    assert parse_parameters(None, '{"a": [1]}') == Parameters({"a": [1]}, None)
    assert parse_parameters(None, None) == Parameters({}, None)


def test_ranges_and_lists_are_every_combination() -> None:
    """The last one changes fastest; what is one value stands in every payload."""
    parsed = parse_parameters(["a=1:3", "model=SIR", "b=x,0.5"], '{"c": 9}')
    assert parsed.params == {"c": 9, "model": "SIR"}
    assert parsed.count == 4
    assert list(parsed.payloads or ()) == [{"c": 9, "model": "SIR", "a": a, "b": b} for a in (1, 2) for b in ("x", 0.5)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1:10", list(range(1, 10))),
        ("10:1:-3", [10, 7, 4]),
        ("0:1:0.1", [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
        ("0:1@5", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("3:4@1", [3.0]),
        ("1:3,10,x,null", [1, 2, 10, "x", None]),
        ("x,", ["x", ""]),
        ("a, b", None),
        ("[1,2]", None),
        ('"12:30"', None),
        ("http://localhost:80", None),
        ("12:30:00.5:1", None),
        ("1.5", None),
    ],
)
def test_what_is_a_range_and_what_is_a_list(text: str, values: list[Any] | None) -> None:
    """Ranges leave their end out, like Python's; steps are exact in decimals; text with spaces or quotes is text."""
    found = values_of(text)
    assert (None if found is None else list(found)) == values


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool))
def test_ranges_are_those_of_python(start: int, stop: int, step: int) -> None:
    """START:STOP:STEP of ints has the values of range(START, STOP, STEP), and is refused if there are none."""
    text, expected = f"{start}:{stop}:{step}", list(range(start, stop, step))
    if expected:
        assert list(values_of(text) or ()) == expected
        assert all(type(value) is int for value in values_of(text) or ())
    else:
        with pytest.raises(UsageError, match="no values"):
            values_of(text)


@pytest.mark.parametrize(
    ("pairs", "whole", "says"),
    [
        (["digits"], None, "KEY=VALUE"),
        (["=5"], None, "KEY=VALUE"),
        (["payloads=1,2"], None, "list in JSON"),
        (["a=5:1"], None, "no values"),
        (["a=1:3", "b=1", "a=2"], None, "a is given twice"),
        (["a=0:5:0"], None, "step of 0"),
        (["a=0:1e12"], None, "at most 1,000,000,000"),
        (None, "{", "no JSON"),
        (None, "[1]", "JSON object"),
        (None, "@/nowhere/params.json", "/nowhere/params.json"),
        (None, "[" * 100_000, "no JSON"),
    ],
)
def test_what_cannot_be_used_is_told(pairs: list[str] | None, whole: str | None, says: str) -> None:
    """Parameters that are none end in an error that shows how to write them."""
    with pytest.raises(UsageError, match=says):
        parse_parameters(pairs, whole)
