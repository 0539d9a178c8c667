"""What an executor does where no grid answers."""

from concurrent.futures import BrokenExecutor

import pytest

from disio import Client, Executor
from disio.errors import UsageError


def square(number: int) -> int:
    """A trivial call."""
    return number * number


def test_options_are_checked_at_once() -> None:
    """What is no option is named where it was given, with what was meant and what there is; so is a wrong address."""
    with pytest.raises(
        TypeError, match=r"no option dependencis; did you mean dependencies\? There are .*url.*priority"
    ):
        Executor(dependencis=["numpy"])  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="not both"):
        Executor(Client("http://127.0.0.1:1"), url="http://127.0.0.1:2")
    with pytest.raises(UsageError, match=r"\['numpy'\]"):
        Executor(dependencies="numpy")
    with pytest.raises(UsageError, match=r"sites are a list; write it like \['a.example'\]"):
        Executor(sites="a.example")
    for timeout in ("abc", -1, 0, float("inf"), float("nan"), True):
        with pytest.raises(UsageError, match="is no time limit; give seconds, more than 0"):
            Executor(timeout=timeout)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no dashboard address"):
        Executor(url="elsewhere")


def test_whatever_goes_wrong_when_calls_are_sent_breaks_them() -> None:
    """An error that nobody thought of is raised by calls, and by further ones; nothing waits for ever."""
    with Executor(url="http://127.0.0.1:1", priority=object()) as executor:  # type: ignore[arg-type]
        results = executor.map(square, range(3))  # all at once: a further call may find the executor broken already
        with pytest.raises(BrokenExecutor, match="TypeError: Encoding objects of type object"):
            next(results)
        with pytest.raises(BrokenExecutor, match="TypeError"):
            executor.submit(square, 1)
