"""Processes that cannot start, or find nobody: one line that says what is wrong and what to do; nothing is touched."""

import http.server
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from disio.assets import asset
from disio.bundle import load
from disio.errors import BundleError

from .conftest import Run

BASE = ("--port", 0, "--no-discover")
APPLICATION_IDS = {"manager": int.from_bytes(b"Diso"), "distributor": int.from_bytes(b"DiSp")}
"""By which a database is known as ours."""


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on: an ordinary HTTP server."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield server.server_port
        server.shutdown()
        serving.join()


@pytest.fixture
def nobody() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def _bundle() -> None:
    """For what needs the bundle to come far enough."""
    try:
        load()
    except BundleError as error:
        pytest.skip(f"no bundle: {error}")


def one_line(told: "subprocess.CompletedProcess[str]", status: int, *says: str) -> None:
    """The command ended with this status and one line that says all this."""
    assert told.returncode == status, told.stderr
    assert told.stdout == ""
    assert told.stderr.startswith("disio: ")
    assert told.stderr.count("\n") == 1, told.stderr
    for part in says:
        assert part in told.stderr


@pytest.mark.usefixtures("_bundle")
@pytest.mark.parametrize("kind", ["manager", "distributor", "dashboard"])
def test_a_port_in_use(disio: Run, taken: int, tmp_path: Path, kind: str) -> None:
    """Status 2, which port it is, and the option to choose another."""
    data = () if kind == "dashboard" else ("--data", tmp_path)
    one_line(disio(kind, "--port", taken, *data), 2, f"port {taken} on 127.0.0.1 is in use", "--port")


@pytest.mark.usefixtures("_bundle")
@pytest.mark.parametrize("kind", ["manager", "distributor", "dashboard"])
def test_a_port_in_use_of_a_whole_grid(disio: Run, taken: int, tmp_path: Path, kind: str) -> None:
    """``disio up`` ends with status 2 and one line: which port it is, and its own option to choose another."""
    ports = dict.fromkeys(("manager", "distributor", "dashboard"), 0) | {kind: taken}
    options = [word for name, port in ports.items() for word in (f"--{name}-port", port)]
    told = disio("up", "--data", tmp_path, *options)
    one_line(told, 2, f"the {kind} did not start: port {taken} on 127.0.0.1 is in use", f"with --{kind}-port")


@pytest.mark.usefixtures("_bundle")
@pytest.mark.parametrize(("kind", "name"), [("manager", "manager.sqlite3"), ("distributor", "spool.sqlite3")])
@pytest.mark.parametrize("what", ["text", "another program's", "newer"])
def test_a_database_that_is_none_of_ours(disio: Run, tmp_path: Path, kind: str, name: str, what: str) -> None:
    """A file that is no SQLite, another program's or a newer Disio's is named and left as it is."""
    file = tmp_path / name
    if what == "text":
        file.write_text("Dear diary, this is no database.\n" * 100)
    else:
        with closing(sqlite3.connect(file)) as database:
            if what == "newer":
                database.execute(f"PRAGMA application_id = {APPLICATION_IDS[kind]}")
            database.execute("PRAGMA user_version = 99")
            database.execute("CREATE TABLE things (thing)")
            database.commit()
    before = file.read_bytes()
    told = disio(kind, "--port", 0, "--data", tmp_path, "--no-announce" if kind == "manager" else "--no-discover")
    said = {"text": "SQLite", "another program's": "SQLite", "newer": "newer"}[what]
    one_line(told, 1, str(file), "--data", said)
    assert file.read_bytes() == before


def test_a_bundle_that_is_missing(disio: Run, tmp_path: Path) -> None:
    """A distributor does not start without a bundle, and says which command builds one."""
    told = disio("distributor", *BASE, "--data", tmp_path, "--bundle", tmp_path / "nowhere")
    one_line(told, 1, str(tmp_path / "nowhere"), "disio bundle build")


