"""How processes begin and end: ready line, signals, ports, parents."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from .conftest import Run

DASHBOARD = ("dashboard", "--port", "0", "--no-discover", "--quiet")


@contextmanager
def started(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that has not ended by itself is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "disio", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            stream.close()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signals_end_it_cleanly(number: signal.Signals, status: int) -> None:
    """SIGTERM ends a process with status 0, Ctrl-C with 130; neither writes a traceback."""
    with started(*DASHBOARD, "--json") as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["ready"] == "dashboard"
        assert ready["url"].startswith("http://127.0.0.1:")
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        assert process.returncode == status
        assert "Traceback" not in said


def test_open_live_pages_do_not_hold_it_back() -> None:
    """A dashboard ends soon although somebody looks at a live page."""
    with started(*DASHBOARD, "--json") as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with httpx.stream("GET", f"{url}/live", trust_env=False) as stream:
            assert next(stream.iter_lines()) == "event: page"
            process.terminate()
            assert process.wait(timeout=15) == 0


def test_it_ends_with_its_parent() -> None:
    """With ``--with-parent``, a process ends when its standard input is closed, as when the parent dies."""
    with started(*DASHBOARD, "--json", "--with-parent") as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_for_people_it_says_what_to_open() -> None:
    """Without ``--json`` the ready line says which address to open."""
    with started(*DASHBOARD) as process:
        assert process.stdout is not None
        assert "open http://127.0.0.1:" in process.stdout.readline()


def test_a_port_in_use_is_told(disio: Run) -> None:
    """A port that is taken ends with status 2 and the option to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = disio("dashboard", "--port", taken.getsockname()[1], "--no-discover")
    assert told.returncode == 2
    assert "--port" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_wrong_manager_address_is_told(disio: Run) -> None:
    """An address without a port ends with status 2 and a right example."""
    told = disio("dashboard", "--port", 0, "--manager", "somewhere", "--no-discover")
    assert told.returncode == 2
    assert "127.0.0.1:7702" in told.stderr


def test_a_dashboard_for_others_wants_tokens(disio: Run, tmp_path: Path) -> None:
    """Beyond loopback it does not start before somebody has a token; the error says how one is made."""
    file = tmp_path / "researchers.json"
    told = disio("dashboard", "--port", 0, "--host", "0.0.0.0", "--researchers", file, "--no-discover")
    assert told.returncode == 2
    assert "disio keys researcher" in told.stderr


def test_researchers_tokens_are_made_and_revoked(disio: Run, tmp_path: Path) -> None:
    """A token is shown once and kept as a hash in a file that only its owner may read."""
    file = tmp_path / "researchers.json"
    made = json.loads(disio("keys", "researcher", "ada", "--file", file, "--json").stdout)
    assert made["token"].startswith("disio_")
    assert made["token"] not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert disio("keys", "researcher", "--file", file).stdout == "ada\n"
    assert disio("keys", "researcher", "ada", "--revoke", "--file", file).returncode == 0
    told = disio("keys", "researcher", "ada", "--revoke", "--file", file)
    assert (told.returncode, "has no token" in told.stderr) == (1, True)


def test_logs_are_json_lines_when_nobody_looks() -> None:
    """On a pipe, standard error carries one JSON object a line."""
    with started("dashboard", "--port", "0", "--no-discover", "--json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    lines = [json.loads(line) for line in said.splitlines()]
    assert any(line["event"] == "dashboard listening" for line in lines)


def test_without_any_way_to_managers_it_warns() -> None:
    """A process that is told no manager and may look for none says so, even if it is to be quiet."""
    with started(*DASHBOARD, "--json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert "no manager will be found" in json.loads(said.splitlines()[0])["event"]
