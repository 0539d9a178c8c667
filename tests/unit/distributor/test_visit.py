"""A volunteer's account: no lease is lost, none is sent twice, the window is kept."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from disio.distributor.limits import WORK_FRAME_BYTES
from disio.distributor.visit import Visit
from disio.wire.grid import TaskInfo
from disio.wire.volunteer import Hello, LeaseItem

HELLO = Hello(protocol=1, secret="0" * 32)


def info(task: str = "m-1") -> TaskInfo:
    """A task's description."""
    return TaskInfo(task=task, name="", filename="", description="", unit="", timeout=1, max_result_bytes=1, params=b"")


def visit(window: int = 0, **holding: list[int]) -> Visit:
    """A visit with a window."""
    made = Visit("v", Hello(protocol=1, secret="0" * 32, holding=holding), 0.0)
    made.window = window
    return made


def grant(account: Visit, leases: list[int], size: int = 1, task: str = "m-1") -> None:
    """Grant leases whose payloads are recognizable."""
    items = [LeaseItem(lease, lease, size) for lease in leases]
    account.granted(info(task), items, b"".join(bytes([lease % 256]) * size for lease in leases))


def test_work_is_cut_by_size() -> None:
    """A work frame holds about a MiB; a larger payload goes alone."""
    account = visit(window=10)
    grant(account, [1, 2, 3], WORK_FRAME_BYTES // 2)
    grant(account, [4], WORK_FRAME_BYTES * 3)
    frames = []
    while (work := account.next_work()) is not None:
        frames.append([item.lease for item in work[1]])
    assert frames == [[1, 2], [3], [4]]


def test_small_grants_are_sent_together() -> None:
    """Batches of the same task become one frame; another task begins a new one."""
    account = visit(window=10)
    grant(account, [1])
    grant(account, [2, 3])
    grant(account, [4], task="m-2")
    work = account.next_work()
    assert work is not None
    assert ([item.lease for item in work[1]], work[2]) == ([1, 2, 3], b"\x01\x02\x03")
    work = account.next_work()
    assert work is not None
    assert work[0].task == "m-2"
    assert account.next_work() is None


def test_holding_of_one_manager() -> None:
    """What is held and what is kept in reserve, of the manager that asks."""
    account = visit(1, **{"m-1": [7], "m-2": [8], "n-1": [9]})
    grant(account, [1, 2])
    assert account.holding("m") == {"m-1": [7, 1, 2], "m-2": [8]}


def test_deficit() -> None:
    """Window and reserve, less what it has: at least a few beyond the window, nothing while paused."""
    account = visit(window=4)
    assert account.deficit(10, 0.0) == (6, 6)
    grant(account, [1, 2, 3])
    account.next_work()
    assert account.deficit(10, 0.0) == (3, 6)
    account.finished("m-1", {1, 2}, 100.0)
    assert account.deficit(10, 100.0)[0] == 6
    account.window = 0
    assert account.deficit(10, 100.0) == (0, 0)


def test_large_payloads_bound_the_reserve() -> None:
    """Where the reserve is large in bytes, no more is asked for."""
    account = visit(window=100)
    for lease in range(1, 5):
        grant(account, [lease], 16 * 1024 * 1024)
    assert account.deficit(10, 0.0)[0] == 0


class Visits(RuleBasedStateMachine):
    """Grants, work, results, returns and revocations in any order, beside a plain account of the same."""

    def __init__(self) -> None:
        super().__init__()
        self.visit = visit()
        self.reserve: list[tuple[str, int]] = []
        self.held: set[tuple[str, int]] = set()
        self.next = 1

    @rule(window=st.integers(0, 12))
    def credit(self, window: int) -> None:
        self.visit.window = window

    @rule(count=st.integers(1, 6), task=st.sampled_from(["m-1", "m-2"]), size=st.integers(0, 3))
    def grant(self, count: int, task: str, size: int) -> None:
        leases = list(range(self.next, self.next + count))
        self.next += count
        grant(self.visit, leases, size, task)
        self.reserve += [(task, lease) for lease in leases]

    @rule()
    def work(self) -> None:
        work = self.visit.next_work()
        if work is None:
            assert not self.reserve or len(self.held) >= self.visit.window
            return
        described, items, data = work
        sent = [(described.task, item.lease) for item in items]
        assert sent == self.reserve[: len(sent)]
        assert data == b"".join(bytes([item.lease % 256]) * item.size for item in items)
        del self.reserve[: len(sent)]
        self.held |= set(sent)
        assert len(self.held) <= self.visit.window

    @rule(
        task=st.sampled_from(["m-1", "m-2", "x-1"]), leases=st.sets(st.integers(1, 30), max_size=6), back=st.booleans()
    )
    def finish(self, task: str, leases: set[int], back: bool) -> None:
        if back:
            self.visit.gave_back(task, leases)
        else:
            self.visit.finished(task, leases, 1.0)
        self.held -= {(task, lease) for lease in leases}

    @rule(task=st.sampled_from(["m-1", "m-2", "x-1"]), leases=st.sets(st.integers(1, 30), max_size=6))
    def revoke(self, task: str, leases: set[int]) -> None:
        def gone(pair: tuple[str, int]) -> bool:
            return pair[0] == task and (not leases or pair[1] in leases)

        self.visit.revoked(task, leases)
        self.held = {pair for pair in self.held if not gone(pair)}
        self.reserve = [pair for pair in self.reserve if not gone(pair)]

    @rule()
    def give_back(self) -> None:
        back = self.visit.give_back_reserve()
        assert {(task, lease) for task, leases in back.items() for lease in leases} == set(self.reserve)
        self.reserve = []

    @invariant()
    def counts_agree(self) -> None:
        assert (self.visit.held, self.visit.reserved) == (len(self.held), len(self.reserve))
        has = self.visit.holding("m")
        assert {(task, lease) for task, leases in has.items() for lease in leases} == self.held | set(self.reserve)


TestVisits = Visits.TestCase
TestVisits.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
