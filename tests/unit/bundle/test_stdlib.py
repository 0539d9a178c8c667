"""The standard library as browsers get it."""

import re
import zipfile
from pathlib import Path

from disio.bundle.stdlib import USELESS_IN_A_CELL, pack, shipped_files


def test_packed_zip_has_the_library_and_the_runner(core: Path, tmp_path: Path) -> None:
    """Everything but the useless is there, unchanged; so is what of Disio runs in browsers; all of it stored."""
    pack(core / "python_stdlib.zip", tmp_path / "packed.zip")
    with zipfile.ZipFile(core / "python_stdlib.zip") as original, zipfile.ZipFile(tmp_path / "packed.zip") as packed:
        before = {name for name in original.namelist() if not name.endswith("/")}
        after = set(packed.namelist())
        assert {name for name in before - after if not name.startswith(USELESS_IN_A_CELL)} == set()
        assert after - before == set(shipped_files())
        assert {"disio/__init__.py", "disio/errors.py", "disio/unit/runner.py"} <= after
        assert all(packed.read(name) == original.read(name) for name in before & after)
        assert {entry.compress_type for entry in packed.infolist()} == {zipfile.ZIP_STORED}


def test_packing_twice_gives_the_same_bytes(core: Path, tmp_path: Path) -> None:
    """Neither the clock nor the order of files gets into the zip."""
    pack(core / "python_stdlib.zip", tmp_path / "one.zip")
    pack(core / "python_stdlib.zip", tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_nothing_left_imports_what_was_left_out(core: Path, tmp_path: Path) -> None:
    """No module that stays has a module that went among the imports that run when it is imported."""
    gone = {name.removesuffix(".py").strip("/").replace("/", ".") for name in USELESS_IN_A_CELL}
    pack(core / "python_stdlib.zip", tmp_path / "packed.zip")
    broken = []
    with zipfile.ZipFile(tmp_path / "packed.zip") as packed:
        for name in packed.namelist():
            if name.endswith(".py"):
                # Not with ast: the host's Python may be older than the one that these modules are for.
                imported = re.findall(r"^(?:import|from) ([\w.]+)", packed.read(name).decode(), re.MULTILINE)
                broken += [(name, module) for module in imported if module in gone]
    assert broken == []
