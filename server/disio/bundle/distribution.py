"""Pyodide's own distribution of packages: named by its lock file, fetched from a mirror or the CDN, hashes checked."""

import hashlib
import os
import zipfile
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from disio.bundle.manifest import DISTRIBUTION, Bundle
from disio.errors import AlteredError, BundleError, UsageError

MIRROR: Final = "DISIO_PACKAGE_MIRROR"
"""Environment variable: a folder or an http(s) address with the distribution's files, asked before the CDN."""
CDN: Final = "https://cdn.jsdelivr.net/pyodide/v{version}/full"
_SECONDS: Final = 60.0


class Locked(msgspec.Struct, frozen=True, kw_only=True):
    """One package of the distribution, as its lock file has it."""

    name: str
    version: str
    file_name: str
    sha256: str
    package_type: str = "package"
    install_dir: str = "site"
    depends: list[str] = []
    imports: list[str] = []

    @property
    def pure(self) -> bool:
        """Whether it is a wheel without compiled code."""
        return self.file_name.endswith("-none-any.whl")


class _Lock(msgspec.Struct):
    info: dict[str, str]
    packages: dict[str, Locked]


class Distribution:
    """The packages that belong to a bundle's Pyodide.

    Args:
        bundle: the bundle.
        cache: the folder in which fetched files are kept.

    Raises:
        BundleError: the bundle has no list of packages.
    """

    def __init__(self, bundle: Bundle, cache: Path) -> None:
        file = bundle.files.get(DISTRIBUTION)
        if file is None:
            raise BundleError("The bundle has no list of Pyodide's packages. Build it anew with: disio bundle build")
        self.bundle = bundle
        self._cache = cache
        self._lock = msgspec.json.decode(file.path.read_bytes(), type=_Lock)
        self._by_name = {canonicalize_name(package.name): package for package in self._lock.packages.values()}

    @property
    def info(self) -> dict[str, str]:
        """What the lock file says of the distribution as a whole: ABI, platform, Python."""
        return self._lock.info

    @cached_property
    def platform(self) -> str:
        """The platform tag of compiled wheels."""
        return f"pyemscripten_{self.info['abi_version']}_{self.info['arch']}"

    @cached_property
    def environment(self) -> dict[str, str]:
        """What markers in requirements (PEP 508) are compared with."""
        python = self.bundle.manifest.python
        return {
            "implementation_name": "cpython",
            "implementation_version": python,
            "os_name": "posix",
            "platform_machine": self.info["arch"],
            "platform_python_implementation": "CPython",
            "platform_release": self.info["platform"].partition("_")[2].replace("_", "."),
            "platform_system": "Emscripten",
            "platform_version": "",
            "python_full_version": python,
            "python_version": ".".join(python.split(".")[:2]),
            "sys_platform": "emscripten",
            "extra": "",
        }

    @property
    def python_version(self) -> str:
        """Python's version like 3.14."""
        return self.environment["python_version"]

    def find(self, name: str) -> Locked | None:
        """A package by its name, however it is written."""
        return self._by_name.get(canonicalize_name(name))

    @property
    def compiled(self) -> list[Locked]:
        """Its packages with compiled code."""
        return [
            package for package in self._by_name.values() if package.file_name.endswith(".whl") and not package.pure
        ]

    def satisfies(self, requirement: Requirement) -> bool:
        """Whether a requirement is met by the distribution's own version."""
        package = self.find(requirement.name)
        return (
            package is not None
            and not requirement.url
            and requirement.specifier.contains(package.version, prereleases=True)
        )

    def closure(self, names: Iterable[str]) -> list[Locked]:
        """Packages with all that they depend on, each after those that it needs."""
        ordered: dict[str, Locked] = {}

        def add(name: str) -> None:
            package = self.find(name)
            if package is None or package.name in ordered:
                return
            for dependency in package.depends:
                add(dependency)
            ordered.setdefault(package.name, package)

        for name in names:
            add(name)
        return list(ordered.values())

    def fetch(self, package: Locked) -> Path:
        """A package's file, from the cache, the mirror or the CDN.

        Raises:
            AlteredError: what the mirror or the CDN has is not what the lock file says.
            BundleError: it can be had from nowhere.
        """
        kept = self._cache / package.sha256 / package.file_name
        if kept.is_file() and hashlib.sha256(kept.read_bytes()).hexdigest() == package.sha256:
            return kept
        mirror = os.environ.get(MIRROR, "")
        places = [mirror] if mirror else []
        places.append(CDN.format(version=self.bundle.manifest.pyodide))
        missing = []
        for place in places:
            data = _read(place, package.file_name)
            if isinstance(data, str):
                missing.append(data)
                continue
            if hashlib.sha256(data).hexdigest() != package.sha256:
                raise AlteredError(
                    f"{package.file_name} from {place} is not Pyodide's {package.name} {package.version}: its hash is "
                    f"another; mend that mirror, or set {MIRROR} to another one"
                )
            _write(kept, data)
            return kept
        raise BundleError(
            f"{package.name} {package.version} of Pyodide's distribution cannot be had: {'; '.join(missing)}. "
            f"Set {MIRROR} to a folder or an address that has {package.file_name}; or, if the package index has "
            f"another version for browsers, ask for that one, such as '{package.name}>{package.version}'"
        )

    def write_stubs(self, folder: Path) -> None:
        """For a resolver: wheels that have the names and needs of the compiled packages, and nothing else."""
        for package in self.compiled:
            path = folder / package.file_name
            stem = f"{'-'.join(package.file_name.split('-')[:2])}.dist-info"
            needs = [need for need in package.depends if (self.find(need) or package).package_type == "package"]
            metadata = ["Metadata-Version: 2.1", f"Name: {package.name}", f"Version: {package.version}"]
            metadata += [f"Requires-Dist: {need}" for need in needs]
            tag = package.file_name.removesuffix(".whl").split("-", 2)[2]
            with zipfile.ZipFile(path, "w") as wheel:
                wheel.writestr(f"{stem}/METADATA", "\n".join(metadata) + "\n")
                wheel.writestr(f"{stem}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
                wheel.writestr(f"{stem}/RECORD", "")


def _read(place: str, name: str) -> bytes | str:
    """A file's bytes, or why it cannot be had."""
    if place.startswith(("http://", "https://")):
        try:
            return (
                httpx.get(f"{place.rstrip('/')}/{name}", follow_redirects=True, timeout=_SECONDS)
                .raise_for_status()
                .content
            )
        except httpx.HTTPError as error:
            return f"{place}: {error or type(error).__name__}"
    folder = Path(place).expanduser()
    if not folder.is_dir():
        raise UsageError(f"{MIRROR} is {place!r}, which is neither a folder nor an http(s) address")
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        return f"{folder / name}: {error.strerror}"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)


def as_locked(package: Locked) -> dict[str, Any]:
    """A package as a lock file writes it."""
    return {**msgspec.to_builtins(package), "unvendored_tests": False}
