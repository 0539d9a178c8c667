"""Functions as source: put together again from what travels, as in a volunteer, without a grid."""

import asyncio
import base64
import contextlib
import enum
import errno
import functools
import importlib
import math
import operator
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from disio.client.executor import unit_source
from disio.client.functions import program_of
from disio.client.remote import RemoteError, RemoteTraceback, error_of
from disio.client.texts import TravelError
from disio.unit import codec

from .elsewhere import answer_to, call, volunteer_ends  # noqa: F401 - a fixture

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures" / "researcher"))
work = importlib.import_module("users_package.work")

OFFSET = 10
TABLE = {"a": 1}
LOCK = threading.Lock()


def square(number: int) -> int:
    """A plain function."""
    return number * number


def with_globals(number: int) -> int:
    """Uses a global, another function and a module."""
    return square(number) + OFFSET + TABLE["a"] + math.floor(1.5)


def fib(number: int) -> int:
    """Refers to itself."""
    return number if number < 2 else fib(number - 1) + fib(number - 2)


def even(number: int) -> bool:
    """Refers to a function that refers to it."""
    return number == 0 or odd(number - 1)


def odd(number: int) -> bool:
    """Refers to a function that refers to it."""
    return number != 0 and even(number - 1)


@functools.cache
def cached(number: int) -> int:
    """Decorated by the standard library."""
    return number if number < 2 else cached(number - 1) + cached(number - 2)


def doubled(function: Callable[..., int]) -> Callable[..., int]:
    """A decorator of the user's own."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> int:
        return 2 * function(*args, **kwargs)

    return wrapper


@doubled
def plus_one(number: int, *, more: int = OFFSET) -> int:
    """Decorated by the user's own decorator."""
    return number + 1 + more


class OutOfRangeError(ValueError):
    """An exception of the user's own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)


@dataclass
class Point:
    """A class that is used inside a function."""

    x: int
    y: int = OFFSET

    def norm(self) -> int:
        """Uses a global."""
        return square(self.x) + self.y

    @staticmethod
    def origin() -> int:
        """A function of a class."""
        return Point(0, 0).norm()


def with_class(number: int) -> int:
    """Makes an object, and gives back what can travel of it."""
    return Point(number).norm()


def raising(number: int) -> None:
    """Raises what it is asked for."""
    if number == 0:
        raise ZeroDivisionError("none")
    if number == 1:
        raise OutOfRangeError(number)
    raise contextlib.ExitStack.__init__ and Exception(object())


def text_over_lines() -> str:
    """Text that must not be changed when a function is moved."""

    def inner() -> str:
        return """one
two
    three"""

    return call_inner(inner)


def call_inner(function: Callable[[], str]) -> str:
    """Call."""
    return function()


@contextlib.contextmanager
def managed(value: int) -> Iterator[int]:
    """Made by a decorator of the standard library out of a closure."""
    yield value + 1


def uses_managed(number: int) -> int:
    """Enters it."""
    with managed(number) as value:
        return value


def imports_inside(number: int) -> int:
    """Imports a module of the user's own when it is called."""
    from users_package import work as own  # noqa: PLC0415

    return own.times(number)


def through_module(number: int) -> int:
    """Uses a module of the user's own, which imports another one relatively."""
    return work.times(number)


def locks() -> None:
    """Uses what cannot travel."""
    with LOCK:
        pass


async def asynchronous() -> None:
    """Cannot be called by volunteers."""


def numbers() -> Any:
    """Uses a package."""
    return np.arange(3)


@pytest.mark.parametrize(
    ("function", "args", "result"),
    [
        (square, (7,), 49),
        (with_globals, (2,), 4 + 10 + 1 + 1),
        (fib, (10,), 55),
        (even, (7,), False),
        (cached, (50,), 12586269025),
        (plus_one, (1,), 2 * 12),
        (with_class, (3,), 9 + 10),
        (Point.origin, (), 0),
        (uses_managed, (4,), 5),
        (imports_inside, (5,), 15),
        (through_module, (5,), 15),
        (work.times, (6,), 18),
        (functools.partial(pow, 2), (10,), 1024),
        (functools.partial(plus_one, more=0), (1,), 4),
        (operator.add, (1, 2), 3),
        (math.gcd, (12, 18), 6),
        (int, ("12",), 12),
        (", ".join, (["a", "b"],), "a, b"),
        (Fraction("1/3").limit_denominator.__func__.__name__.upper, (), "LIMIT_DENOMINATOR"),
        (text_over_lines, (), "one\ntwo\n    three"),
        (lambda x, y=OFFSET: x + y, (1,), 11),
    ],
)
def test_functions_do_the_same_elsewhere(function: Callable[..., Any], args: tuple[Any, ...], result: Any) -> None:
    """Whatever a function uses of its program goes with it: globals, other functions, classes, modules."""
    assert call(function, *args) == result


def test_closures_and_lambdas_on_one_line() -> None:
    """Variables of the function around travel by value; of several lambdas on a line the right one is found."""
    factor, shift = 3, [1, 2]

    def scaled(number: int) -> int:
        return number * factor + shift[-1]

    def recursive(number: int) -> int:
        return 1 if number < 1 else number * recursive(number - 1)

    assert call(scaled, 5) == 17
    assert call(recursive, 5) == 120
    first, second = (lambda x: x + factor), (lambda x: x - factor)
    assert (call(first, 1), call(second, 1)) == (4, -2)
    assert [call(f, 1) for f in [lambda x, i=i: x + i for i in range(3)]] == [1, 2, 3]
    assert call(lambda: [(lambda y: y + factor)(y) for y in [0, 0]]) == [3, 3]  # noqa: PLC3002


