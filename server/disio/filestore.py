"""Files named by their sha256, in a folder: ``ab/SHA256``. What lies there is whole, and is what its name says.

A file that is still coming lies beside as ``SHA256.part``; it takes its name in one rename, once its hash was
checked and its bytes are on the disk. All calls are blocking: call them in a thread.
"""

import errno
import hashlib
import os
import re
import time
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Final

from disio.errors import AlteredError, StoreError

CHUNK_BYTES: Final = 1024 * 1024
"""Files travel in pieces of this size."""
NAME: Final = re.compile(r"[0-9a-f]{64}")
_PART: Final = ".part"
_GONE: Final = ".gone"


class FileStore:
    """A folder of files named by content.

    Args:
        folder: where they lie; made when the first one comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path | None:
        """Where a file lies; None if it is not here."""
        if not NAME.fullmatch(sha256):
            return None
        path = self._path(sha256)
        return path if path.is_file() else None

    def received(self, sha256: str) -> int:
        """How many bytes of a file are here, whole or in part. What is asked for is not collected for a while."""
        for path in (self._path(sha256), self._part(sha256)):
            try:
                os.utime(path)
                return path.stat().st_size
            except FileNotFoundError:
                continue
        return 0

    def put(self, sha256: str, size: int, offset: int, data: bytes) -> int:
        """Add a piece of a file that has ``size`` bytes.

        A piece that does not begin where the last one ended is not taken. With the last one, the file is whole.

        Returns:
            How many bytes are here now.

        Raises:
            AlteredError: the whole is not what its name says, or the piece goes beyond its end; nothing of it stays.
            StoreError: it cannot be written.
        """
        if self.path(sha256) is not None:
            return size
        part = self._part(sha256)
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            with part.open("ab") as file:
                if file.tell() != offset:
                    return file.tell()
                file.write(data)
                end = file.tell()
                if end >= size:
                    file.flush()
                    os.fsync(file.fileno())
            if end >= size:
                self._finish(sha256, part, size)
        except OSError as error:
            room = "; make room on the disk" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            raise StoreError(f"the file cannot be kept in {self.folder}: {error.strerror}{room}") from None
        return end

    def read(self, sha256: str, offset: int, length: int = CHUNK_BYTES) -> tuple[int, bytes] | None:
        """A piece of a file, and the size of the whole; None if it is not here."""
        path = self.path(sha256)
        if path is None:
            return None
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(min(offset, size))
            return size, file.read(length)

    def add(self, source: Path, sha256: str) -> None:
        """Copy a file in.

        Raises:
            AlteredError: it is not what its name says.
            StoreError: it cannot be written.
        """
        size = source.stat().st_size
        offset = 0
        with source.open("rb") as file:
            while self.path(sha256) is None:
                piece = file.read(CHUNK_BYTES)
                self.put(sha256, size, offset, piece)
                offset += len(piece)

    def names(self) -> Iterator[str]:
        """The hashes of all whole files."""
        return (path.name for path in self.folder.glob("??/*") if NAME.fullmatch(path.name))

    def size(self) -> int:
        """Bytes of everything that is here."""
        return sum(path.stat().st_size for path in self._files())

    def collect(self, used: set[str], *, spare_seconds: float) -> int:
        """Delete what is not used and was not touched for so long. Returns how many files went."""
        before = time.time() - spare_seconds
        gone = 0
        for path in list(self._files()):
            if path.name not in used and path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
                gone += 1
        return gone

    def take_out(self, sha256: str) -> Path | None:
        """Have a file gone from here at once; None if it was not here. Where it lies now it is to be deleted."""
        path = self.path(sha256)
        return None if path is None else path.replace(path.with_name(sha256 + _GONE))

    def shrink(self, limit: int) -> None:
        """Delete the files that were asked for longest ago until all have at most ``limit`` bytes together."""
        files = sorted(((path.stat(), path) for path in self._files()), key=lambda known: known[0].st_mtime)
        size = sum(stat.st_size for stat, _ in files)
        for stat, path in files[:-1]:
            if size <= limit:
                return
            path.unlink(missing_ok=True)
            size -= stat.st_size

    def _files(self) -> Iterator[Path]:
        return (path for path in self.folder.glob("??/*") if path.is_file())

    def _path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256

    def _part(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / (sha256 + _PART)

    def _finish(self, sha256: str, part: Path, size: int) -> None:
        with part.open("rb") as file:
            fits = os.fstat(file.fileno()).st_size == size and digest_of(file) == sha256
        if not fits:
            part.unlink()
            raise AlteredError(f"a file arrived altered: it is not {sha256}; send it again")
        part.replace(self._path(sha256))
        folder = os.open(part.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def digest_of(file: BufferedReader) -> str:
    """The sha256 of a file's content, in hexadecimal."""
    return hashlib.file_digest(file, "sha256").hexdigest()