@pytest.mark.usefixtures("_bundle")
@pytest.mark.parametrize("harm", ["altered", "cut", "gone", "manifest"])
def test_a_bundle_that_is_altered(disio: Run, tmp_path: Path, harm: str) -> None:
    """One byte changed, a file cut or gone, a manifest that is none: named, with the command that mends it."""
    copy = tmp_path / "bundle"
    shutil.copytree(asset("bundle"), copy)
    manifest = copy / "bundle.json"
    name = "pyodide.asm.mjs"
    file = copy / "files" / json.loads(manifest.read_bytes())["files"][name]["sha256"]
    if harm == "altered":
        file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
    elif harm == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    elif harm == "gone":
        file.unlink()
    else:
        manifest.write_text("{")
        name = "bundle.json"
    told = disio("distributor", *BASE, "--data", tmp_path / "data", "--bundle", copy)
    one_line(told, 1, name, "disio bundle build")


@contextmanager
def complaining(*arguments: object) -> Iterator[Iterator[dict[str, object]]]:
    """The lines that a process logs."""
    command = [sys.executable, "-m", "disio", *map(str, arguments), "--json"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        yield map(json.loads, process.stderr)
        process.terminate()


@pytest.mark.usefixtures("_bundle")
@pytest.mark.parametrize("kind", ["distributor", "dashboard"])
@pytest.mark.parametrize("there", ["taken", "nobody"])
def test_a_manager_that_does_not_answer(request: pytest.FixtureRequest, tmp_path: Path, kind: str, there: str) -> None:
    """Where nobody answers, or something that is no manager, the process says so, goes on trying, and can be ended."""
    address = f"127.0.0.1:{request.getfixturevalue(there)}"
    data = ("--data", tmp_path) if kind == "distributor" else ()
    with complaining(kind, *BASE, *data, "--manager", address) as lines:
        warning = next(line for line in lines if line["level"] == "warning")
    assert "no manager answers at this address" in str(warning["event"])
    assert warning["address"] == f"tcp://{address}"


@pytest.mark.usefixtures("_bundle")
@pytest.mark.parametrize("kind", ["distributor", "dashboard"])
def test_a_manager_address_that_is_none(disio: Run, tmp_path: Path, kind: str) -> None:
    """An address without a port, or one of the web, ends with status 2 and a right example."""
    data = ("--data", tmp_path) if kind == "distributor" else ()
    for wrong in ("somewhere", "http://127.0.0.1:7702", "127.0.0.1:99999"):
        one_line(disio(kind, *BASE, *data, "--manager", wrong), 2, wrong, "127.0.0.1:7702")


@pytest.mark.parametrize(
    "command", [("status",), ("submit", __file__), ("results", "aaaaaa-1"), ("cancel", "aaaaaa-1")]
)
def test_something_else_than_a_dashboard(disio: Run, taken: int, command: tuple[str, ...]) -> None:
    """Where another server answers, that is said, with how to name the right one."""
    one_line(disio(*command, "--url", f"http://127.0.0.1:{taken}"), 1, "no dashboard of Disio", "--url")


def test_no_browser(disio: Run, tmp_path: Path) -> None:
    """Without a browser, volunteer and demo say how to install one before they start anything."""
    empty = {"PATH": str(tmp_path), "HOME": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)}
    for command in (("volunteer", "http://127.0.0.1:7701"), ("demo",)):
        one_line(disio(*command, **empty), 1, "no chromium was found", "apt-get install chromium", "playwright install")
    chosen = disio("volunteer", "http://127.0.0.1:7701", DISIO_BROWSER=str(tmp_path / "none"))
    one_line(chosen, 1, "DISIO_BROWSER", str(tmp_path / "none"))


def test_no_page_for_volunteers(disio: Run, nobody: int, taken: int) -> None:
    """Where there is no page, no browser is left waiting before an error."""
    one_line(
        disio("volunteer", f"http://127.0.0.1:{nobody}"), 1, f"no page at http://127.0.0.1:{nobody}", "distributor"
    )
    one_line(disio("volunteer", f"http://127.0.0.1:{taken}"), 1, "status 501", "distributor")
    one_line(disio("volunteer", "ftp://127.0.0.1"), 2, "no web address")
