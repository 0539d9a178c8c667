"""Warnings about units, seen from their source."""

from pathlib import Path

import pytest

from disio.unit.contract import load_unit
from disio.unit.lint import HUGE_CHARACTERS, HUGE_ITEMS, lint
from tests.unit.workunits.loading import WORKUNITS

CASES = [
    ("import time", "time.sleep(1)", "blocking"),
    ("from time import sleep as nap", "nap(1)", "blocking"),
    ("", "input()", "blocking"),
    ("import threading", "threading.Thread(target=print).start()", "threads"),
    ("from concurrent.futures import ThreadPoolExecutor", "ThreadPoolExecutor()", "threads"),
    ("import subprocess", "subprocess.run(['ls'])", "processes"),
    ("from multiprocessing import Pool", "Pool()", "processes"),
    ("import os", "os.fork()", "processes"),
    ("import socket", "socket.create_connection(('x', 1))", "network"),
    ("import urllib.request", "urllib.request.urlopen('http://x')", "network"),
    ("import requests as r", "r.get('http://x')", "network"),
    ("", "open('table.csv').read()", "files"),
    ("import random", "random.Random()", "chance"),
    ("import numpy as np", "np.random.default_rng()", "chance"),
    ("import numpy as np", "np.random.rand(3)", "chance"),
    ("import numpy as np", "np.random.seed()", "chance"),
    ("import uuid", "uuid.uuid4()", "chance"),
    ("import time", "time.time()", "time"),
    ("from datetime import datetime", "datetime.now()", "time"),
    ("", "list({1, 2})", "order"),
    ("", "[x for x in set('ab')]", "order"),
    ("", "hash('a')", "order"),
    ("", "'x' * 2, '" + "y" * (HUGE_CHARACTERS + 1) + "'", "globals"),
    ("", "[" + "1," * (HUGE_ITEMS + 1) + "]", "globals"),
]


PACKAGES = '# /// script\n# dependencies = ["numpy", "requests"]\n# ///\n'


def kinds(source: str) -> list[str]:
    """The kinds of warnings about a unit."""
    return [warning.kind for warning in lint(load_unit(source, "unit.py"))]


@pytest.mark.parametrize(("imports", "code", "kind"), CASES)
def test_each_kind_is_found(imports: str, code: str, kind: str) -> None:
    """What browsers cannot do, or do differently each time, gives one warning with its kind, line and reason."""
    [warning] = lint(load_unit(f"{imports}\ndef run(payload):\n    return {code}\n{PACKAGES}", "unit.py"))
    assert (warning.kind, warning.line) == (kind, 3)
    assert len(warning.why) > 20
    assert str(warning).startswith("line 3: ")


@pytest.mark.parametrize(
    "code",
    [
        "random.Random(payload).random()",
        "random.random()",  # the runner seeds the module's own generator for each payload
        "sorted({3, 1})",
        "{1, 2} & {2}",
        "open(path)",
        "open('out.txt', 'w')",
        "payload.sleep(1)",
        "self_made.time()",
        "np.random.default_rng(payload)",
    ],
)
def test_what_is_fine_gives_no_warning(code: str) -> None:
    """Seeded random numbers, sorted sets, files that a unit writes, and methods of other objects are left alone."""
    run = f"def run(payload):\n    path = self_made = payload\n    return {code}\n"
    source = f"import random\nimport numpy as np\n{run}{PACKAGES}"
    assert kinds(source) == []


@pytest.mark.parametrize("module", ["numpy", "sklearn.cluster", "tkinter"])
def test_modules_that_will_be_missing(module: str) -> None:
    """A package that is not stated, or a module that browsers do not have, is told before every payload fails."""
    for statement in (f"import {module}", f"from {module} import something"):
        unit = load_unit(f"{statement}\ndef run(payload):\n    return payload\n", "unit.py")
        [warning] = lint(unit)
        assert (warning.kind, warning.line) == ("imports", 1)
        assert ("dependencies" in warning.why) == (module != "tkinter")


def test_modules_that_will_be_there() -> None:
    """The standard library, stated packages, and modules for which there is another way are no reason to warn."""
    run = "def run(payload):\n    return payload\n"
    assert kinds(f"import collections.abc\nimport json\n{run}") == []
    assert kinds(f"import numpy\nimport requests\n{run}{PACKAGES}") == []
    assert kinds(f"try:\n    import numpy\nexcept ImportError:\n    numpy = None\n{run}") == []


def test_only_what_volunteers_reach_counts() -> None:
    """Helpers that run calls are looked at; functions nobody calls, and the part for the author alone, are not."""
    source = """import time
def helper():
    time.sleep(1)
def unused():
    time.sleep(1)
def run(payload):
    return helper()
if __name__ == "__main__":
    time.sleep(1)
"""
    assert [warning.line for warning in lint(load_unit(source, "unit.py"))] == [3]


def test_what_runs_on_the_manager_is_not_judged_as_if_in_a_browser() -> None:
    """``split`` may read files, and wait, and draw; what both it and ``run`` call is looked at for ``run``."""
    split = "def split(params):\n    return rows(open('table.csv'), time.time(), uuid.uuid4())\n"
    source = f"import time\nimport uuid\ndef rows(*of):\n    return [list(set(of))]\n{split}"
    assert kinds(f"{source}def run(payload):\n    return payload\n") == []
    assert kinds(f"{source}def run(payload):\n    return rows(payload)\n") == ["order"]
    missing = "def split(params):\n    import polars\ndef run(payload):\n    return payload\n"
    assert kinds(missing) == ["imports"]


