"""Parameters on the command line."""

from pathlib import Path

import pytest

from disio.cli.parameters import parse_parameters
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
    assert parse_parameters(pairs, None) == {
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
    assert parse_parameters(["b=3"], f"@{tmp_path / 'params.json'}") == {"a": 1, "b": 3}
    assert parse_parameters(None, '{"a": [1]}') == {"a": [1]}
    assert parse_parameters(None, None) == {}


@pytest.mark.parametrize(
    ("pairs", "whole", "says"),
    [
        (["digits"], None, "KEY=VALUE"),
        (["=5"], None, "KEY=VALUE"),
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
