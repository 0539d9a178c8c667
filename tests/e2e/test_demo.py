"""The demonstration, as a newcomer starts it."""

import asyncio
import re
import signal
import sys

import pytest

from disio.cli.demo import pi_hex
from disio.errors import BrowserError
from disio.testing import find_browser

pytestmark = pytest.mark.browser


async def start(*arguments: str) -> asyncio.subprocess.Process:
    """``disio demo`` with these arguments; skips where no Chromium is."""
    try:
        find_browser("chromium")
    except BrowserError as error:
        pytest.skip(str(error))
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "disio", "demo", *arguments, stdout=pipe, stderr=pipe, start_new_session=True
    )


async def test_demo_checks_every_digit() -> None:
    """It ends with status 0, the digits, and a table of three speeds."""
    demo = await start("--digits", "128", "--volunteers", "1")
    out, err = await asyncio.wait_for(demo.communicate(), 90)
    text = out.decode()
    assert demo.returncode == 0, err.decode()
    assert "All 128 digits are right" in text
    rows = [line for line in text.splitlines() if re.search(r"\d+\.\d\dx", line)]
    assert [re.search(r"[a-z][A-Za-z() 0-9]+", row)[0].strip() for row in rows] == [  # type: ignore[index]
        "one native CPython process",
        "one browser worker",
        "all browser workers (1)",
    ]


async def test_demo_ends_all_that_it_started() -> None:
    """Ctrl-C ends the grid: nothing listens any more, and the status is 130."""
    demo = await start("--open")
    assert demo.stdout is not None
    port = None
    while port is None:
        line = (await asyncio.wait_for(demo.stdout.readline(), 60)).decode()
        assert line, "the demonstration ended by itself"
        port = (found := re.search(r"distributor\s+http://127\.0\.0\.1:(\d+)", line)) and int(found[1])
    while "Ctrl-C" not in line:
        line = (await asyncio.wait_for(demo.stdout.readline(), 60)).decode()
    demo.send_signal(signal.SIGINT)
    await asyncio.wait_for(demo.communicate(), 20)
    assert demo.returncode == 130
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


def test_the_check_is_independent_and_right() -> None:
    """Machin's formula gives the published digits."""
    assert pi_hex(32) == "243f6a8885a308d313198a2e03707344"
