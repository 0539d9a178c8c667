"""``disio run``: a unit on this machine."""

import json
import platform
from pathlib import Path

import pytest

from tests.unit.bundle import wheels

from .conftest import Run

UNIT = '''"""Squares."""
def split(params):
    return range(params["count"])
def run(payload):
    if payload == 3:
        print("so many:", payload)
        raise ValueError("three is too many")
    return payload * payload
def reduce(results, params):
    return {"sum": sum(results)}
'''


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """A small unit that fails for payload 3."""
    path = tmp_path / "squares.py"
    path.write_text(UNIT)
    return path


def test_the_answer_goes_to_standard_output(disio: Run, unit: Path) -> None:
    """A run prints what reduce returned, as JSON, and nothing else on standard output."""
    told = disio("run", unit, "--local", "-p", "count=3", "--processes", 1)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == {"sum": 5}


def test_results_as_lines_of_json(disio: Run, unit: Path, tmp_path: Path) -> None:
    """``--json`` writes one line for each payload, to a file if asked."""
    told = disio("run", unit, "--local", "-p", "count=3", "--json", "-o", tmp_path / "out.ndjson")
    assert told.returncode == 0, told.stderr
    lines = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    assert [(line["index"], line["result"]) for line in lines] == [(0, 0), (1, 1), (2, 4)]


def test_a_failure_shows_the_researchers_lines_and_status_one(disio: Run, unit: Path) -> None:
    """A payload that fails is told with file and line of the unit, not of Disio."""
    told = disio("run", unit, "--local", "-p", "count=5")
    assert told.returncode == 1
    assert "three is too many" in told.stderr
    assert 'File "squares.py", line 7' in told.stderr
    assert "runner.py" not in told.stderr
    assert "it printed:\n  so many: 3\n" in told.stderr
    assert "5 payloads in" in told.stderr


def test_failures_alike_are_shown_once(disio: Run, tmp_path: Path) -> None:
    """A mistake in every payload is told once, with how many more there are; an unstated package is warned of."""
    path = tmp_path / "typo.py"
    path.write_text("import numpy\n\n\ndef run(payload):\n    raise ValueError(f'not {payload}')\n")
    told = disio("run", path, "--local", "-p", "stop=9")
    assert told.returncode == 1
    assert told.stderr.count("ValueError: not 0") == 2, "the line and its traceback"
    assert "not 1" not in told.stderr
    assert "8 more payloads failed in the same way" in told.stderr
    assert "warning typo.py, line 1: import numpy" in " ".join(told.stderr.split())


def test_without_local_it_says_what_to_use(disio: Run, unit: Path) -> None:
    """``disio run`` without ``--local`` points to submit."""
    told = disio("run", unit)
    assert told.returncode == 2
    assert "disio submit" in told.stderr


def test_a_unit_with_a_syntax_error(disio: Run, tmp_path: Path) -> None:
    """A syntax error is told with its line."""
    (tmp_path / "bad.py").write_text("def run(payload):\n    return payload +\n")
    told = disio("run", tmp_path / "bad.py", "--local")
    assert told.returncode == 1
    assert "line 2" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.py", "--local"), (2, "there is no file none.py")),
        (("empty.py", "--local"), (1, "empty.py is empty")),
        (("squares.py", "--local", "--params", "@none"), (2, "there is no file none to read the parameters from")),
        (("squares.py", "--local", "-p", "count=1", "-o", "no/where"), (2, "no/where cannot be written")),
    ],
)
@pytest.mark.usefixtures("unit")
def test_files_that_cannot_be_used(
    disio: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: tuple[int, str]
) -> None:
    """Status 2 for a file that cannot be read or written, 1 for one that is no unit, as docs/cli.md says."""
    (tmp_path / "empty.py").touch()
    monkeypatch.chdir(tmp_path)
    told = disio("run", *arguments)
    assert told.returncode == said[0], told.stderr
    assert said[1] in told.stderr
    assert "Traceback" not in told.stderr


def test_a_unit_with_packages_runs_here(disio: Run, tmp_path: Path) -> None:
    """What is not installed is installed apart, a folder is a unit, and shared data is where it lies."""
    wheels.wheel(tmp_path, "tinypackage")
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "inner.py").write_text("FACTOR = 3\n")
    (folder / "__init__.py").write_text(
        '# /// script\n# dependencies = ["tinypackage"]\n# ///\nimport tinypackage\nfrom .inner import FACTOR\n'
        "def run(payload, ctx):\n    return payload * FACTOR + tinypackage.VALUE + len(open(ctx.data('text')).read())\n"
    )
    (tmp_path / "text.txt").write_text("four")
    variables = {"DISIO_CACHE": str(tmp_path / "cache"), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    arguments = ["-p", "stop=3", "--data", f"text={tmp_path / 'text.txt'}", "--processes", 1]
    told = disio("run", folder, "--local", *arguments, **variables)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == [5, 8, 11]


def test_a_package_that_cannot_be_installed_is_told(disio: Run, tmp_path: Path) -> None:
    """With pip's words, and what to do."""
    path = tmp_path / "unit.py"
    path.write_text('# /// script\n# dependencies = ["disio-has-none"]\n# ///\ndef run(payload): return 1\n')
    told = disio("run", path, "--local", "-p", "stop=1", DISIO_CACHE=str(tmp_path / "cache"), PIP_NO_INDEX="1")
    assert told.returncode == 1
    assert "No matching distribution found for disio-has-none" in " ".join(told.stderr.split())


def test_a_unit_for_another_python_is_refused(disio: Run, tmp_path: Path) -> None:
    """By its requires-python, with the version of the Python here."""
    path = tmp_path / "unit.py"
    path.write_text('# /// script\n# requires-python = ">=99"\n# ///\ndef run(payload): return 1\n')
    told = disio("run", path, "--local", "-p", "stop=1")
    assert told.returncode == 1
    assert f"wants Python >=99, and the Python here is {platform.python_version()}" in " ".join(told.stderr.split())
