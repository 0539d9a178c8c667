"""Pyodide's core files of the pinned version: from npm's folder, or from the public CDN, hashes checked either way."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import httpx
import msgspec
from pyodide_lock import PyodideLockSpec

from disio.errors import BundleError

CDN = "https://cdn.jsdelivr.net/npm/pyodide@{version}"
"""The npm package's files, one by one: the same bytes, so the same hashes."""

LOCK_FILE = "pyodide-lock.json"


class _Lock(msgspec.Struct):
    info: dict[str, str]
    packages: dict[str, Any]


class _Package(msgspec.Struct):
    dependencies: dict[str, str]


def pinned_version(sources: Path) -> str:
    """The version in ``package.json``, which is the only place where it is written.

    Raises:
        BundleError: the file cannot be read, or pins no exact version.
    """
    path = sources / "package.json"
    try:
        version = msgspec.json.decode(path.read_bytes(), type=_Package).dependencies["pyodide"]
    except (OSError, msgspec.MsgspecError, KeyError) as error:
        raise BundleError(
            f"{path} does not say which Pyodide to use ({error}). Restore it with: git checkout {path}"
        ) from None
    if not (version[:1].isdigit() and version.replace(".", "").isalnum()):
        raise BundleError(
            f'{path} asks for pyodide "{version}"; write one exact version there, without ^, ~ or ranges.'
        )
    return version


def core_hashes(sources: Path) -> dict[str, str]:
    """The names of the core files and their sha256, from ``core.sha256`` (the format of ``sha256sum``)."""
    lines = (sources / "core.sha256").read_text().splitlines()
    return {name: sha256 for sha256, name in (line.split(maxsplit=1) for line in lines)}


def core_folder(sources: Path, cache: Path, cdn: str = CDN) -> Path:
    """A folder with Pyodide's core files, their hashes checked.

    Args:
        sources: ``pyodide_bundle``; its ``node_modules`` is used if npm has filled it.
        cache: where files downloaded from the CDN are kept.
        cdn: address of the package's files; ``{version}`` stands for the version.

    Raises:
        BundleError: files are altered, or can be had from nowhere.
    """
    version, hashes = pinned_version(sources), core_hashes(sources)
    installed = sources / "node_modules" / "pyodide"
    if (installed / "package.json").is_file():
        wrong = [name for name, sha256 in hashes.items() if _sha256(installed / name) != sha256]
        if wrong:
            raise BundleError(
                f"{', '.join(wrong)} in {installed} is not Pyodide {version}'s. "
                f"Install it anew with: npm ci --prefix {sources}"
            )
        return installed
    folder = cache / version
    for name, sha256 in hashes.items():
        if _sha256(folder / name) != sha256:
            _download(f"{cdn.format(version=version)}/{name}", folder / name, sha256)
    return folder


def write_core(core: Path, names: list[str], folder: Path) -> str:
    """Copies the named core files into ``folder``; the lock file keeps no package that the bundle does not serve.

    Returns:
        The version of Python that the lock file is for.
    """
    for name in names:
        shutil.copyfile(core / name, folder / name)
    lock = msgspec.json.decode((core / LOCK_FILE).read_bytes(), type=_Lock)
    # pyodide-lock 0.1, which is what Python 3.11 gets, wants the version that newer lock files leave out.
    lock.info.setdefault("version", "0.0.0")
    lock.packages = {}
    (folder / LOCK_FILE).write_bytes(msgspec.json.encode(lock))
    return str(PyodideLockSpec.from_json(folder / LOCK_FILE).info.python)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _download(url: str, path: Path, sha256: str) -> None:
    try:
        response = httpx.get(url, follow_redirects=True, timeout=60.0).raise_for_status()
    except httpx.HTTPError as error:
        raise BundleError(
            f"Pyodide cannot be downloaded: {url}: {error}. "
            "Check the network, or install npm and run: npm ci --prefix pyodide_bundle"
        ) from None
    if hashlib.sha256(response.content).hexdigest() != sha256:
        raise BundleError(
            f"{url} is not what core.sha256 says: the download is altered or incomplete. Try again, or use npm."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(response.content)
    part.replace(path)
