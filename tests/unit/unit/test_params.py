"""Parameters as people write them."""

import pytest

from disio.errors import UsageError
from disio.unit.params import parse_pairs, parse_params


def test_pairs() -> None:
    """A value is JSON if it reads as JSON, else text."""
    pairs = [
        "digits=100",
        "beta=[0.1, 2]",
        "name=blue",
        'five="5"',
        "flag=true",
        "empty=",
        "formula=a=b",
        "version=1.2.3",
    ]
    assert parse_pairs(pairs) == {
        "digits": 100,
        "beta": [0.1, 2],
        "name": "blue",
        "five": "5",
        "flag": True,
        "empty": "",
        "formula": "a=b",
        "version": "1.2.3",
    }


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["digits"], "'digits' is no parameter; write key=value"),
        (["=5"], "write key=value"),
        (["a=1", "a=2"], "the parameter a is given twice"),
        (["a=[1, 2"], "begins like JSON and is none"),
        (['a="x'], "begins like JSON and is none"),
        (["a=" + "[" * 100_000], "begins like JSON and is none"),
    ],
)
def test_pair_errors(pairs: list[str], message: str) -> None:
    """What is no pair, or broken JSON, is an error that names it."""
    with pytest.raises(UsageError) as caught:
        parse_pairs(pairs)
    assert message in str(caught.value)


def test_json() -> None:
    """A JSON object is taken as it is."""
    assert parse_params('{"a": [1, null]}') == {"a": [1, None]}


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"', "5", "null", '{"a": NaN}', "{'a': 1}"])
def test_json_errors(text: str) -> None:
    """Parameters that are no JSON object are an error."""
    with pytest.raises(UsageError, match="the parameters are"):
        parse_params(text)
