"""What is defined in cells of notebooks travels as what files define."""

import asyncio
import json
import linecache
import math
import subprocess
import sys
from typing import Any

import pytest

from disio.client import Client
from disio.client.texts import TravelError
from disio.errors import UnreachableError

from .elsewhere import answer_to, call, volunteer_ends  # noqa: F401 - a fixture


def test_functions_of_notebook_cells_travel() -> None:
    """A cell's source is where IPython puts it; cells use what others defined, and a cell may be run again."""

    def run_cell(number: int, text: str) -> None:
        name = f"/tmp/ipykernel_1/{number}.py"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec"), notebook)

    notebook: dict[str, Any] = {"__name__": "__main__"}
    run_cell(1, "import math\nRADIUS = 2\n")
    run_cell(2, "def area(scale):\n    return math.pi * RADIUS**2 * scale\n")
    run_cell(3, "half = lambda: area(0.5)\n")
    assert call(notebook["half"]) == math.pi * 2
    run_cell(4, "def area(scale):\n    return -scale\n")
    assert call(notebook["half"]) == -0.5


IN_A_NOTEBOOK = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from disio.client.functions import Program, program_of
from disio.client.texts import TravelError
from disio.unit import codec

shell = InteractiveShell.instance()
for cell in json.loads(sys.argv[1]):
    shell.run_cell(cell, store_history=True).raise_error()
try:
    program = program_of(shell.user_ns["used"])
except TravelError as error:
    sys.exit(str(error))
sys.stdout.buffer.write(codec.encode([program.digest, program.value, [[[], {}]]]))
"""


def in_a_notebook(*cells: str) -> Any:
    """What a volunteer answers to a call of the function ``used``, which cells of IPython itself define."""
    pytest.importorskip("IPython", reason="IPython is not installed")
    done = subprocess.run(
        [sys.executable, "-c", IN_A_NOTEBOOK, json.dumps(cells)], capture_output=True, timeout=60, check=False
    )
    if done.returncode:
        raise TravelError(done.stderr.decode())
    return answer_to(done.stdout)


@pytest.mark.parametrize(
    ("cell", "use", "answer"),
    [
        ("class Boom(Exception): pass", "[issubclass(Boom, Exception), Boom.__name__]", [True, "Boom"]),
        ("class Z: lim = 4", "Z.lim", 4),
        ("@dataclass\nclass D:\n    a: int\n    b: int = 2\n    c: list = field(default_factory=list)", "D(1).b", 2),
        ("@dataclass(slots=True)\nclass S:\n    a: int = 3", "S().a", 3),
        ("class E(enum.Enum):\n    RED = 1\n    BLUE = 'b'", "[E.RED.value, E('b').name]", [1, "BLUE"]),
        ("class N(NamedTuple):\n    x: int\n    y: int = 7", "N(1).y", 7),
        ("class G(dict[str, int]):\n    __kept = 5\n    def get(self): return self.__kept", "G().get()", 5),
        ("class A:\n    def __init__(self): self.n = 6", "A().n", 6),
    ],
    ids=lambda value: value.split(":")[0].split()[-1] if isinstance(value, str) else None,
)
def test_classes_of_notebook_cells_travel(cell: str, use: str, answer: Any) -> None:
    """Each kind of class in a cell of its own, whether it has methods or not."""
    first = "import enum\nfrom dataclasses import dataclass, field\nfrom typing import NamedTuple"
    assert in_a_notebook(first, cell, f"def used():\n    return {use}") == answer


def test_a_class_travels_as_the_cell_that_was_run_last_has_it() -> None:
    """Of cells that define a class of one name, the one that is in force; also if an older cell was run again."""
    four, five, used = "class Z: lim = 4", "class Z:\n    lim = 5", "def used():\n    return Z.lim"
    assert in_a_notebook(four, five, used) == 5
    assert in_a_notebook(four, five, four, used) == 4
    computed = "class Z: lim = {n} + 1"
    assert in_a_notebook(computed.format(n=3), computed.format(n=4), computed.format(n=3), used) == 4


def test_a_class_that_no_cell_has_is_refused() -> None:
    """What was made by exec() is not taken for another class of its name, and no file of Python's own is named."""
    other = "class Z(dict):\n    lim = 4"
    made = "exec('import enum\\nclass Z(enum.Enum):\\n    lim = 5')"
    with pytest.raises(TravelError, match="the source of the class Z is not to be found") as caught:
        in_a_notebook(other, made, "def used():\n    return Z.lim.value")
    assert "enum.py" not in str(caught.value)


def test_a_blocking_client_is_made_where_an_event_loop_runs() -> None:
    """As in a notebook: the client without asyncio does not mind that a loop is running."""

    async def cell() -> str:
        with Client("http://127.0.0.1:9") as client, pytest.raises(UnreachableError) as caught:
            client.tasks()
        return str(caught.value)

    assert "disio up" in asyncio.run(cell())
