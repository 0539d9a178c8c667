"""A session computes payloads, and whatever the unit does is the failure of one payload."""

import base64
import hashlib
import json
import random
import sys
import textwrap
from time import perf_counter
from typing import Any

import pytest

from disio.errors import UnitError
from disio.unit import codec
from disio.unit.runner import Session, open_unit


def session_of(source: str, params: Any = None, **info: Any) -> Session:
    """A session of an indented source text."""
    encoded = base64.b64encode(codec.encode(params)).decode()
    return open_unit(textwrap.dedent(source), json.dumps({"filename": "my_unit.py", "params": encoded, **info}))


def compute(session: Session, *payloads: Any, budget: float = 60.0) -> list[tuple[int, Any, str]]:
    """(outcome, value or failure, log) of each payload."""
    parts = [codec.encode(payload) for payload in payloads]
    session.load(json.dumps([[index, len(part)] for index, part in enumerate(parts)]), b"".join(parts))
    return step(session, budget)


def step(session: Session, budget: float = 60.0) -> list[tuple[int, Any, str]]:
    """What one step finishes."""
    items, data = session.step(budget)
    out = []
    for outcome, size, ms, *log in json.loads(items):
        assert ms >= 0
        answer, data = data[:size], data[size:]
        out.append((outcome, json.loads(answer) if outcome else codec.decode(answer), log[0] if log else ""))
    assert not data
    return out


def test_answers() -> None:
    """Answers come in the order of the queue, each with its own bytes."""
    session = session_of("def run(payload): return (payload, b'x' * payload)")
    assert compute(session, 1, 0, 3) == [(0, (n, b"x" * n), "") for n in (1, 0, 3)]
    assert session.queued == 0
    assert step(session) == []


def test_budget() -> None:
    """A step ends after its budget, but never without an answer."""
    session = session_of("def run(payload): return sum(range(100000))")
    assert len(compute(session, *range(5), budget=0.0)) == 1
    assert session.queued == 4
    assert len(step(session)) == 4


def test_traceback_is_the_researchers() -> None:
    """A failure's traceback names the researcher's file, line and source, and no frame of ours."""
    session = session_of(
        """
        def inner(x):
            return 1 / x

        def run(payload):
            return inner(payload)
        """
    )
    [good, (outcome, failed, _), again] = compute(session, 1, 0, 2)
    assert (good[0], again[0], outcome) == (0, 0, 1)
    assert failed["kind"] == "exception"
    assert failed["message"] == "ZeroDivisionError: division by zero"
    assert 'File "my_unit.py", line 6, in run\n    return inner(payload)' in failed["traceback"]
    assert 'File "my_unit.py", line 3, in inner\n    return 1 / x\n           ~~^~~' in failed["traceback"]
    assert "runner.py" not in failed["traceback"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import sys; sys.exit('bye')", "SystemExit: bye"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise MemoryError", "MemoryError"),
        ("run(payload)", "RecursionError: maximum recursion depth exceeded"),
        ("raise ValueError('one\\ntwo')", "ValueError: one"),
        (
            "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})",
            "disio_unit.Odd: <exception str() failed>",
        ),
        ("raise ExceptionGroup('both', [ValueError(1), KeyError(2)])", "ExceptionGroup: both (2 sub-exceptions)"),
        ("compile('x = (', 'inner', 'exec')", "SyntaxError: '(' was never closed (inner, line 1)"),
        ("raise ValueError('x' * 100_000)", "ValueError: " + "x" * 488),
    ],
)
def test_exceptions(body: str, message: str) -> None:
    """Whatever run raises is the failure of its payload, told in one line, and the session goes on."""
    session = session_of(f"def run(payload):\n    if payload: {body}\n    return payload\n")
    [(outcome, failed, _), after] = compute(session, 1, 0)
    assert (outcome, failed["kind"], failed["message"]) == (1, "exception", message)
    assert len(failed["traceback"]) < 17_000
    assert after == (0, 0, "")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_module\ndef run(x): ...", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def run(x):\n    return (", "SyntaxError: '(' was never closed (my_unit.py, line 2)"),
        ("import sys\nsys.exit(1)", "SystemExit: 1"),
        ("x = 1", "my_unit.py has no function run(payload)"),
        ("async def run(x): ...", "my_unit.py: run is async; write a plain function: def run(payload)"),
    ],
)
def test_module_that_does_not_load(source: str, message: str) -> None:
    """A module that cannot be executed gives a session in which every payload fails with that error."""
    session = session_of(source)
    assert session.load_failure is not None
    for outcome, failed, _ in compute(session, 1, 2):
        assert (outcome, failed["kind"], failed["message"]) == (1, "import", message)


