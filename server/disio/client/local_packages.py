"""Packages for a run on this machine: those that are installed, else a set of their own, installed into the cache."""

import hashlib
import json
import platform
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from filelock import FileLock
from packaging.requirements import InvalidRequirement, Requirement

from disio.client.caching import cache_folder
from disio.client.pythons import check_python
from disio.client.sources import UnitSource
from disio.errors import UnitError
from disio.unit.contract import Metadata


@dataclass(frozen=True, slots=True)
class Place:
    """Where a unit's processes find its packages, and the unit itself if it is a module of one."""

    paths: tuple[str, ...] = ()
    module: str = ""


HERE: Final = Place()
"""The environment that Disio runs in."""


def place(unit: UnitSource, metadata: Metadata) -> Place:
    """What a unit's processes need beside the environment that Disio runs in; installs it if it has to.

    Raises:
        UnitError: the unit wants another Python, or a package cannot be installed; the message has what pip says.
    """
    check_python(metadata, unit.filename, platform.python_version(), "the Python here")
    own = [str((unit.beside / path).absolute()) for path in metadata.packages]
    if unit.project is not None:
        own.append(str(unit.project))
    paths = [str(unit.beside.parent)] if unit.contents else []
    missing = [text for text in metadata.dependencies if not _installed(text)]
    if own or missing:
        paths.append(str(_installed_apart([*metadata.dependencies, *own], own)))
    return Place(tuple(paths), unit.module)


def unsuited(metadata: Metadata) -> list[str]:
    """The requirements of a unit whose packages are installed, but in a version that it does not take."""
    return [text for text in metadata.dependencies if not _installed(text) and _there(Requirement(text).name)]


def _there(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _installed(text: str) -> bool:
    """Whether a requirement is met by what is installed."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise UnitError(f"the dependency {text!r} cannot be read ({error}); write it like 'numpy>=2'") from None
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        return not requirement.url and requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False


def _installed_apart(requirements: Sequence[str], own: Sequence[str]) -> Path:
    """A folder with these packages, for this Python; made once, but anew each time where one's own are among them."""
    from disio.bundle.resolving import python_with_pip, run_tool  # noqa: PLC0415 - only where something is missing

    facts = [sys.version, sysconfig.get_platform(), *requirements]
    folder = cache_folder() / "local" / hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if folder.is_dir() and not own:
            return folder
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            target = Path(scratch) / "packages"
            command = [
                *python_with_pip(),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-input",
            ]
            done = run_tool([*command, "--target", str(target), *requirements], "pip")
            if done.returncode != 0:
                raise UnitError(
                    f"the packages cannot be installed for this Python: {done.stderr.strip()[-2000:]}; install them "
                    "yourself beside Disio, then run again"
                )
            shutil.rmtree(folder, ignore_errors=True)
            target.mkdir(exist_ok=True)
            target.replace(folder)
    return folder
