"""The page ``docs/work-units.md`` is true: its examples run, its figures are the code's."""

import doctest
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from disio.client.local import read_unit, run_local
from disio.unit import codec, contract, failures, runner

PAGE = (Path(__file__).parents[3] / "docs" / "work-units.md").read_text()
BLOCKS = re.findall(r"^```python (\w+)(?:=(\w+))?(?: params=(\S+))?\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
UNITS = {name: (source, params) for kind, name, params, source in BLOCKS if kind == "unit"}


def test_every_example_is_run() -> None:
    """No Python on the page is left untried."""
    assert PAGE.count("```python") == len(BLOCKS)
    assert {kind for kind, *_ in BLOCKS} == {"unit", "repl", "test"}


@pytest.mark.parametrize("name", UNITS)
def test_units(name: str, tmp_path: Path) -> None:
    """Each unit on the page runs as a whole."""
    source, params = UNITS[name]
    path = tmp_path / f"{name}.py"
    path.write_text(source)
    done = run_local(read_unit(path), json.loads(params or '{"stop": 10}'), processes=2)
    assert done.failures == []
    if name == "squares":
        assert done.answer == [n * n for n in range(10)]
    elif name == "walk":
        assert abs(done.answer[0]) < 600
    else:
        assert 0.45 < done.answer[23] < 0.56


def test_console() -> None:
    """What the page shows of the codec is what the codec does."""
    [text] = [source for kind, *_, source in BLOCKS if kind == "repl"]
    case = doctest.DocTestParser().get_doctest(text, {}, "work-units.md", "docs/work-units.md", 0)
    outcome = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL).run(case)
    assert (outcome.failed, outcome.attempted) == (0, 5)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block[0] == "test"], ids=["calling", "whole"])
def test_tests(block: tuple[str, str, str, str], tmp_path: Path) -> None:
    """The examples of testing a unit pass."""
    _, name, _, program = block
    (tmp_path / f"{name}.py").write_text(UNITS[name][0])
    (tmp_path / "program.py").write_text(program)
    subprocess.run([sys.executable, "program.py"], cwd=tmp_path, check=True)


def test_figures() -> None:
    """The limits and kinds on the page are those of the code."""
    assert "| 1 MiB |\n" in PAGE
    assert contract.MAX_SOURCE_BYTES == 2**20
    assert "16 MiB, 64 containers inside each other, 2,000,000 values" in PAGE
    assert (codec.MAX_BYTES, codec.MAX_DEPTH, codec.MAX_NODES) == (2**24, 64, 2_000_000)
    assert f"`tool.disio.timeout` | {contract.DEFAULT_TIMEOUT:g} |" in PAGE
    assert f"at most {contract.MAX_TIMEOUT:,.0f}" in PAGE
    assert "up to 16 KiB" in PAGE
    assert runner.DEFAULT_LOG_BYTES == 16 * 1024
    assert f"`{runner.MODULE_NAME}`" in PAGE
    for kind in failures.Kind.__args__:
        assert f"| `{kind}` |" in PAGE
