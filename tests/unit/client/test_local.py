"""Whole units on this machine's cores, in real processes."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import psutil
import pytest

from disio.client.local import LocalProgress, LocalRun, read_unit, run_local
from disio.errors import CodecError, UnitError, UsageError
from disio.unit import codec
from disio.unit.contract import load_unit


def run(source: str, params: dict[str, Any] | None = None, **options: Any) -> LocalRun:
    """Run an indented source text on two processes."""
    return run_local(load_unit(textwrap.dedent(source), "u.py"), params or {}, **{"processes": 2, **options})


def test_whole_run() -> None:
    """Split, many payloads on two processes, and reduce: the answer has the results in order."""
    heard: list[LocalProgress] = []
    done = run(
        """
        import os
        def split(params):
            print("splitting")
            yield from range(params["count"])
        def run(payload): return [payload * payload, os.getpid()]
        def reduce(results, params):
            results = list(results)
            return [[square for square, _ in results], len({pid for _, pid in results})]
        """,
        {"count": 5000},
        on_progress=heard.append,
    )
    squares, processes = done.answer
    assert squares == [n * n for n in range(5000)]
    assert processes <= 2
    assert (done.payloads, len(done.results), done.failures) == (5000, 5000, [])
    assert done.results[7].value[0] == 49
    assert done.log == "splitting\n"
    assert (heard[-1].answered, heard[-1].failed, heard[-1].payloads) == (5000, 0, 5000)


def test_without_reduce() -> None:
    """Without split and reduce, the parameters name the payloads and the answer is the list of results."""
    assert run("def run(payload): return -payload", {"stop": 4}).answer == [0, -1, -2, -3]
    assert run("def run(payload): return -payload", {"payloads": []}).answer == []


def test_each_failure_is_its_own() -> None:
    """An exception, a process that ends, and an endless loop cost one payload each, whatever is beside them."""
    done = run(
        """
        # /// script
        # [tool.disio]
        # timeout = 0.3
        # ///
        import os, signal
        def run(payload):
            if payload == 150: os._exit(3)
            if payload == 160: os.kill(os.getpid(), signal.SIGSEGV)
            if payload == 170:
                while True: pass
            if payload == 180: 1 / 0
            print("hello", payload)
            return payload
        """,
        {"stop": 200},
    )
    assert [(failure.index, failure.kind) for failure in done.failures] == [
        (150, "crash"),
        (160, "crash"),
        (170, "timeout"),
        (180, "exception"),
    ]
    assert done.failures[0].message == "the unit ended its process (exit status 3)"
    assert done.failures[1].message == "the unit ended its process (signal 11)"
    assert done.failures[2].message == "the payload ran longer than 0.3 s"
    assert 'File "u.py", line 12, in run' in done.failures[3].traceback
    assert [result.index for result in done.results] == [n for n in range(200) if n not in (150, 160, 170, 180)]
    assert done.results[5].log == "hello 5\n"
    assert done.answer is None


def test_unit_that_writes_past_python() -> None:
    """Bytes written straight to the process's standard output do not get between the frames."""
    assert run("import os\ndef run(payload):\n    os.write(1, b'noise')\n    return 1", {"stop": 3}).answer == [1, 1, 1]


def test_large_values() -> None:
    """Payloads and results of megabytes pass both ways, more in all than one answer may have."""
    done = run(
        "def run(payload): return payload[::-1]", {"payloads": [bytes([n]) * 2_000_000 + b"!" for n in range(7)]}
    )
    assert done.answer == [b"!" + bytes([n]) * 2_000_000 for n in range(7)]
    doubled = run("def run(payload): return bytes(9_000_000)", {"stop": 2})
    assert list(map(len, doubled.answer)) == [9_000_000, 9_000_000]


