"""Who may use the dashboard: researchers, each by a token of their own, of which only a hash is kept."""

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import Annotated, Final

import msgspec
import platformdirs
from msgspec import Meta, Struct

from disio.errors import NotFoundError, UsageError

PREFIX: Final = "disio_"
"""How tokens begin, so that people and scanners of secrets see what one is."""


class Researcher(Struct, frozen=True, forbid_unknown_fields=True):
    """One token: whose, the sha256 of it in hexadecimal, and since when (Unix seconds)."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    created: float


class Researchers:
    """The tokens in a file, which is read again whenever it has changed: what is revoked is so at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None
        self._known: list[Researcher] = []

    def who(self, token: str) -> str | None:
        """The name of the researcher who has this token; None if nobody has."""
        wanted = _hash(token)
        found = None
        for researcher in self._read():
            # All are compared, each in constant time: how long it takes says nothing.
            if hmac.compare_digest(researcher.sha256, wanted):
                found = researcher.name
        return found

    def names(self) -> list[str]:
        """All researchers who have a token."""
        return [researcher.name for researcher in self._read()]

    def add(self, name: str) -> str:
        """Give a researcher a token (a former one of the same name is void); returns it: it is kept nowhere.

        Raises:
            UsageError: the name cannot be used, or the file cannot be read or written.
        """
        if not name.strip() or not name.isprintable() or len(name) > 100:
            raise UsageError("a researcher's name is one line of at most 100 characters")
        token = PREFIX + secrets.token_urlsafe(32)
        others = [one for one in self._read() if one.name != name]
        self._write([*others, Researcher(name, _hash(token), time.time())])
        return token

    def revoke(self, name: str) -> None:
        """Make a researcher's token void, at once.

        Raises:
            NotFoundError: nobody of this name has one.
        """
        left = [one for one in self._read() if one.name != name]
        if len(left) == len(self._known):
            known = ", ".join(self.names()) or "nobody"
            raise NotFoundError(f"{name} has no token; there are tokens of {known}")
        self._write(left)

    def _read(self) -> list[Researcher]:
        try:
            status = self.path.stat()
            seen = status.st_mtime_ns, status.st_ino
            if seen != self._seen:
                self._known = msgspec.json.decode(self.path.read_bytes(), type=list[Researcher])
                self._seen = seen
        except FileNotFoundError:
            self._known, self._seen = [], None
        except (OSError, msgspec.DecodeError) as error:
            self._known, self._seen = [], None
            raise UsageError(f"the researchers' file {self.path} cannot be read: {error}") from None
        return self._known

    def _write(self, researchers: list[Researcher]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # A new file (of mode 0600) in its place: who reads meanwhile sees the old one or the new one.
            number, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(msgspec.json.format(msgspec.json.encode(researchers)) + b"\n")
                Path(name).replace(self.path)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(name).unlink()
                raise
        except OSError as error:
            raise UsageError(f"the researchers' file {self.path} cannot be written: {error.strerror}") from None


def default_path() -> Path:
    """Where researchers' tokens are kept if nothing else is said."""
    return platformdirs.user_data_path("disio") / "researchers.json"


def _hash(token: str) -> str:
    # The tokens are random and long: no salt and no slow hash is needed to keep them from being guessed.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
