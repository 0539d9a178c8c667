"""Proves from what is on disk that nothing was lost, nothing counted twice, and nothing wrong accepted.

The rules are queries (``checks.sql``) that return what breaks them; the answers themselves are compared in Python.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

import aiosql

from disio.unit import codec
from tests.chaos.journal import Entry
from tests.chaos.work import Work

EXAMPLES: Final = 5
QUERIES: Final[Any] = aiosql.from_path(Path(__file__).with_name("checks.sql"), "sqlite3")
RULES: Final[Mapping[str, str]] = {
    "unsettled": "each payload has an accepted answer",
    "settled_twice": "no payload has two",
    "verdicts_without_result": "each verdict has its result",
    "verdicts_without_payload": "each verdict has its payload",
    "results_without_payload": "each result has its payload",
    "results_of_one_lease": "no lease was answered twice",
    "leases_left": "no lease is left of what is settled",
    "leases_used_again": "no lease was given twice",
    "counters": "the counters of tasks are those of their rows",
    "unfinished": "each task is finished",
    "gaps": "payloads are numbered without a gap",
    "votes_without_result": "each vote has its result",
    "votes_missing": "what asks for a quorum has its votes",
    "trusted": "nobody is believed outright",
    "uncompared": "no answer waits to be compared",
    "foreign_keys": "no row refers to one that there is not",
    "integrity": "the file is sound",
}
WRONG: Final = "each accepted answer is right, or within the stated error where answers are checked"
PAYLOADS: Final = "each payload is the one that was submitted"
COUNTED: Final = "each task has all its payloads"
REDUCED: Final = "each answer of reduce is right"
LOST: Final = "no acknowledged result is missing"
ELSEWHERE: Final = "no acknowledged result stands for another payload"
BROWSERS: Final = "results of real browsers"
LIES: Final = "lies told where answers are checked"
EMPTY: Final = "spools are empty"


@dataclass
class Findings:
    """What was checked, and what breaks it: examples, and how many there are."""

    broken: dict[str, list[str]] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)
    """Numbers worth knowing that break nothing."""

    def note(self, rule: str, where: str, rows: Iterable[Any]) -> None:
        """A rule was checked; ``rows`` break it."""
        found = iter(rows)
        examples = [f"{where}: {row}" for row in islice(found, EXAMPLES)]
        more = sum(1 for _ in found)
        if more:
            examples.append(f"{where}: and {more:,} more")
        self.broken.setdefault(rule, []).extend(examples)

    def count(self, fact: str, number: int) -> None:
        """Add to a number."""
        self.facts[fact] = self.facts.get(fact, 0) + number

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return not any(self.broken.values())


def check_manager(
    path: Path,
    works: Mapping[str, Work],
    journals: Iterable[Entry],
    findings: Findings,
    browsers: Collection[str] = (),
) -> None:
    """Check a manager's database; nobody may be using it.

    Args:
        path: the SQLite file.
        works: what was submitted, by task id.
        journals: what volunteers were told, of all managers.
        findings: where the outcome goes.
        browsers: volunteers that are real browsers.
    """
    with closing(sqlite3.connect(path)) as db:
        manager = QUERIES.manager_id(db)
        findings.count(BROWSERS, QUERIES.answered_by(db, volunteers=json.dumps(sorted(browsers))))
        findings.count("times that a liar was blacklisted", QUERIES.blacklisted(db))
        findings.count(LIES, QUERIES.lies(db))
        for query, rule in RULES.items():
            findings.note(rule, f"manager {manager}", _rows(db, query))
        for task, work in works.items():
            owner, _, number = task.partition("-")
            if owner == manager:
                _check_answers(db, int(number), task, work, findings)
        _check_journals(db, manager, journals, findings)


def _rows(db: sqlite3.Connection, query: str) -> Iterable[Any]:
    """What breaks a rule; a file in which it cannot even be asked for breaks it."""
    try:
        return list(getattr(QUERIES, query)(db))
    except sqlite3.DatabaseError as error:
        return [str(error)]


def _check_answers(db: sqlite3.Connection, number: int, task: str, work: Work, findings: Findings) -> None:
    wrong, other, seen = [], [], 0
    for index, payload, answer in QUERIES.accepted_answers(db, task=number):
        seen += 1
        if payload != codec.encode(work.payload(index)):
            other.append(index)
        if answer != codec.encode(work.expected(work.payload(index))):
            wrong.append(index)
    findings.count("accepted answers", seen)
    findings.note(PAYLOADS, task, other)
    findings.count("wrong answers, within the stated error", len(wrong) if len(wrong) <= work.most_wrong else 0)
    findings.note(WRONG, task, wrong if len(wrong) > work.most_wrong else [])
    findings.note(COUNTED, task, [] if seen == work.count else [f"{seen} of {work.count}"])
    if work.answer is not None:
        answer = QUERIES.answer(db, task=number)
        right = answer == codec.encode(work.answer)
        findings.note(REDUCED, task, [] if right else [f"not {work.answer}"])


def _check_journals(db: sqlite3.Connection, manager: str, journals: Iterable[Entry], findings: Findings) -> None:
    own: set[tuple[int, int, int]] = set()
    for entry in journals:
        owner, _, number = entry.task.partition("-")
        if owner == manager and entry.acknowledged:
            own.add((int(number), entry.lease, entry.payload))
    QUERIES.begin_acknowledged(db)
    rows = [{"task": task, "lease": lease, "idx": index} for task, lease, index in own]
    QUERIES.add_acknowledged(db, rows)
    findings.count("acknowledged results in journals", len(own))
    findings.count(
        "of those settled by somebody else before the spool was delivered", QUERIES.acknowledged_superfluous(db)
    )
    findings.note(LOST, f"manager {manager}", QUERIES.acknowledged_lost(db))
    findings.note(ELSEWHERE, f"manager {manager}", QUERIES.acknowledged_elsewhere(db))


def check_spool(path: Path, findings: Findings) -> None:
    """Check a distributor's spool; nobody may be using it."""
    with closing(sqlite3.connect(path)) as db:
        findings.note(EMPTY, path.parent.name, QUERIES.spooled(db))