@pytest.mark.parametrize(
    ("source", "params", "message"),
    [
        ("def run(x): ...", {}, "has no split(params)"),
        ("import no_such_module\ndef run(x): ...", {"stop": 1}, "No module named 'no_such_module'"),
        (
            "import os\nos._exit(4)\ndef run(x): ...",
            {"stop": 1},
            "ended its process while it was executed (exit status 4)",
        ),
        ("def run(x): ...\ndef split(params): 1 / 0", {}, "split failed with the parameters {}: ZeroDivisionError"),
        ("import os\ndef run(x): ...\ndef split(params): os._exit(4)", {}, "split ended its process (exit status 4)"),
        (
            "def run(x): ...\ndef reduce(results, params): 1 / 0",
            {"stop": 1},
            "reduce failed with the parameters {'stop': 1}: ZeroDivisionError",
        ),
        (
            "import os\ndef run(x): ...\ndef reduce(results, params): os._exit(4)",
            {"stop": 1},
            "reduce ended its process",
        ),
    ],
)
def test_units_that_cannot_run(source: str, params: dict[str, Any], message: str) -> None:
    """What ends the whole run is one error that says what happened."""
    with pytest.raises(UnitError) as caught:
        run(source, params)
    assert message in str(caught.value)


@pytest.mark.parametrize("body", ["while True: pass", "yield 1\n    while True: pass"])
def test_split_that_never_ends(body: str) -> None:
    """A split that gives nothing for too long is stopped, at its beginning or later."""
    unit = load_unit(f"def run(x): ...\ndef split(params):\n    {body}\n", "unit.py")
    with pytest.raises(UnitError, match=r"no payload for 0\.7 s.*yield payloads as it goes"):
        run_local(unit, {}, processes=1, split_timeout=0.7)


def test_parameters_that_cannot_travel() -> None:
    """Parameters outside the codec's types are refused with their place."""
    with pytest.raises(CodecError, match=r'value\["a"\]: object cannot travel'):
        run("def run(x): ...", {"a": object()})


def test_read_unit(tmp_path: Path) -> None:
    """A unit is read from a file; a file that is not there is a clear error."""
    path = tmp_path / "twice.py"
    path.write_text("def run(payload): return 2 * payload\n")
    assert run_local(read_unit(path), {"stop": 2}, processes=1).answer == [0, 2]
    with pytest.raises(UsageError, match=r"there is no file .*none\.py"):
        read_unit(tmp_path / "none.py")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left(ending: signal.Signals) -> None:
    """Whether the run is ended by Ctrl-C or killed, its processes end too, endless payloads included."""
    program = (
        "from disio.client.local import run_local\n"
        "from disio.unit.contract import load_unit\n"
        "unit = load_unit('def run(x):\\n    while True: pass', 'u.py')\n"
        "run_local(unit, {'stop': 4}, processes=2, on_progress=lambda progress: print('.', flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        children: list[psutil.Process] = []
        while len(children) < 3:
            assert parent.stdout is not None
            assert parent.stdout.readline()
            children = psutil.Process(parent.pid).children()
        os.kill(parent.pid, ending)
        parent.communicate()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []


def test_only_the_first_payloads() -> None:
    """With a limit, split is asked for no more, even if it never ends; each answer comes with its payload."""
    source = "def split(params):\n    return iter(int, 1)\ndef run(payload, ctx):\n    return ctx.index\n"
    ran = run(source, limit=3)
    assert [result.value for result in ran.results] == [0, 1, 2]
    assert [codec.decode(result.payload) for result in ran.results] == [0, 0, 0]


@pytest.mark.parametrize(
    "change",
    [
        "open(path, 'a')",
        "open(path, 'r+b')",
        "os.remove(path)",
        "os.rename(path, path + '.old')",
        "os.truncate(path, 0)",
    ],
)
def test_shared_data_is_read_only(tmp_path: Path, change: str) -> None:
    """A unit reads the researcher's own file, and cannot change it by mistake; its other files are its own."""
    shared = tmp_path / "numbers.txt"
    shared.write_text("1 2 3")
    done = run(
        f"""
        import os, tempfile
        def run(payload, ctx):
            path = ctx.data("numbers")
            with tempfile.TemporaryFile("w") as scratch:
                scratch.write("mine")
            if payload:
                {change}
            return open(path).read()
        """,
        {"payloads": [0, 1]},
        data={"numbers": shared},
    )
    assert [result.value for result in done.results] == ["1 2 3"]
    assert [failure.message for failure in done.failures] == [
        f"OSError: [Errno 30] shared data is read-only: '{shared}'"
    ]
    assert shared.read_text() == "1 2 3"
    assert [path.name for path in tmp_path.iterdir()] == ["numbers.txt"]
