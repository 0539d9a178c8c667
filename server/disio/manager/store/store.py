"""The store: one connection that writes groups of rows, one that reads."""

import asyncio
import contextlib
import secrets
import sqlite3
from collections.abc import AsyncGenerator, Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self

import aiosqlite
import msgspec
import structlog

from disio.claim import claimed
from disio.manager.store.group import Clock, Group
from disio.manager.store.opening import connections, queries
from disio.manager.store.upkeep import Upkeep, transaction
from disio.task.ballot import NOBODY, Hands, Standing, VoteRow, VoterRow

LEASE_BLOCK: Final = 1_000_000
"""Lease ids are reserved in blocks, so that none is used twice though answered leases are deleted."""
RETRY_SECONDS: Final = (0.1, 5.0)
PAGE_BYTES: Final = 16 * 1024 * 1024

_log = structlog.get_logger("disio.store")


class Ballots(NamedTuple):
    """Stored votes, as :meth:`disio.task.jury.Jury.recall` takes them."""

    voters: list[VoterRow]
    votes: list[VoteRow]
    accepted: dict[int, tuple[bytes | None, int]]


class Store:
    """A manager's database. Use as an async context manager.

    Whoever changes something adds rows to ``group``; :meth:`commit` writes the group in one transaction, and
    ``committed`` tells when it is durable. A group that cannot be written (a full disk) is tried again
    until it can: nothing of it is lost, and nothing of it is told to anyone before.

    Raises:
        StoreError: on entering: the directory is in use, or the database cannot be used.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self.manager = ""
        """This manager's id."""
        self.last_task = 0
        """The number of the newest task that was ever submitted."""
        self.salt = b""
        """What distributors salt the names of networks with."""
        self.salted = 0.0
        """Since when (Unix seconds)."""
        self.group: Group
        self.trouble = ""
        """Why the database cannot be written at present; empty if it can."""
        self.retries = 0
        """How many times writing has failed."""
        self.upkeep: Upkeep
        self._stack = contextlib.AsyncExitStack()
        self._turn = asyncio.Lock()
        self._writer: aiosqlite.Connection
        self._reader: aiosqlite.Connection
        self._next_lease = self._lease_limit = 1
        self._clock = Clock()
        self._written: dict[int, asyncio.Event] = {}

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(claimed(self.data, "manager"))
            self._writer, self._reader = await stack.enter_async_context(connections(self.data))
            self.manager = await queries.get_meta(self._reader, key="manager")
            self._next_lease = self._lease_limit = await queries.get_meta(self._reader, key="leases")
            self.last_task = await queries.get_meta(self._reader, key="tasks")
            self.salt = await queries.get_meta(self._reader, key="salt") or b""
            self.salted = await queries.get_meta(self._reader, key="salted") or 0.0
            self.upkeep = Upkeep(self._writer, self._turn)
            self._clock = Clock(await queries.get_last_settled(self._reader) or 0)
            self.group = Group(clock=self._clock)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    # ---- writing -----------------------------------------------------------------------------

    def take_lease_ids(self, count: int) -> int:
        """The first of ``count`` consecutive lease ids that were never used; part of the present group."""
        first = self._next_lease
        self._next_lease += count
        if self._next_lease > self._lease_limit:
            self._lease_limit = self._next_lease + LEASE_BLOCK
            self.group.meta["leases"] = self._lease_limit
        return first

    def take_task_number(self) -> int:
        """The number of a new task; part of the present group."""
        self.last_task += 1
        self.group.meta["tasks"] = self.last_task
        return self.last_task

    def renew_salt(self, now: float) -> None:
        """From now on networks have other names, and nobody can tell which was which; part of the present group."""
        self.salt, self.salted = secrets.token_bytes(32), now
        self.group.meta |= {"salt": self.salt, "salted": now}

    @property
    def next_lease(self) -> int:
        """No lease id at or above this was ever given."""
        return self._next_lease

    async def commit(self) -> None:
        """Write the present group, and begin a new one. Returns when it is durable, however long that takes."""
        group, self.group = self.group, Group(clock=self._clock)
        pause, most = RETRY_SECONDS
        while not group.empty:
            try:
                await self._write(group)
                break
            except sqlite3.OperationalError as error:
                self._note(error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, most)
        if self.trouble:
            _log.info("the database can be written again", reason=self.trouble)
            self.trouble = ""
        group.done.set_result(None)
        for task in {*group.progress, *(row[0] for row in group.events)}:
            written = self._written.pop(task, None)
            if written is not None:
                written.set()

    def written(self, task: int) -> asyncio.Event:
        """Is set when something of a task has become durable after now."""
        return self._written.setdefault(task, asyncio.Event())

    async def _write(self, group: Group) -> None:
        async with self._turn, transaction(self._writer):
            for query, rows in group.statements():
                await getattr(queries, query)(self._writer, rows)

    def _note(self, error: sqlite3.OperationalError) -> None:
        self.retries += 1
        full = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
        reason = f"{error}; make room on the disk with {self.data}" if full else str(error)
        if reason != self.trouble:
            _log.error("the database cannot be written; nothing is acknowledged until it can", reason=reason)
        self.trouble = reason

    # ---- reading -----------------------------------------------------------------------------

    async def tasks(self) -> list[sqlite3.Row]:
        """All tasks, oldest first: the columns of ``tasks``, and ``has_answer``."""
        return [row async for row in queries.get_tasks(self._reader)]

    async def leases(self) -> list[tuple[int, int, int, str, int, float, float, int]]:
        """All leases without a result: id, task, index, volunteer, state, issued (Unix time), seconds, is_check."""
        return [tuple(row) async for row in queries.get_leases(self._reader)]

    async def open_payloads(self, task: int) -> list[int]:
        """Indexes of a task's payloads that are not settled, in order."""
        return [row[0] async for row in queries.get_open_payloads(self._reader, task=task)]

    async def undecided_failures(self, task: int) -> list[tuple[int, int, str]]:
        """Failures of payloads that are not settled, where the first answer is taken: index, lease, volunteer."""
        return [tuple(row) async for row in queries.get_undecided_failures(self._reader, task=task)]

    async def doubted(self, task: int) -> list[int]:
        """Settled payloads of which something was in memory, or that are to be judged anew."""
        return [row[0] async for row in queries.get_doubted(self._reader, task=task)]

    async def votes_of(self, task: int, volunteer: str, stint: int | None = None) -> list[int]:
        """Payloads that a volunteer voted on, in one stint, or in all and with those that rest on its states."""
        rows = queries.get_votes_of(self._reader, task=task, volunteer=volunteer, stint=stint)
        return [row[0] async for row in rows]

    async def uncompared(self, task: int) -> list[tuple[int, str, int, bytes]]:
        """Answers that are to be compared with others: lease, volunteer, index, bytes."""
        return [tuple(row) async for row in queries.get_uncompared(self._reader, task=task)]

    async def answer_bytes(self, leases: Sequence[int]) -> list[bytes]:
        """What was answered for these leases."""
        wanted = msgspec.json.encode(leases).decode()
        return [row[0] async for row in queries.get_answer_bytes(self._reader, leases=wanted)]

    async def verdict(self, task: int, index: int) -> sqlite3.Row | None:
        """What is decided about a payload: state and lease."""
        row: sqlite3.Row | None = await queries.get_verdict(self._reader, task=task, index=index)
        return row

    async def votes_for(self, task: int, index: int) -> list[sqlite3.Row]:
        """All votes for a payload, with standing, trusted, received and ms."""
        return [row async for row in queries.get_votes_for(self._reader, task=task, index=index)]

    async def answers_for(self, task: int, index: int) -> list[sqlite3.Row]:
        """Where the first answer is taken: lease, volunteer, outcome, received, ms of it and of failures."""
        return [row async for row in queries.get_answers_for(self._reader, task=task, index=index)]

    async def bad_voters(self, task: int) -> list[VoterRow]:
        """Volunteers of a task that are suspected, or blacklisted."""
        return [_voter(row) async for row in queries.get_bad_voters(self._reader, task=task)]

    async def voters(self, task: int, volunteers: Iterable[str]) -> list[VoterRow]:
        """What is stored of these volunteers."""
        wanted = msgspec.json.encode(sorted(set(volunteers))).decode()
        return [_voter(row) async for row in queries.get_voters(self._reader, task=task, volunteers=wanted)]

    async def ballots(self, task: int, indexes: Sequence[int]) -> Ballots:
        """Votes, voters and verdicts of begun payloads, and of all that their voters answered in the same stints.

        Among the voters are those on whose states votes rest.
        """
        wanted = msgspec.json.encode(indexes).decode()
        rows = [row async for row in queries.get_ballots(self._reader, task=task, indexes=wanted)]
        touches = await self.touches([row["lease"] for row in rows])
        votes = [
            VoteRow(
                payload=row["idx"],
                volunteer=row["volunteer"],
                digest=row["digest"],
                stint=row["stint"],
                position=row["position"],
                lease=row["lease"],
                network=row["network"],
                check=bool(row["is_check"]),
                rests_on=touches.get(row["lease"], NOBODY),
            )
            for row in rows
        ]
        accepted: dict[int, tuple[bytes | None, int]] = {}
        for row in rows:
            if row["lease"] == row["stands"]:
                accepted[row["idx"]] = row["digest"], row["stands"]
            else:
                accepted.setdefault(row["idx"], (None, 0))
        names = {vote.volunteer for vote in votes}.union(*touches.values())
        return Ballots(await self.voters(task, names), votes, accepted)

    async def touches(self, leases: Sequence[int]) -> dict[int, Hands]:
        """On whose work those of these leases go on that were given with a state, where answers are judged."""
        wanted = msgspec.json.encode(leases).decode()
        found: dict[int, set[str]] = {}
        async for lease, volunteer in queries.get_touches(self._reader, leases=wanted):
            found.setdefault(lease, set()).add(volunteer)
        return {lease: frozenset(names) for lease, names in found.items()}

    async def payloads(self, task: int, indexes: Sequence[int]) -> list[tuple[int, bytes]]:
        """Index and bytes of the first of these payloads, in this order; at most PAGE_BYTES (but at least one)."""
        wanted = msgspec.json.encode(indexes).decode()
        rows = queries.get_payloads(self._reader, task=task, indexes=wanted, bytes=PAGE_BYTES)
        return [(row[0], row[1]) async for row in rows]

    async def answered(self, leases: Sequence[int]) -> dict[int, tuple[int, str]]:
        """Those of these leases that have a result: their task and volunteer."""
        wanted = msgspec.json.encode(leases).decode()
        rows = queries.get_answered(self._reader, leases=wanted)
        return {row[0]: (row[1], row[2]) async for row in rows}

    async def begun(self, task: int) -> list[tuple[int, str, int]]:
        """The states of a task's payloads, oldest first: index, who kept it, with which lease."""
        return [tuple(row) async for row in queries.get_begun(self._reader, task=task)]

    async def checkpoint(self, task: int, index: int, keeper: str) -> bytes | None:
        """The last state that a volunteer kept of a payload."""
        data: bytes | None = await queries.get_checkpoint(self._reader, task=task, idx=index, volunteer=keeper)
        return data

    async def events(self, task: int, after: int) -> list[sqlite3.Row]:
        """What a task's units told after a moment: at, idx, volunteer, data."""
        return [row async for row in queries.get_events(self._reader, task=task, after=after)]

    async def file(self, sha256: str) -> bytes | None:
        """A unit's source, if it is here."""
        data: bytes | None = await queries.get_file(self._reader, sha256=sha256)
        return data

    async def files_in_use(self) -> set[str]:
        """The hashes of all files that tasks' kits name."""
        return {row[0] async for row in queries.get_files_in_use(self._reader)}

    async def answer(self, task: int) -> bytes | None:
        """What a task's ``reduce`` returned, if it has."""
        data: bytes | None = await queries.get_answer(self._reader, task=task)
        return data

    async def results(self, task: int, after: int, limit: int) -> list[sqlite3.Row]:
        """Accepted results after an index: idx, payload, answer, ms, volunteer, log, settled, votes."""
        rows = queries.get_results(self._reader, task=task, after=after, limit=limit, bytes=PAGE_BYTES)
        return [row async for row in rows]

    async def outcomes(
        self, task: int, by: Literal["index", "settled"], after: int, limit: int, *, payloads: bool
    ) -> list[sqlite3.Row]:
        """Settled payloads after an index, or after a time of settling, in that order; about PAGE_BYTES at most.

        Columns: idx, settled, state, data, payload (empty unless asked for), ms, volunteer, log, votes.
        """
        read = queries.get_outcomes_by_index if by == "index" else queries.get_outcomes_by_settled
        rows = read(self._reader, task=task, after=after, limit=limit, bytes=PAGE_BYTES, payloads=payloads)
        return [row async for row in rows]

    async def more_results(self, task: int, after: int) -> bool:
        """Whether there are accepted results after an index."""
        return bool(await queries.has_results_after(self._reader, task=task, after=after))

    async def more_failures(self, task: int, after: int) -> bool:
        """Whether there are payloads set aside after an index."""
        return bool(await queries.has_failures_after(self._reader, task=task, after=after))

    async def all_results(self, task: int) -> AsyncGenerator[bytes, None]:
        """All accepted answers of a task, in order of index, read as they are asked for."""
        after = -1
        while rows := await self.results(task, after, 1000):
            for row in rows:
                yield row["answer"]
            after = rows[-1]["idx"]

    async def failures(self, task: int, after: int, limit: int) -> list[tuple[sqlite3.Row, list[tuple[str, str]]]]:
        """Payloads set aside after an index: idx, payload, failure, log; and in which volunteers and browsers."""
        rows = [r async for r in queries.get_failures(self._reader, task=task, after=after, limit=limit)]
        failed: dict[int, list[tuple[str, str]]] = {row["idx"]: [] for row in rows}
        wanted = msgspec.json.encode(list(failed)).decode()
        async for index, *where in queries.get_failed_volunteers(self._reader, task=task, indexes=wanted):
            failed[index].append((where[0], where[1] or ""))
        return [(row, failed[row["idx"]]) for row in rows]


def _voter(row: sqlite3.Row) -> VoterRow:
    volunteer, network, trusted, standing, picky_from, faults = row
    return VoterRow(volunteer, network, bool(trusted), Standing(standing), picky_from, faults)
