"""Shared libraries of the distribution: resolved with the package that needs them (the browser tests load them)."""

from pathlib import Path

import pytest

from disio.bundle import load
from disio.bundle.distribution import MIRROR
from disio.bundle.manifest import DISTRIBUTION
from disio.bundle.resolving import resolve
from disio.errors import BundleError
from tests.shared_library import WithLibrary
from tests.unit.bundle import wheels


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WithLibrary:
    """A distribution with a package that needs a library; its mirror has both."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    monkeypatch.setenv(MIRROR, str(mirror))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    try:
        return WithLibrary(load(only=(DISTRIBUTION,)), tmp_path / "distribution", mirror)
    except BundleError as error:
        pytest.skip(f"no bundle: {error}")


@pytest.mark.parametrize("by", ["lock", "pip"])
def test_a_library_comes_before_the_package_that_needs_it(distribution: WithLibrary, tmp_path: Path, by: str) -> None:
    """Whether the lock alone is asked, or pip as well, the library comes along."""
    more = [wheels.wheel(tmp_path, "other", needs=("needy",))] if by == "pip" else []
    chosen = resolve(["needy"], more, distribution, tmp_path / "chosen")
    assert [package.name for package in chosen] == ["libanswer", "needy", "other"][: 2 + len(more)]
