"""From requirements to exact files: Pyodide's distribution for compiled packages, an index (by pip) for all others.

Compiled packages of the distribution are pinned to its versions, unless the unit asks for another one. Everything else
is what pip finds: pure wheels, and wheels built for this Pyodide. What pip says when nothing fits is passed on.
"""

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from disio.bundle import elsewhere
from disio.bundle.distribution import MIRROR, Distribution, Locked
from disio.errors import BundleError, UnitError

OLDEST_PIP: Final = Version("23.1")
_SECONDS: Final = 900.0
_QUIET: Final = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")


@dataclass(frozen=True, slots=True)
class Chosen:
    """One package of a unit: the file that it is installed from."""

    name: str
    version: str
    wheel: Path
    sha256: str
    locked: Locked | None = None
    """What the distribution's lock says of it; None if it comes from elsewhere."""

    @property
    def pure(self) -> bool:
        """Whether its wheel says that it has no compiled code."""
        return self.wheel.name.endswith("-none-any.whl")


def resolve(
    requirements: Sequence[str], wheels: Sequence[Path], distribution: Distribution, folder: Path
) -> list[Chosen]:
    """The packages that requirements come to, each after those that it needs where that is known.

    Args:
        requirements: as in a unit's metadata (PEP 508).
        wheels: further packages, built already.
        distribution: what the interpreter's own distribution has.
        folder: where files are downloaded to.

    Raises:
        UnitError: a requirement cannot be read or met; the message has what pip says.
        BundleError: a package of the distribution can be had from nowhere.
        AlteredError: a file is not what the lock says.
    """
    wanted = [_requirement(text) for text in requirements]
    wanted = [one for one in wanted if one.marker is None or one.marker.evaluate(distribution.environment)]
    if not wheels and (own := _all_compiled(wanted, distribution)):
        return _fetched(own, distribution)
    try:
        found = _pip(wanted, wheels, distribution, folder)
    except UnitError as refused:
        if wheels or not all(distribution.satisfies(one) and not one.extras for one in wanted):
            raise
        try:  # no index, but perhaps a mirror that has it all
            return _fetched(distribution.closure(one.name for one in wanted), distribution)
        except BundleError:
            raise refused from None
    return _with_own(found, distribution)


