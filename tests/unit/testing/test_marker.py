"""The mark that names a test's unit, as pytest itself takes it."""

import subprocess
import sys
from pathlib import Path

import pytest

from disio.client import Client
from disio.errors import UnitError, UsageError
from disio.testing.under_test import InBrowser

TEST = """import pytest


@pytest.mark.disio("unit.py", {words})
def test_it(disio_unit):
    pass
"""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("parms={}", "the mark disio takes no parms; did you mean params?"),
        ("browser=1", "the mark disio takes no browser; there are params, native"),
    ],
)
def test_words_that_the_mark_does_not_know_are_refused(tmp_path: Path, words: str, message: str) -> None:
    """A slip of the pen is no test with other parameters."""
    (tmp_path / "unit.py").write_text("def run(payload):\n    return payload\n")
    (tmp_path / "test_it.py").write_text(TEST.format(words=words))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr


def test_a_unit_that_is_not_there_fails_in_browsers_too(tmp_path: Path) -> None:
    """Before anything is asked of it, so that a test that asks for nothing does not pass."""
    with Client("http://127.0.0.1:9") as client:
        with pytest.raises(UsageError, match=r"nowhere\.py"):
            InBrowser(client, "chromium", tmp_path / "nowhere.py", {})
        (tmp_path / "empty.py").touch()
        with pytest.raises(UnitError, match=r"empty\.py is empty"):
            InBrowser(client, "chromium", tmp_path / "empty.py", {})
