"""The command line as a whole: help, errors, exit statuses."""

import inspect
import json
import shlex
import subprocess
import sys

import pytest

import disio.cli
from disio import __version__
from disio.cli.commands import first_expected, load
from disio.errors import UnitError, UsageError

from .conftest import Run

COMMANDS = disio.cli._COMMANDS


def test_help_lists_every_command_with_its_summary(disio: Run) -> None:
    """``disio --help`` names all commands and says the exit statuses."""
    told = disio("--help")
    assert told.returncode == 0
    for name, (_, summary) in COMMANDS.items():
        assert name in told.stdout
        assert summary.split(":", maxsplit=1)[0][:40] in told.stdout
    assert "130" in told.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_loads_and_its_help_agrees_with_the_list(name: str) -> None:
    """The one-line summaries in the list begin the commands' own help, and all say examples."""
    target, summary = COMMANDS[name]
    command = load(name, target)
    assert (command.help or "").startswith(summary.rstrip(".")), command.help
    for one in getattr(command, "commands", {"": command}).values():
        assert "Examples:" in inspect.cleandoc(one.help)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("keys", "bundle")])
def test_help_is_whole_in_80_columns(disio: Run, name: str) -> None:
    """No option's name, and nothing that is said of it, is cut."""
    told = disio(name, "--help", COLUMNS="80")
    assert (told.returncode, "…" in told.stdout) == (0, False), told.stdout
    assert "92233" not in told.stdout  # a limit that is none to people


def test_an_unknown_command_is_one_line_with_a_suggestion(disio: Run) -> None:
    """A mistyped command ends with status 2 and the command that was probably meant."""
    told = disio("sbumit")
    assert told.returncode == 2
    assert told.stderr.startswith("disio: ")
    assert "submit" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_wrong_option_value_ends_with_status_two(disio: Run) -> None:
    """A value that does not fit its option is named, with the way to the help."""
    told = disio("dashboard", "--port", "many")
    assert told.returncode == 2
    assert "--port" in told.stderr
    assert "disio dashboard --help" in told.stderr


def test_a_parameter_without_its_option_says_how_to_write_it(disio: Run) -> None:
    """``digits=5`` alone is taken for what it was meant to be."""
    told = disio("submit", "unit.py", "digits=5")
    assert told.returncode == 2
    assert "-p KEY=VALUE" in told.stderr


def test_an_unreachable_dashboard_is_named_with_the_way_out(disio: Run) -> None:
    """Without a dashboard, status says its address and how to start one, in one line."""
    told = disio("status", "--url", "http://127.0.0.1:9")
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert "http://127.0.0.1:9" in told.stderr
    assert "disio up" in told.stderr


def test_debug_shows_the_traceback_wherever_it_stands(disio: Run) -> None:
    """``--debug`` may follow the command, and then the whole traceback is shown."""
    told = disio("status", "--url", "http://127.0.0.1:9", "--debug")
    assert told.returncode == 1
    assert "Traceback" in told.stderr
    assert "Traceback" in disio("status", "--url", "http://127.0.0.1:9", DISIO_DEBUG="1").stderr


def test_an_address_that_is_none_is_wrong_usage(disio: Run) -> None:
    """An address without a scheme ends with status 2 and shows a right one."""
    told = disio("status", "--url", "somewhere")
    assert told.returncode == 2
    assert "http://127.0.0.1:7700" in told.stderr


@pytest.mark.parametrize(
    ("line", "status", "error", "says"),
    [
        ("status --json --url http://127.0.0.1:9", 1, "unreachable", "disio up"),
        ("status --url somewhere --json", 2, "usage", "http://127.0.0.1:7700"),
        ("results x --json --format xml", 2, "usage", "--format"),
        ("submit --json", 2, "usage", "UNIT"),
        ("distributor --manager nowhere --json", 2, "usage", "HOST:PORT"),
        ("backup --json DEST --data nowhere", 2, "usage", "--data DIRECTORY"),
    ],
)
def test_an_error_of_a_command_asked_for_json(disio: Run, line: str, status: int, error: str, says: str) -> None:
    """It is one JSON object on standard error, in the shape of the HTTP API's errors; standard output stays empty."""
    told = disio(*line.split())
    assert (told.returncode, told.stdout) == (status, "")
    complaint = json.loads(told.stderr)
    assert (complaint["error"], says in complaint["message"]) == (error, True)


def test_json_is_no_option_after_two_dashes(disio: Run) -> None:
    """What follows ``--`` is no option, so the error is for people."""
    assert disio("submit", "--", "--json").stderr.startswith("disio: ")


def test_a_value_that_is_none_of_a_few_is_told_with_them(disio: Run) -> None:
    """A format that is none is named, with those there are, and without words of a library's own."""
    told = disio("results", "x", "--format", "xml")
    assert told.stderr.startswith("disio: Invalid value for '--format': 'xml' is not one of 'ndjson', 'csv',")


def test_a_group_without_its_command_shows_its_help(disio: Run) -> None:
    """``disio keys`` alone lists its commands, and complains of nothing."""
    told = disio("keys")
    assert told.returncode == 2
    assert "volunteer" in told.stdout
    assert "disio: " not in told.stderr


def test_version(disio: Run) -> None:
    """``--version`` prints the version."""
    assert disio("--version").stdout == f"disio {__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    """Help comes at once because servers and HTTP libraries are imported by their own commands only."""
    program = "import sys; from disio.cli import main; main(['--help']); print([m for m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    for heavy in ("quart", "httpx", "zmq", "zeroconf", "msgspec"):
        assert f"'{heavy}'" not in told.stdout


def test_an_unexpected_error_is_one_line_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody expected is told in one line too, with the way to its traceback."""
    assert disio.cli._explain(ValueError("nobody thought of this")) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "nobody thought of this" in told
    assert "--debug" in told


def test_inside_a_group_the_error_on_purpose_is_told() -> None:
    """Of errors that came together, the one that was raised on purpose is shown."""
    group = BaseExceptionGroup("several", [ExceptionGroup("inner", [KeyError("x"), UnitError("no run")])])
    assert str(first_expected(group)) == "no run"
    assert str(first_expected(UsageError("alone"))) == "alone"


def test_a_reader_that_goes_away_is_no_error() -> None:
    """``disio ... | head`` ends quietly when head has seen enough."""
    shell = f"{shlex.quote(sys.executable)} -m disio --help | head -n 1"
    told = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60, check=False)
    assert told.stderr == ""
