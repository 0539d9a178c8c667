"""The examples of docs/client.md, run as they stand, against a real grid."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from disio.testing import Grid

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[3]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "client.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"example {number}" for number in range(len(EXAMPLES))])
async def test_the_examples_work(grid: Grid, tmp_path: Path, example: str) -> None:
    """Each one is a whole program that ends well."""
    if "joblib" in example:
        pytest.importorskip("joblib", reason="joblib is not installed (an extra)")
    script = tmp_path / "example.py"
    script.write_text(example)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(script)],
        cwd=ROOT,
        env={**os.environ, "DISIO_URL": grid.client.url},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if "print(" in example:
        assert done.stdout.strip()