def _requirement(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise UnitError(f"the dependency {text!r} cannot be read ({error}); write it like 'numpy>=2'") from None


def _all_compiled(wanted: Sequence[Requirement], distribution: Distribution) -> list[Locked]:
    """Everything, if all of it is compiled in the distribution: no resolver has to be asked. Empty: it has to."""
    if not all(distribution.satisfies(one) and not one.extras for one in wanted):
        return []
    closure = distribution.closure(one.name for one in wanted)
    return [] if any(package.pure for package in closure) else closure


def _fetched(packages: Sequence[Locked], distribution: Distribution) -> list[Chosen]:
    return [
        Chosen(package.name, package.version, distribution.fetch(package), package.sha256, package)
        for package in packages
    ]


def _with_own(found: Sequence[Path], distribution: Distribution) -> list[Chosen]:
    """Stubs among what pip chose replaced by the distribution's own files, with the libraries that those need."""
    own: list[str] = []
    others = []
    for path in found:
        name, version, _, _ = _parsed(path)
        package = distribution.find(name)
        if package is not None and path.name == package.file_name and path.stat().st_size < _STUB_BYTES:
            own.append(package.name)
        else:
            others.append(Chosen(name, str(version), path, hashlib.sha256(path.read_bytes()).hexdigest()))
    taken = {canonicalize_name(chosen.name) for chosen in others}
    closure = [
        package
        for package in distribution.closure(own)
        if package.name in own or (package.package_type != "package" and canonicalize_name(package.name) not in taken)
    ]
    return [*_fetched(closure, distribution), *others]


_STUB_BYTES: Final = 2048


def _parsed(path: Path) -> tuple[str, Version, object, object]:
    try:
        return parse_wheel_filename(path.name)
    except InvalidWheelFilename as error:
        raise UnitError(f"{path.name} is no wheel that can be used: {error}") from None


def _pip(wanted: Sequence[Requirement], wheels: Sequence[Path], distribution: Distribution, folder: Path) -> list[Path]:
    """The wheels that pip chooses, downloaded."""
    named = {canonicalize_name(one.name): one for one in wanted}
    pins = [
        f"{package.name}=={package.version}"
        for package in distribution.compiled
        if (asked := named.get(canonicalize_name(package.name))) is None or distribution.satisfies(asked)
    ]
    with tempfile.TemporaryDirectory(prefix="disio-resolve-") as scratch:
        stubs, constraints = Path(scratch) / "stubs", Path(scratch) / "constraints.txt"
        stubs.mkdir()
        distribution.write_stubs(stubs)
        constraints.write_text("\n".join(pins) + "\n")
        arguments = [
            *(*python_with_pip(), elsewhere.__file__, json.dumps(distribution.environment)),
            *("download", *_QUIET, "--dest", str(folder)),
            *("--platform", distribution.platform, "--python-version", distribution.python_version),
            *("--implementation", "cp", "--abi", f"cp{distribution.python_version.replace('.', '')}", "--abi", "abi3"),
            *("--abi", "none", "--only-binary", ":all:", "--find-links", str(stubs), "--constraint", str(constraints)),
            *map(str, wheels),
            *map(str, wanted),
        ]
        done = run_tool(arguments, "pip")
    if done.returncode != 0:
        raise UnitError(_reason(done.stderr, done.stdout, distribution))
    for name, version, extra in _EXTRA_MISSING.findall(done.stderr):
        if extra in named.get(canonicalize_name(name), Requirement(name)).extras:
            raise UnitError(
                f"{name} {version} has no extra {extra!r}, and is the newest that fits browsers: newer ones, or what "
                f"they need, have no wheel for {distribution.platform}. Depend on {name} without the extra, and on "
                "what you use of it"
            )
    return sorted(folder.glob("*.whl"))


def python_with_pip() -> list[str]:
    """The command that runs a Python that has pip: the one beside Disio, or else one that uv puts there for the moment.

    Raises:
        UnitError: there is neither, or the pip is too old.
    """
    found = installed_version("pip") if importlib.util.find_spec("pip") is not None else ""
    if found and Version(found) >= OLDEST_PIP:
        return [sys.executable, "-P"]
    uv = shutil.which("uv")
    if uv is not None:
        extra = f"pip>={OLDEST_PIP}"
        return [uv, "run", "--no-project", "--quiet", "--python", sys.executable, "--with", extra, "python", "-P"]
    upgrade = f"{sys.executable} -m pip install --upgrade pip"
    if found:
        there, todo = f"the pip here is {found} and there is no uv", upgrade
    else:
        there, todo = "neither is here", f"{sys.executable} -m ensurepip --upgrade, then {upgrade}"
    raise UnitError(
        f"packages are resolved with pip {OLDEST_PIP} or newer, or with uv; {there}: {todo} (or install uv)"
    )


def run_tool(arguments: Sequence[str], name: str) -> "subprocess.CompletedProcess[str]":
    """Run a packaging tool to its end.

    Raises:
        UnitError: it does not start, or does not end.
    """
    try:
        return subprocess.run(  # noqa: S603 - no shell, and arguments that pip and its kind are meant to judge
            arguments, capture_output=True, text=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnitError(f"{name} cannot be run: {error}") from None


def _reason(stderr: str, stdout: str, distribution: Distribution) -> str:
    """What pip said, without its advice and what is beside the point."""
    lines = [
        line.removeprefix("ERROR: ").strip().rstrip(".")
        for line in stderr.splitlines()
        if line.startswith(("ERROR: ", " "))
    ]
    kept = [line for line in dict.fromkeys(lines) if line and not line.startswith(_ADVICE)]
    _, _, causes = stdout.partition("The conflict is caused by:\n")
    kept += [line.strip() for line in causes.partition("\n\n")[0].splitlines()]
    said = "; ".join(_shortened(line) for line in kept[:8]) or stderr.strip()[-1000:] or "pip said nothing"
    pyodide, python = distribution.bundle.manifest.pyodide, distribution.python_version
    return (
        f"the dependencies cannot be met in browsers (Pyodide {pyodide}, Python {python}): {said}. "
        "A package is needed as a pure wheel (none-any), as one built for "
        f"cp{python.replace('.', '')}-{distribution.platform}, or in Pyodide's distribution, whose compiled packages "
        f"have the versions of its lock ({MIRROR} names a mirror of their files)"
    )


_EXTRA_MISSING: Final = re.compile(r"^WARNING: (\S+) (\S+) does not provide the extra '(.+)'$", re.MULTILINE)
"""pip goes back to ever older versions until one has all that it needs, and takes one without the extra at last."""
_ADVICE: Final = ("To fix this", "1. ", "2. ", "Location ", "ResolutionImpossible")


def _shortened(line: str) -> str:
    """Pip lists every version that there is."""
    start, marker, _ = line.partition(" (from versions: ")
    end = line.rpartition(")")[2] if marker else ""
    return start + end
