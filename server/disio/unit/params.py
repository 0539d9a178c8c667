"""Parameters of a task as people write them: JSON, or ``key=value`` on a command line."""

import json
from collections.abc import Iterable
from typing import Any

from disio.errors import UsageError


def parse_params(text: str) -> dict[str, Any]:
    """Parameters from JSON text.

    Raises:
        UsageError: no JSON, or not an object.
    """
    try:
        params = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the parameters are no JSON: {error}") from None
    if not isinstance(params, dict):
        raise UsageError(f'the parameters are a JSON {_name(params)}; they must be an object: {{"key": value}}')
    return params


def parse_pairs(pairs: Iterable[str]) -> dict[str, Any]:
    """Parameters from ``key=value`` texts.

    A value is JSON if it reads as JSON (``digits=100``, ``beta=[0.1, 0.2]``, ``name="5"``), else text as it
    stands (``name=blue``). What begins like JSON and is none is an error, not text.

    Raises:
        UsageError: no ``=``, no key, a key given twice, or a value that is broken JSON.
    """
    params: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        key = key.strip()
        if not equals or not key:
            raise UsageError(f"{pair[:80]!r} is no parameter; write key=value")
        if key in params:
            raise UsageError(f"the parameter {key} is given twice; give a list: {key}=[1, 2]")
        params[key] = _value(key, text)
    return params


def _value(key: str, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        if text.lstrip()[:1] in ("[", "{", '"'):
            raise UsageError(f"the parameter {key} begins like JSON and is none: {error}") from None
        return text


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _name(value: Any) -> str:
    names = {list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
