"""Keys of an operator's own volunteers: a volunteer says its key in ``hello``; distributors know hashes of keys.

A file of known keys has a line ``NAME SHA256`` for each; what it holds lets nobody in.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from disio.errors import UsageError
from disio.task.credibility import KEY_NAME

LOOPBACK: Final = "loopback"
"""The name that stands for volunteers on the distributor's own machine, where these are trusted."""
_TAKEN: Final = (LOOPBACK, "none")  # `disio submit --trust none` trusts nobody
_KEY: Final = re.compile(r"[0-9a-f]{64}")


def create(name: str, file: Path, known: Path) -> None:
    """Make a key: the secret into ``file``, which must not exist yet, its hash into a line of ``known``.

    Raises:
        UsageError: the name cannot be used, or a file cannot be written.
    """
    if not KEY_NAME.fullmatch(name) or name in _TAKEN:
        taken = " and ".join(map(repr, _TAKEN))
        raise UsageError(f"{name!r} cannot name a key; take letters, digits, dots and dashes ({taken} are taken)")
    if known.exists() and name in read_known(known).values():
        raise UsageError(f"{known} has a key of the name {name} already; choose another name")
    key = secrets.token_hex(32)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(key + "\n")
        with known.open("a") as out:
            out.write(f"{name} {hash_of(key)}\n")
    except FileExistsError:
        raise UsageError(f"{file} exists already; a key is never written over") from None
    except OSError as error:
        raise UsageError(f"{error.filename or file} cannot be written: {error.strerror}") from None


def read_key(file: Path) -> str:
    """The key in a file.

    Raises:
        UsageError: there is none.
    """
    key = _read(file).strip()
    if not _KEY.fullmatch(key):
        raise UsageError(f"{file} holds no volunteer's key; `disio keys volunteer NAME` makes one")
    return key


def read_known(file: Path) -> dict[str, str]:
    """The names of known keys by their hashes.

    Raises:
        UsageError: a line is no name and hash, or two are of the same name.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(_read(file).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, digest = line.strip().partition(" ")
        if not KEY_NAME.fullmatch(name) or name in _TAKEN or not _KEY.fullmatch(digest.strip()):
            raise UsageError(f"{file}, line {number}: write NAME SHA256, as `disio keys volunteer` does")
        if name in found.values():
            raise UsageError(f"{file}, line {number}: there is a key of the name {name} already")
        found[digest.strip()] = name
    return found


def name_of(key: str, known: Mapping[str, str]) -> str:
    """The name of a key that a volunteer presents; "" if it is not known."""
    return known.get(hash_of(key), "") if key else ""


def hash_of(key: str) -> str:
    """What distributors know of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from None
