"""A unit as a test calls it in its own Python: with the packages that it states."""

import sys
from pathlib import Path

import pytest

from disio.errors import UnitError
from disio.testing.under_test import Native
from tests.unit.bundle import wheels

UNIT = """# /// script
# dependencies = [{wanted!r}]
# ///
import {module}


def run(payload):
    return {module}.{value}
"""


@pytest.fixture(autouse=True)
def only_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, and pip finds nothing but our own wheels."""
    monkeypatch.setenv("DISIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))


def unit(folder: Path, wanted: str, module: str, value: str) -> Path:
    """A unit that needs a package."""
    path = folder / "unit.py"
    path.write_text(UNIT.format(wanted=wanted, module=module, value=value))
    return path


def test_packages_that_are_not_installed_are_there_for_the_test(tmp_path: Path) -> None:
    """As by `disio run --local`: pip puts them aside, and the path is afterwards what it was."""
    wheels.wheel(tmp_path, "smallish")
    before = list(sys.path)
    with Native(unit(tmp_path, "smallish>=1", "smallish", "VALUE"), {}) as native:
        assert native.map([1, 2]) == [1, 1]
    assert sys.path == before


def test_a_package_in_another_version_is_told_with_what_mends_it(tmp_path: Path) -> None:
    """The test's own environment is not changed, and never has two versions of a package."""
    with pytest.raises(UnitError, match="pip install 'pytest>=1000'"):
        Native(unit(tmp_path, "pytest>=1000", "pytest", "__version__"), {})


def test_a_package_that_cannot_be_had_is_an_error_with_what_pip_says(tmp_path: Path) -> None:
    """Not a ModuleNotFoundError of the first payload."""
    with pytest.raises(UnitError, match="nowhere-to-be-had"):
        Native(unit(tmp_path, "nowhere-to-be-had", "nowhere", "VALUE"), {})


def test_a_unit_that_is_a_package_is_one_here_too(tmp_path: Path) -> None:
    """Relative imports work, as in browsers."""
    folder = tmp_path / "twofold"
    folder.mkdir()
    (folder / "__init__.py").write_text("from .inner import twice\n\n\ndef run(payload):\n    return twice(payload)\n")
    (folder / "inner.py").write_text("def twice(number):\n    return 2 * number\n")
    with Native(folder, {}) as native:
        assert native.run(21) == 42
