"""``disio keys``."""

import json
from pathlib import Path

from disio.dashboard.researchers import Researchers
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


def test_a_researcher_s_token_alone_is_on_standard_output(disio: Run, tmp_path: Path) -> None:
    """A script can keep it; what people want to know is beside it, such as that a former token is void now."""
    path = tmp_path / "researchers.json"
    first = disio("keys", "researcher", "ada", "--file", path)
    (token,) = first.stdout.splitlines()
    assert Researchers(path).who(token) == "ada"
    assert "shown this once. Where" in first.stderr
    second = disio("keys", "researcher", "ada", "--file", path)
    assert "The one that they had before is void." in second.stderr
    assert Researchers(path).who(token) is None
    assert Researchers(path).who(second.stdout.strip()) == "ada"


def test_whose_token_is_void_must_be_said(disio: Run, tmp_path: Path) -> None:
    """--revoke without a name is told, instead of listing names as if something had been done."""
    told = disio("keys", "researcher", "--revoke", "--file", tmp_path / "researchers.json")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("disio: say whose token is to be void: ")
