"""``--check``: the first payloads here and in a real Chromium, before anything is submitted."""

from pathlib import Path

import pytest

from .conftest import Command

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_a_unit_is_checked_before_it_is_submitted(disio: Command, tmp_path: Path) -> None:
    """The same bytes: it is submitted. Others: it is not, and the payloads are named."""
    unit = tmp_path / "unit.py"
    unit.write_text("def run(payload):\n    return payload['a'] / 7\n")
    told = await disio("submit", unit, "-p", "a=1:5", "--check", 3, "--wait")
    assert told.returncode == 0, told.stderr
    assert "3 payloads: the same bytes here and in" in told.stderr
    assert "4 / 4 payloads accepted" in told.stdout
    unit.write_text("import sys\ndef run(payload):\n    return sys.platform\n")
    told = await disio("run", unit, "-p", "a=1:5", "--check", 2)
    assert told.returncode == 1
    assert "differ from this machine's: payloads 0, 1" in told.stderr
    assert "nothing was submitted" in told.stderr