def test_answers_that_cannot_travel() -> None:
    """An answer of another type, or too large, is a failure that names the place or the size."""
    session = session_of("def run(payload): return {'a': [object()]} if payload else 'x' * 200", max_result_bytes=100)
    [(_, one, _), (_, other, _)] = compute(session, 1, 0)
    assert one["kind"] == "unsupported"
    assert one["message"].startswith('the answer cannot travel: value["a"][0]: object cannot travel')
    assert other["kind"] == "too-large"
    assert "at most 100" in other["message"]


def test_answer_whose_own_code_raises() -> None:
    """A value that runs code of the unit while it is encoded cannot end the session either."""
    session = session_of(
        """
        import datetime
        class Zone(datetime.tzinfo):
            def utcoffset(self, moment):
                raise SystemExit("from inside")
        def run(payload):
            return datetime.datetime(2024, 1, 1, tzinfo=Zone())
        """
    )
    [(outcome, failed, _)] = compute(session, 1)
    assert (outcome, failed["kind"], failed["message"]) == (1, "unsupported", "SystemExit: from inside")


def test_payload_that_is_none() -> None:
    """Bytes that are no payload fail alone."""
    session = session_of("def run(payload): return payload")
    session.load("[[0,3],[1,1]]", b"no!7")
    [(outcome, failed, _), good] = step(session)
    assert (outcome, failed["kind"]) == (1, "payload")
    assert good == (0, 7, "")


def test_log() -> None:
    """What a payload prints is its log, on both streams; what the module prints is the first payload's."""
    session = session_of(
        """
        import sys
        print("module")
        def run(payload):
            if payload:
                print("out", payload)
                print("err", payload, file=sys.stderr)
            return payload
        """
    )
    before = sys.stdout, sys.stderr
    assert compute(session, 1, 0, 2) == [(0, 1, "module\nout 1\nerr 1\n"), (0, 0, ""), (0, 2, "out 2\nerr 2\n")]
    assert (sys.stdout, sys.stderr) == before


def test_log_is_bounded() -> None:
    """A log is cut at its limit, between characters, and says so; the next payload's log begins anew."""
    session = session_of(
        "def run(payload):\n    for _ in range(payload): print('\\u00e9' * 1000)\n    print('\\udc80', end='')",
        max_log_bytes=99,
    )
    [(_, _, long), (_, _, short)] = compute(session, 100_000, 0)
    assert long == "\u00e9" * 49 + "\n[... cut: the log is full]\n"
    assert short == "?"


def test_unit_that_swaps_stdout() -> None:
    """A unit that replaces sys.stdout and forgets about it harms no other step."""
    before = sys.stdout
    session = session_of("import sys, io\ndef run(payload):\n    sys.stdout = io.StringIO()\n    return 1")
    assert compute(session, 0) == [(0, 1, "")]
    assert sys.stdout is before


def test_context() -> None:
    """The context has the payload's number, the parameters, and random numbers that anyone can repeat."""
    params = {"seed": "tea", "width": 3}
    session = session_of("def run(payload, ctx): return [ctx.index, ctx.params['width'], ctx.rng.random()]", params)
    first, second = (value for _, value, _ in compute(session, 7, 7))
    digest = hashlib.sha256(codec.encode([params, 0])).digest()
    assert first == [0, 3, random.Random(int.from_bytes(digest, "big")).random()]
    assert second[:2] == [1, 3]
    assert second[2] != first[2]


