"""Puts a kit's files with the manager that a task will be submitted to; what is there already is not sent again.

Without I/O of its own: :func:`puts` says which requests to send, and is told their answers.
"""

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from disio.client import core
from disio.errors import AlteredError, UsageError
from disio.wire import api

PIECE_BYTES: Final = 8 * 1024 * 1024


class Request(NamedTuple):
    """A request to the dashboard; its answer's body is to be sent back."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes


def puts(files: Mapping[str, Path], manager: str) -> Generator[Request, bytes, str]:
    """The requests that put files where a task will be submitted.

    Args:
        files: paths by sha256.
        manager: which one; the least busy one if empty.

    Returns:
        The manager that has the files: submit the task to it.

    Raises:
        UsageError: a file cannot be read.
        AlteredError: a file was changed while it was sent.
    """
    if not files:
        return manager
    wanted = api.encode({"files": list(files), "manager": manager})
    state = core.parse((yield Request("POST", "/api/files", {}, wanted)), api.FilesState)
    for sha256, path in files.items():
        yield from _put(sha256, path, state.manager, state.received[sha256])
    return state.manager


def _put(sha256: str, path: Path, manager: str, received: int) -> Generator[Request, bytes, None]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            while received < size or (size == 0 and received == 0):
                file.seek(received)
                query = core.query(size=size, offset=received, manager=manager)
                piece = Request("PUT", f"/api/files/{sha256}", query, file.read(PIECE_BYTES))
                before, received = received, core.parse((yield piece), api.FilesState).received[sha256]
                if size == 0:
                    return
                if received == before:
                    raise AlteredError(f"{path} was changed while it was sent; submit again")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
