"""A manager's database looked at for what does not fit together, and copied."""

import contextlib
import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import aiosql
import msgspec

from disio import sqlite
from disio.checkup import Finding, Kind, Level
from disio.errors import StoreError
from disio.figures import counted
from disio.filestore import FileStore
from disio.manager.store.opening import APPLICATION_ID, DATABASE, SCHEMAS
from disio.task.ballot import answer_digest
from disio.wire.kit import Kit

FOLDER: Final = "files"
"""Where packages and data of tasks lie in the data directory."""
_REPORT: Final = "keep a copy by `disio backup`, and report this: it is a bug in Disio"

_queries: Any = aiosql.from_path(Path(__file__).parent / "checkup.sql", "sqlite3")


def _look(connection: sqlite3.Connection, directory: Path) -> Iterator[Finding]:
    wrong = list(_mismatches(connection))
    yield from wrong
    if not wrong:
        yield Finding(Level.GOOD, "tasks, payloads, leases, results and verdicts fit together")
    states = ", ".join(f"{count:,} {state}" for state, count in _queries.get_states(connection)) or "none yet"
    yield Finding(Level.GOOD, f"tasks of manager {_queries.get_manager(connection)}: {states}")

    yield from _files(connection, directory)


def _files(connection: sqlite3.Connection, directory: Path) -> Iterator[Finding]:
    kept, wrong, whole = FileStore(directory / FOLDER), 0, 0
    for sha256 in sorted(_named(connection)):
        path = kept.path(sha256)
        if path is None or _hash_of(path) != sha256:
            wrong += 1
            yield Finding(
                Level.WRONG,
                f"the file {sha256} that tasks need is {'missing' if path is None else 'altered'}",
                "copy it from a backup; or delete it, and submit a task that names it again, which brings it back",
            )
        else:
            whole += 1
    if whole and not wrong:
        yield Finding(Level.GOOD, f"all files of packages and data that tasks need are whole ({whole:,})")


def _named(connection: sqlite3.Connection) -> set[str]:
    return {sha256 for (kit,) in _queries.get_kits(connection) for sha256 in msgspec.json.decode(kit, type=Kit).sizes()}


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _mismatches(connection: sqlite3.Connection) -> Iterator[Finding]:
    for rows, count in _queries.get_unowned(connection):
        if count:
            yield Finding(Level.WRONG, f"{count:,} {rows} belong to tasks that are not there", _REPORT)
    for count, what in (
        (_queries.count_results_without_payload(connection), "results are of payloads that are not there"),
        (_queries.count_unfounded_verdicts(connection), "settled payloads rest on no result of theirs"),
        (_queries.count_idle_leases(connection), "leases are of payloads that need none any more"),
        (_queries.count_stale_checkpoints(connection), "states are of payloads that need none any more"),
        (_queries.count_leases_to_come(connection), "leases have numbers that could be given once more"),
    ):
        if count:
            yield Finding(Level.WRONG, f"{count:,} {what}", _REPORT)
    altered = sum(answer_digest(data) != digest for data, digest in _queries.get_voted(connection))
    if altered:
        yield Finding(
            Level.WRONG,
            f"{counted(altered, 'answer is', 'answers are')} not what was voted for: the file was altered",
            "start with a copy by `disio backup` that is older than that, or compute these tasks anew",
        )
    for number, _state, stored, accepted, failed, *found in _queries.get_counts(connection):
        for name, said, there in zip(
            ("payloads", "accepted", "failed"), (stored, accepted, failed), found, strict=True
        ):
            if said != there:
                yield Finding(
                    Level.WRONG, f"task {number} counts {said:,} {name}, but there are {there:,} rows of them", _REPORT
                )


MANAGER: Final = Kind("manager", DATABASE, APPLICATION_ID, len(SCHEMAS), _look)


def back_up(directory: Path, target: Path, on_progress: Callable[[int, int], None]) -> None:
    """Copy a manager's database and files, running or not, into another directory that a manager can be started with.

    Raises:
        StoreError: it cannot be copied.
    """
    sqlite.copy(directory / DATABASE, target / DATABASE, on_progress)
    with contextlib.closing(sqlite3.connect(target / DATABASE)) as copied:
        _queries.set_copy_apart(copied)
        named = _named(copied)
    source = FileStore(directory / FOLDER)
    for sha256 in sorted(named):
        path = source.path(sha256)
        if path is None or _hash_of(path) != sha256:
            raise StoreError(
                f"the database is copied to {target}, but the file {sha256} that its tasks need is missing or altered "
                f"in {directory}; `disio doctor` says more about it"
            )
        copy = target / path.relative_to(directory)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