def test_random_is_repeatable() -> None:
    """The functions of ``random`` draw the same numbers for one payload everywhere, and others for each payload."""
    source = "import random\ndef run(payload): return random.random()"
    random.seed(1)
    first, second = (value for _, value, _ in compute(session_of(source, {"tea": 1}), 7, 7))
    random.seed(2)
    assert [value for _, value, _ in compute(session_of(source, {"tea": 1}), 7, 7)] == [first, second]
    assert first != second
    assert compute(session_of(source, {"tea": 2}), 7)[0][1] != first


def test_context_reports() -> None:
    """Checkpoints, progress and events reach the host, logs the log."""
    session = session_of(
        """
        def run(payload, ctx):
            begun = ctx.state
            ctx.checkpoint({"at": 5})
            ctx.progress(0.25); ctx.progress(7)
            ctx.emit(("found", 1))
            ctx.log("a", 1)
            return [begun, ctx.state]
        """
    )
    heard: list[Any] = []
    session.hooks.checkpoint_seconds = 0.0
    session.hooks.checkpoint = lambda index, data: heard.append((index, codec.decode(data)))
    session.hooks.progress = session.hooks.checkpoint
    session.hooks.event = session.hooks.checkpoint
    state = codec.encode("begun elsewhere")
    session.load(f"[[0, 1], [1, 1, {len(state)}]]", b"00" + state)
    items, data = session.step(60)
    answers, start = [], 0
    for outcome, size, _, log in json.loads(items):
        answers.append((outcome, codec.decode(data[start : start + size]), log))
        start += size
    assert session.hooks.states == {}
    assert answers == [(0, [None, {"at": 5}], "a 1\n"), (0, ["begun elsewhere", {"at": 5}], "a 1\n")]
    assert heard[:4] == [(0, {"at": 5}), (0, 0.25), (0, 1.0), (0, ("found", 1))]


def test_states_are_kept_once_a_second_and_within_bounds() -> None:
    """What comes sooner is passed over without being encoded; a state over a mebibyte is an error that says so."""
    source = """
        import time
        def run(payload, ctx):
            if payload == "large":
                ctx._hooks.checkpoint_seconds = 0.0
                return ctx.checkpoint(bytes(2**20))
            kept = [ctx.checkpoint(object())]  # too soon to be looked at
            end = time.perf_counter() + payload
            while time.perf_counter() < end:
                kept.append(ctx.checkpoint(len(kept)))
            return sum(kept), ctx.state is not None
        """
    session = session_of(source)
    session.hooks.checkpoint_seconds = 0.1
    [(_, (kept, stated), _), (_, none, _), (outcome, large, _)] = compute(session, 0.35, 0.0, "large")
    assert (1 <= kept <= 3, stated) == (True, True)
    assert none == (0, False)
    assert (outcome, "1,048,576" in large["message"]) == (1, True)


def test_context_files() -> None:
    """The task's files are there by name; another name is an error that lists them."""
    session = session_of("def run(payload, ctx): return ctx.data(payload)")
    session.hooks.files = {"a.csv": "/data/a.csv"}
    [good, (_, failed, _)] = compute(session, "a.csv", "b.csv")
    assert good[1] == "/data/a.csv"
    assert failed["message"] == "disio.errors.UnitError: the task has no file 'b.csv'; it has: a.csv"


def test_default_of_second_parameter_stays() -> None:
    """A second parameter with a default is the unit's own."""
    assert compute(session_of("def run(payload, power=2): return payload ** power"), 3) == [(0, 9, "")]


def test_payloads_are_lazy() -> None:
    """Split is taken as far as it is asked, not further."""
    session = session_of(
        "def split(params):\n    n = params\n    while True:\n        yield n\n        n += 1\ndef run(x): ...", 5
    )
    payloads = session.payloads()
    assert [next(payloads) for _ in range(3)] == [b"5", b"6", b"7"]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("yield 1\n    1 / 0", "split failed with the parameters {'digit': 3}: ZeroDivisionError: division by zero\n"),
        ("yield params['digits']", "split failed with the parameters {'digit': 3}: KeyError: 'digits'\nTraceback"),
        ("return 5", "split failed with the parameters {'digit': 3}: TypeError: 'int' object is not iterable"),
        ("yield 1\n    yield object()", "payload 1 of split: value: object cannot travel"),
        ("raise SystemExit", "split failed with the parameters {'digit': 3}: SystemExit"),
    ],
)
def test_split_errors(split: str, message: str) -> None:
    """A split that fails is an error that says in its first line what it was given, and goes on with its traceback."""
    session = session_of(f"def split(params):\n    {split}\ndef run(x): ...", {"digit": 3})
    with pytest.raises(UnitError) as caught:
        list(session.payloads())
    assert str(caught.value).startswith(message)


