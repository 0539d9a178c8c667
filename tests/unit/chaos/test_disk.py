"""Disks that are filled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.disk import Limited

FILL = """
import os, sys
from pathlib import Path
from tests.chaos.disk import Mounted, unmount
from tests.chaos.namespaces import enter
folder = Path(sys.argv[1])
if not enter().mounts:
    sys.exit(77)
disk = Mounted(folder / "data")
(folder / "data" / "old").write_bytes(b"kept")
disk.fill()
try:
    (folder / "data" / "new").write_bytes(b"x" * 4096)
except OSError as error:
    assert error.errno == 28, error
else:
    sys.exit("it was not full")
disk.free()
(folder / "data" / "new").write_bytes(b"x" * 4096)
assert (folder / "data" / "old").read_bytes() == b"kept"
unmount(folder)
assert not any((folder / "data").iterdir())
"""


def test_a_mounted_disk_is_really_full(tmp_path: Path) -> None:
    """Nothing more can be written, what is there stays, and afterwards all is as before."""
    script = tmp_path / "fill.py"
    script.write_text(FILL)
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    ended = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=False, env=environment
    )
    if ended.returncode == 77:
        pytest.skip("no mount namespace is allowed here")
    assert ended.returncode == 0, ended.stderr
    assert not (tmp_path / "data" / "old").exists(), "the mount is seen outside"


def test_a_limited_process(tmp_path: Path) -> None:
    """Without mounts, the process's files do not grow; a limit for one that is gone is no error."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        disk = Limited(tmp_path / "data", lambda: child.pid)
        (tmp_path / "data" / "file").write_bytes(b"x" * 1000)
        disk.fill()
        assert "1000" in Path(f"/proc/{child.pid}/limits").read_text()
        disk.free()
        assert "1000" not in Path(f"/proc/{child.pid}/limits").read_text()
    finally:
        child.kill()
        child.wait()
    disk.fill()
