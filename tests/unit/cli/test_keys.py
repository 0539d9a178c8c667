"""``disio keys``."""

import json
from pathlib import Path

from disio.wire.zmq import GridKey

from .conftest import Run


def test_a_grid_key_is_made_once_and_for_its_owner_only(disio: Run, tmp_path: Path) -> None:
    """The file can be read back, by nobody else, and is never overwritten."""
    path = tmp_path / "grid.key"
    told = disio("keys", "grid", path, "--json")
    assert told.returncode == 0
    key = GridKey.read(path)
    assert json.loads(told.stdout)["public"] == key.public
    assert key.secret not in told.stdout
    assert path.stat().st_mode & 0o077 == 0
    again = disio("keys", "grid", path)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert GridKey.read(path) == key