def test_parameters_in_an_error_stay_in_one_line() -> None:
    """Many parameters, long ones and ones of several lines are told in short."""
    params = {"text": "a\nb" * 1000, "rates": list(range(1000)), **{f"p{n:02}": n for n in range(30)}}
    with pytest.raises(UnitError) as caught:
        list(session_of("def split(params): return params['rate']\ndef run(x): ...", params).payloads())
    line = str(caught.value).partition("\n")[0]
    assert line.endswith("}: KeyError: 'rate'")
    assert "'p00': 0" in line
    assert len(line) < 500


def test_agree() -> None:
    """Two answers agree if their bytes are the same, or if the unit says so."""
    plain = session_of("def run(x): ...")
    assert plain.agree(b"1", b"1")
    assert not plain.agree(b"1", b"1.0")
    close = session_of("def run(x): ...\ndef agree(a, b): return abs(a - b) < 0.1")
    assert close.agree(b"1", b"1.05")
    assert not close.agree(b"1", b"1.5")
    with pytest.raises(UnitError, match="agree failed: TypeError"):
        close.agree(b"1", b'"x"')


def test_reduce() -> None:
    """Reduce gets the results lazily and in order, with the parameters; without it the answer is the list."""
    session = session_of("def run(x): ...\ndef reduce(results, params): return [next(results), params]", {"a": 1})
    assert codec.decode(session.reduce(b"%d" % n for n in range(10))) == [0, {"a": 1}]
    assert session_of("def run(x): ...").reduce([b"1", b"2"]) == b"[1,2]"
    with pytest.raises(UnitError, match="the answer of reduce: value: object cannot travel"):
        session_of("def run(x): ...\ndef reduce(results, params): return object()").reduce([])


def test_dataclasses_in_units() -> None:
    """The module can be found by its classes, as dataclasses and pickle need it."""
    session = session_of(
        """
        from __future__ import annotations
        import dataclasses, pickle
        @dataclasses.dataclass
        class Point:
            x: int
        def run(payload):
            return pickle.loads(pickle.dumps(Point(payload))).x
        if __name__ == "__main__":
            raise SystemExit("not run as a script")
        """
    )
    assert compute(session, 4) == [(0, 4, "")]


def test_trivial_payloads_are_cheap() -> None:
    """A payload that does next to nothing costs some ten microseconds around it; ten times that on a busy machine."""
    session = session_of("def run(payload): return payload + 1")
    best = 1.0
    for _ in range(5):
        start = perf_counter()
        assert len(compute(session, *range(2000))) == 2000
        best = min(best, (perf_counter() - start) / 2000)
    assert best < 200e-6


def test_show() -> None:
    """A picture is made of the last answer, once; SVG as text, PNG as bytes; a failure leaves the last answer."""
    unit = """
        def run(payload):
            return payload / 2
        def show(result):
            return f"<svg>{result}</svg>" if result < 4 else bytearray(b"PNG")
        """
    session = session_of(unit)
    assert session.picture() == b""
    compute(session, 4, 6, "no number")
    assert session.picture() == b"<svg>3.0</svg>"
    assert session.picture() == b""
    compute(session, 10)
    assert session.picture() == b"PNG"


@pytest.mark.parametrize("shown", ["1 / 0", "exit()", "None", "7", "[1]", "print(result)"])
def test_show_that_does_not_work(shown: str) -> None:
    """A ``show`` that raises, ends, or returns no picture costs no answer, and is not asked again."""
    session = session_of(f"def run(payload):\n    return payload\n\ndef show(result):\n    return {shown}\n")
    assert compute(session, 1) == [(0, 1, "")]
    assert session.picture() == b""
    assert compute(session, 2)[0][:2] == (0, 2)
    assert session.picture() == b""
