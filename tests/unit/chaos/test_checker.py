"""The checker finds what it is there to find: each rule is broken in a copy of a sound database of a real manager."""

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import aiosql
import pytest
import pytest_asyncio

from disio.distributor.spool import Spool
from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer
from disio.unit import codec
from tests.chaos import checker
from tests.chaos.checker import RULES, Findings, check_manager, check_spool
from tests.chaos.journal import Entry
from tests.chaos.work import Work, make_work

PLANTED: Any = aiosql.from_path(Path(__file__).with_name("planted.sql"), "sqlite3")
PAYLOADS = 200


class Sound:
    """A database in which everything holds, what was submitted, and what its volunteer was told."""

    def __init__(self, path: Path, works: Mapping[str, Work]) -> None:
        self.path = path
        self.works = works
        with closing(sqlite3.connect(path)) as db:
            manager = checker.QUERIES.manager_id(db)
            self.journal = [Entry(True, f"{manager}-{row[0]}", row[1], row[2]) for row in PLANTED.results(db)]

    @contextmanager
    def broken(self) -> Iterator[sqlite3.Connection]:
        """To break something."""
        with closing(sqlite3.connect(self.path)) as db:
            yield db
            db.commit()

    def check(self) -> Findings:
        """What the checker finds."""
        findings = Findings()
        check_manager(self.path, self.works, self.journal, findings)
        return findings


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def computed(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """A real manager's database after some tasks."""
    folder = tmp_path_factory.mktemp("grid")
    async with Grid(folder, trust_loopback=False, distributor_options=("--network-prefix", "off")) as grid:
        works = {}
        for work in make_work(PAYLOADS):
            works[(await grid.client.submit(work.path, work.params)).id] = work
        running = asyncio.gather(*(PythonVolunteer(grid.url, window=20).run() for _ in range(5)))
        for task in works:
            await grid.client.wait(task, timeout=60)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await grid.managers[0].stop()
    return Sound(folder / "manager-0" / "manager.sqlite3", works)


@pytest.fixture
def sound(computed: Sound, tmp_path: Path) -> Sound:
    """A copy of it, to be broken."""
    path = tmp_path / "manager.sqlite3"
    shutil.copy(computed.path, path)
    return Sound(path, computed.works)


def test_sound(sound: Sound) -> None:
    """Nothing is found where nothing is wrong, and everything was looked at."""
    findings = sound.check()
    assert findings.ok, findings.broken
    assert set(RULES.values()) < findings.broken.keys()
    assert findings.facts["accepted answers"] == PAYLOADS
    assert findings.facts["acknowledged results in journals"] == len(sound.journal) >= PAYLOADS


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "integrity"])
def test_each_rule_can_be_broken(sound: Sound, rule: str) -> None:
    """What breaks a rule is found by that rule."""
    with sound.broken() as db:
        getattr(PLANTED, rule)(db)
    assert sound.check().broken[RULES[rule]]


def test_a_damaged_file(sound: Sound) -> None:
    """An index that was written over is found: the rules that need it, or SQLite's own check, break."""
    with closing(sqlite3.connect(sound.path)) as db:
        page, size = PLANTED.page_of_index(db), PLANTED.page_size(db)
    with sound.path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    assert sound.check().broken[RULES["integrity"]]


@pytest.mark.parametrize(
    ("planted", "rule"),
    [
        ("wrong_answer", checker.WRONG),
        ("other_payload", checker.PAYLOADS),
        ("wrong_reduce", checker.REDUCED),
    ],
)
def test_wrong_values(sound: Sound, planted: str, rule: str) -> None:
    """A wrong answer, another payload, a wrong sum are found."""
    with sound.broken() as db:
        getattr(PLANTED, planted)(db, data=codec.encode("planted"))
    assert sound.check().broken[rule]


def test_missing_payloads(sound: Sound) -> None:
    """A task with fewer payloads than were submitted is found though all that it has are settled."""
    (task, work), *_ = sound.works.items()
    sound.works = {task: Work(work.unit, work.params, work.count + 1, work.payload, work.expected)}
    assert sound.check().broken[checker.COUNTED]


def test_lost_result(sound: Sound) -> None:
    """A result that a volunteer was told is durable, and that is not there, is found."""
    lease = sound.journal[7].lease
    with sound.broken() as db:
        PLANTED.lost_verdict(db, lease=lease)
        PLANTED.lost_result(db, lease=lease)
    (found,) = sound.check().broken[checker.LOST]
    assert str(lease) in found


def test_result_that_was_not_needed(sound: Sound) -> None:
    """A result without a row whose payload somebody else has settled is counted, and breaks nothing."""
    sound.journal.append(sound.journal[7]._replace(lease=999_999))
    findings = sound.check()
    assert findings.ok
    assert sum(number for fact, number in findings.facts.items() if "somebody else" in fact) == 1


def test_result_of_another_payload(sound: Sound) -> None:
    """A result that stands for another payload than the one it was computed for is found."""
    sound.journal[7] = sound.journal[7]._replace(payload=sound.journal[8].payload)
    assert sound.check().broken[checker.ELSEWHERE]


async def test_spool(tmp_path: Path) -> None:
    """A spool that holds something is found."""
    async with Spool.opened(tmp_path, 1000):
        pass
    findings = Findings()
    check_spool(tmp_path / "spool.sqlite3", findings)
    assert findings.ok
    with closing(sqlite3.connect(tmp_path / "spool.sqlite3")) as db:
        PLANTED.spool(db)
        db.commit()
    check_spool(tmp_path / "spool.sqlite3", findings)
    assert findings.broken[checker.EMPTY]


def test_many_are_counted() -> None:
    """A rule that is broken often shows some examples and how many more there are."""
    findings = Findings()
    findings.note("rule", "here", range(1000))
    assert findings.broken["rule"][0] == "here: 0"
    assert findings.broken["rule"][-1] == "here: and 995 more"
