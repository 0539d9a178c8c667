"""``disio test`` with a real browser."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.unit.workunits.loading import WORKUNITS

pytestmark = pytest.mark.browser

DIFFERS = "import sys\ndef run(payload):\n    return sys.maxsize if payload == 1 else payload\n"


async def disio_test(*arguments: object) -> tuple[int, str, str]:
    """The command; its status and what it wrote."""
    command = (sys.executable, "-m", "disio", "test", *map(str, arguments))
    environment = {**os.environ, "COLUMNS": "120"}
    child = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environment)
    said, complained = await asyncio.wait_for(child.communicate(), 120)
    return child.returncode or 0, said.decode(), complained.decode()


async def test_a_unit_that_is_the_same_everywhere(tmp_path: Path) -> None:
    """A real unit passes, with its times and its memory, and a report for CI."""
    report = tmp_path / "report.xml"
    status, said, complained = await disio_test(
        WORKUNITS / "percolation.py", "-p", "rows=6", "--payloads", 3, "--json", "--junit", report
    )
    assert status == 0, complained
    told = json.loads(said)
    native, browser = told["places"]
    assert (told["ok"], native["place"], browser["place"], browser["payloads"]) == (True, "native", "chromium", 3)
    assert browser["boot_ms"] > 0
    assert 0 < browser["load_ms"] < 1000 * browser["seconds"]
    assert native["load_ms"] is None
    assert browser["memory_bytes"] > 10_000_000
    assert len(ET.fromstring(report.read_text()).findall("testsuite/testcase")) == 6


async def test_a_unit_that_differs(tmp_path: Path) -> None:
    """A browser's Python has 32 bits: the payload that shows it is named, with both answers; the status is 1."""
    unit = tmp_path / "differs.py"
    unit.write_text(DIFFERS)
    status, said, _ = await disio_test(unit, "-p", "payloads=[0, 1, 2]")
    assert status == 1
    for part in ("payload 1", "2147483647", "9223372036854775807", "not the same everywhere"):
        assert part in said


async def test_a_payload_that_fails_everywhere(tmp_path: Path) -> None:
    """It fails the trial, and is no difference between the places."""
    unit = tmp_path / "fails.py"
    unit.write_text("def run(payload):\n    return 1 / payload\n")
    status, said, _ = await disio_test(unit, "-p", "payloads=[0, 1]")
    assert status == 1
    assert said.splitlines()[-1] == "the same everywhere, but 1 payload failed"


async def test_nothing_to_try(tmp_path: Path) -> None:
    """A unit without payloads, a browser that is none, and a report that cannot be written are refused in one line."""
    unit = tmp_path / "unit.py"
    unit.write_text("def run(payload):\n    return payload\n")
    for arguments, says in (
        ((unit, "-p", "payloads=[]"), "nothing to try"),
        ((unit, "-p", "payloads=[1]", "--browser", "lynx"), "choose one of chromium"),
        ((unit, "-p", "payloads=[1]", "--junit", tmp_path / "no" / "report.xml"), "cannot be written"),
    ):
        status, _, complained = await disio_test(*arguments)
        assert status in (1, 2)
        assert says in complained
        assert complained.count("disio: ") == 1
