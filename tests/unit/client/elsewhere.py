"""Functions put together again from what travels, and called as a volunteer does."""

import base64
import functools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from disio.client.executor import unit_source
from disio.client.functions import Program, program_of
from disio.client.remote import error_of
from disio.unit import codec
from disio.unit.process import read_frame, write_frame


@functools.cache
def volunteer() -> subprocess.Popen[bytes]:
    """A process that computes as volunteers do, with the executor's unit."""
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "disio.unit.process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    params = base64.b64encode(codec.encode({"initializer": None})).decode()
    info = json.dumps({"filename": "calls.py", "params": params})
    write_frame(child.stdin, {"do": "open", "info": info}, unit_source((), 60.0).encode())
    opened = read_frame(child.stdout)
    assert opened is not None
    assert opened[0]["failure"] is None
    return child


@pytest.fixture(scope="module", autouse=True)
def volunteer_ends() -> Iterator[None]:
    """The process ends with this module's tests."""
    yield
    volunteer().communicate()
    volunteer.cache_clear()


def call(function: Callable[..., Any], *args: Any, packages: tuple[str, ...] = (), **kwargs: Any) -> Any:
    """Call a function as a volunteer does: from codec bytes alone."""
    program = program_of(function, packages)
    return answer_to(codec.encode([program.digest, program.value, [[args, kwargs]]]), program)


def answer_to(data: bytes, program: Program | None = None) -> Any:
    """What a volunteer answers to the one call in a payload."""
    child = volunteer()
    assert child.stdin is not None
    assert child.stdout is not None
    write_frame(child.stdin, {"do": "run", "items": json.dumps([[0, len(data)]])}, data)
    answered = read_frame(child.stdout)
    assert answered is not None
    ((outcome, *_),) = json.loads(answered[0]["items"])
    if outcome:
        raise AssertionError(answered[1].decode())
    ((kind, value),) = codec.decode(answered[1])
    if kind:
        raise error_of(value, program) if program is not None else AssertionError(value)
    return value
