"""Schemathesis on the HTTP API of a real dashboard, with a real manager behind it: what its document says is true."""

import asyncio
import secrets
import sys
from pathlib import Path

import pytest

from disio.testing import Grid

from .conftest import UNIT

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES = 6
UNSHOWN = "positive_data_acceptance"
"""Left out: whether text is a work unit that computes, no schema can say."""


async def test_nothing_is_found(grid: Grid) -> None:
    """No request that it makes up, by the document or against it, gets a server error or an answer not documented."""
    await grid.client.submit(source=UNIT, params={"count": 3})
    assert grid.dashboard is not None
    seed = secrets.randbelow(2**32)
    child = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{grid.dashboard.ready['url']}/api/openapi.json"),
        *("--seed", str(seed), "--max-examples", str(EXAMPLES), "--phases", "examples,coverage,fuzzing"),
        *("--mode", "all", "--exclude-checks", UNSHOWN, "--no-color", "--request-timeout", "60"),
        *("--suppress-health-check", "all", "--max-time", "12"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await child.communicate())[0].decode()
    print(f"seed {seed}")
    assert child.returncode == 0, f"seed {seed}\n{said}"
    assert "Tested:" in said, said