def test_keyword_arguments_and_defaults_travel() -> None:
    """Named arguments, keyword-only ones and their defaults are kept."""

    def many(a: int, /, b: int, *rest: int, c: int = 5, **named: int) -> list[Any]:
        return [a, b, list(rest), c, named]

    assert call(many, 1, 2, 3, c=4, d=6) == [1, 2, [3], 4, {"d": 6}]
    assert call(many, 1, b=2) == [1, 2, [], 5, {}]


def test_exceptions_come_back_as_what_they_were() -> None:
    """Builtin exceptions and the function's own come back by class, with the far traceback; others by name."""
    with pytest.raises(ZeroDivisionError, match="none") as caught:
        call(raising, 0)
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert 'File "test_functions.py"' in str(caught.value.__cause__)
    assert 'raise ZeroDivisionError("none")' in str(caught.value.__cause__)
    with pytest.raises(OutOfRangeError) as own:
        call(raising, 1)
    assert own.value.args == (1,)
    with pytest.raises(Exception, match="object object"):
        call(raising, 2)
    told = {"module": "os", "name": "system", "args": ["true"], "traceback": ""}
    assert isinstance(error_of(told, program_of(square)), RemoteError)
    assert isinstance(error_of({**told, "module": "builtins", "name": "exec"}, program_of(square)), RemoteError)
    assert isinstance(error_of({**told, "module": "builtins", "name": "SystemExit"}, program_of(square)), RemoteError)
    assert isinstance(error_of(None, program_of(square)), RemoteError)


def _no_source() -> Callable[..., Any]:
    space: dict[str, Any] = {}
    exec("def f(): return 1", space)
    return space["f"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (locks, "locks's global LOCK cannot travel"),
        (asynchronous, "is async"),
        (numbers, r"uses the module numpy, .*dependencies=\['numpy'\]"),
        (LOCK.acquire, "a method of a lock"),
        (_no_source(), "source of f is not to be found"),
        (asyncio.Event().set, "a method of a Event"),
        (5, "cannot be called"),
    ],
)
def test_what_cannot_travel_is_refused_with_the_reason(function: Any, reason: str) -> None:
    """The error names the function, the variable and what to do."""
    with pytest.raises(TravelError, match=reason):
        program_of(function)


def test_a_named_package_may_be_used() -> None:
    """A package that volunteers are told to load is imported there."""
    assert list(call(numbers, packages=("numpy>=2",))) == [0, 1, 2]


def test_a_program_knows_when_a_variable_has_changed() -> None:
    """A global that is bound anew or changed in place makes the program stale."""
    state = [1]

    def total() -> int:
        return sum(state)

    program = program_of(total)
    assert program.current
    state.append(2)
    assert not program.current
    assert program_of(total).digest != program.digest


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    """A function whose file was changed since is refused, not sent with other text."""
    path = tmp_path / "changing.py"
    path.write_text("def f(x):\n    return x\n")
    space: dict[str, Any] = {"__name__": "changing"}
    exec(compile(path.read_text(), str(path), "exec"), space)
    assert call(space["f"], 1) == 1
    path.write_text("\n\ndef g(x):\n    return -x  # longer than before\n")
    with pytest.raises(TravelError, match="was changed"):
        program_of(space["f"])


def test_the_unit_is_one_that_a_manager_takes() -> None:
    """The executor's unit has its dependencies and time limit in its metadata."""
    from disio.unit.contract import load_unit  # noqa: PLC0415

    unit = load_unit(unit_source(("numpy>=2",), 30.0), "calls.py")
    assert (unit.metadata.dependencies, unit.metadata.timeout) == (("numpy>=2",), 30.0)
    assert base64.b64encode(codec.encode({"initializer": None}))


def noted() -> None:
    """Raises an error with notes."""
    error = FileNotFoundError(errno.ENOENT, "not there")
    error.add_note("looked in the cellar")
    raise error


def test_notes_and_the_errors_of_systems_come_back() -> None:
    """An exception has its notes; an OSError the number that its error has here, whatever it was there."""
    with pytest.raises(FileNotFoundError) as caught:
        call(noted)
    assert caught.value.__notes__ == ["looked in the cellar"]
    assert (caught.value.errno, caught.value.strerror) == (errno.ENOENT, "not there")
    told = {"module": "builtins", "name": "FileNotFoundError", "args": [44, "not there"], "errno": "ENOENT"}
    browsers = error_of(told, program_of(noted))
    assert isinstance(browsers, FileNotFoundError)
    assert browsers.errno == errno.ENOENT


taken = threading.Lock()
limit = 12


class Names:
    """Binds a name that a global has, which cannot travel; and another, of the global's value."""

    taken = 1
    doubled = taken * 2
    limit = limit

    def attribute(self) -> list[int]:
        """A method sees the globals of its module, not the names of its class."""
        return [Names.taken, self.doubled, self.limit, limit + OFFSET]


class Members(enum.Enum):
    """Its members are no globals either."""

    taken = 1
    other = 2


class Holding:
    """Its method uses what cannot travel."""

    taken = 1

    def held(self) -> bool:
        """The global, not the class's name."""
        return taken.locked()


def test_names_that_a_class_binds_are_no_globals() -> None:
    """A global of the same name is neither sent nor refused, unless something uses the global."""

    def inner() -> int:
        class Inner:
            taken = 3
            more = taken + 1

        return Inner.more

    assert call(lambda: Names().attribute()) == [1, 2, 12, 22]
    assert call(lambda: [one.value for one in Members]) == [1, 2]
    assert call(inner) == 4
    with pytest.raises(TravelError, match="class Holding's global taken cannot travel"):
        call(lambda: Holding().held())