def test_numpys_own_generator_seeded_for_each_payload() -> None:
    """Then its draws are the same everywhere; seeded at import, they depend on which payloads a worker had before."""
    draws = "def draw():\n    return np.random.rand(3)\n"
    seeding = "def run(payload):\n    np.random.seed(payload)\n    return draw()\n"
    assert kinds(f"import numpy as np\n{draws}{seeding}{PACKAGES}") == []
    other = seeding.replace("draw()", "np.random.default_rng()")
    assert kinds(f"import numpy as np\n{other}{PACKAGES}") == ["chance"]
    early = "def run(payload):\n    x = np.random.rand()\n    np.random.seed(payload)\n    return x\n"
    assert kinds(f"import numpy as np\n{early}{PACKAGES}") == ["chance"]
    assert kinds(f"import numpy as np\nTABLE = np.random.rand(3)\n{draws}{seeding}{PACKAGES}") == ["chance"]
    at_import = "np.random.seed(1)\ndef run(payload):\n    return draw()\n"
    assert kinds(f"import numpy as np\n{draws}{at_import}{PACKAGES}") == ["chance"]


def test_what_a_module_does_when_imported_counts() -> None:
    """Code at a module's top level is run by every worker."""
    assert kinds("import time\nTABLE = time.time()\ndef run(payload):\n    return payload\n") == ["time"]


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("TABLE = [0] * 10**7", "a list of 10,000,000 items"),
        ("TABLE = 10_000_000 * [0, 1]", "a list of 20,000,000 items"),
        ("N = 10**7\nTABLE = [0] * (N + 1)", "a list of 10,000,001 items"),
        ("N = int(1e7)\nTABLE = [i * i for i in range(N)]", "a list of 10,000,000 items"),
        ("TABLE = list(range(5, 10**7, 2))", "a list of 4,999,998 items"),
        ("TABLE = list(range(10**7, 0, -1))", "a list of 10,000,000 items"),
        ("TABLE = tuple(i / 2 for i in range(1 << 24))", "a tuple of 16,777,216 items"),
        ("TABLE = set(range(10**7))", "a set of 10,000,000 items"),
        ("TABLE = {i: i % 7 for i in range(10**7)}", "a dict of 10,000,000 items"),
        ("TABLE = [[0] * 4096 for _ in range(3)] + [0] * 10**7", "a list of 10,000,003 items"),
        ("TABLE = [[x * y for x in range(9_999)] for y in range(10**7)]", "a list of 10,000,000 items"),
        ("TABLE = bytes(10**8)", "a value of 100,000,000 bytes"),
        ("TABLE = bytearray(range(256)) * 10**5", "a value of 25,600,000 bytes"),
        ("TABLE = 'x' * 10**8", "a text of 100,000,000 characters"),
        ("TABLE = np.zeros((4096, 4096))", "an array of 16,777,216 items"),
        ("TABLE = np.arange(10**8)", "an array of 100,000,000 items"),
        ("if True:\n    TOTAL = sum([0] * 10**9)", "a list of 1,000,000,000 items"),
    ],
)
def test_large_values_that_are_computed_at_import(code: str, what: str) -> None:
    """What its size is follows from constants, so it is told, once, and nothing is executed for it."""
    [warning] = lint(
        load_unit(f"import numpy as np\n{code}\ndef run(payload):\n    return payload\n{PACKAGES}", "unit.py")
    )
    assert (warning.kind, warning.line, warning.what) == ("globals", 2 + code.count("\n"), what)


@pytest.mark.parametrize(
    "code",
    [
        "TABLE = range(10**9)",
        "TABLE = (i for i in range(10**9))",
        "TABLE = [0] * 10**6",
        "TABLE = bytes(10**6)",
        "MAKE = lambda: [0] * 10**9",
        "HUGE = 10**10**10",
        "N = 10**9\nN = 3\nTABLE = [0] * N",
        "TABLE = [i for i in range(10**9) if i < 9]",
        "TABLE = set([0] * 10**6)",
        "TABLE = {i % 7: i for i in range(10**9)}",
        "TABLE = {i % 7 for i in range(10**9)}",
        "TABLE = [0] * -5 + [1] * len(__file__)",
        "TABLE = np.zeros(2000 * 2000, np.int8)",
        "TABLE = list(range(0, 9, 0))",
        "N = 5 * 10**9 // 3",
        "def helper():\n    return [0] * 10**9",
        "if __name__ == '__main__':\n    TABLE = [0] * 10**9",
    ],
)
def test_what_is_small_or_made_later_is_left_alone(code: str) -> None:
    """Ranges and generators make nothing; neither does what no worker runs; and what cannot be told is not told."""
    assert kinds(f"import numpy as np\n{code}\ndef run(payload):\n    return payload\n{PACKAGES}") == []


@pytest.mark.parametrize("path", sorted(WORKUNITS.glob("*.py")), ids=lambda path: path.stem)
def test_the_examples_are_clean(path: Path) -> None:
    """The units that we give as examples have no warnings."""
    assert kinds(path.read_text()) == []


def test_names_of_the_units_own_are_not_taken_for_others() -> None:
    """A parameter called as a module, and a function called as a builtin, are neither."""
    assert kinds("import time\ndef run(time):\n    return time.time()\n") == []
    assert kinds("def hash(number):\n    return number\ndef run(payload):\n    return hash(3)\n") == []
    assert kinds("import time\ndef run(payload):\n    return time.time()\n") == ["time"]


def test_a_call_and_its_reason_are_told_apart() -> None:
    """By a colon."""
    [warning] = lint(load_unit("import os\ndef run(payload):\n    return os.fork()\n", "unit.py"))
    assert str(warning) == "line 3: os.fork(): a browser starts no processes"
