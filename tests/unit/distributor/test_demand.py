"""Demand is credit: who is asked for how much."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from disio.distributor.demand import Demand


def two() -> Demand:
    """Managers a and b, both up."""
    demand = Demand()
    demand.up("a")
    demand.up("b")
    return demand


def test_asks_the_manager_whose_work_it_has() -> None:
    """A volunteer stays with its manager while that has work."""
    demand = two()
    assert demand.ask("v", 5, 5, "b") == ("b", 5)
    assert demand.open("v") == 5


def test_takes_turns() -> None:
    """Volunteers without work are spread over the managers."""
    demand = two()
    assert [demand.ask(f"v{n}", 5, 5, "") for n in range(4)] == [("a", 5), ("b", 5), ("a", 5), ("b", 5)]


def test_dry_moves_on() -> None:
    """After dry the next manager is asked; after all are dry nobody, until one is ready."""
    demand = two()
    demand.ask("v", 5, 5, "a")
    demand.dry("a", ["v"])
    assert demand.ask("v", 5, 5, "a") == ("b", 5)
    demand.dry("b", ["v"])
    assert demand.ask("v", 5, 5, "a") is None
    assert demand.ready("b") == {"v"}
    assert demand.ask("v", 5, 5, "a") == ("b", 5)


def test_small_changes_are_not_worth_a_message() -> None:
    """Open demand is replaced when it is off by an eighth of the target, and closed when nothing is wanted."""
    demand = two()
    assert demand.ask("v", 80, 80, "a") == ("a", 80)
    demand.granted("a", "v", 75)
    assert demand.open("v") == 5
    assert demand.ask("v", 14, 80, "a") is None
    assert demand.ask("v", 15, 80, "a") == ("a", 15)
    assert demand.ask("v", 0, 80, "a") == ("a", 0)
    assert demand.ask("v", 0, 80, "a") is None


def test_a_manager_that_goes_away() -> None:
    """What a manager that went away was asked for may be asked of another."""
    demand = two()
    demand.ask("v", 5, 5, "a")
    demand.down("a")
    assert demand.ask("v", 5, 5, "a") == ("b", 5)
    demand.up("a")
    assert demand.ask("w", 5, 5, "a") == ("a", 5)


def test_move_on_from_a_manager_that_takes_long() -> None:
    """Open demand moves to another manager that may have work, and stays where it is if there is none."""
    demand = two()
    demand.ask("v", 5, 5, "a")
    assert demand.move("v") == "a"
    assert demand.ask("v", 5, 5, "") == ("b", 5)
    demand.dry("a", ["v"])
    assert demand.move("v") == ""
    assert demand.open("v") == 5


def test_messages_of_another_manager_change_nothing() -> None:
    """A grant or dry from a manager that was not asked leaves the open demand as it is."""
    demand = two()
    demand.ask("v", 5, 5, "a")
    demand.granted("b", "v", 5)
    demand.dry("b", ["v", "w"])
    demand.dry("c", ["v"])
    assert demand.open("v") == 5


class Demands(RuleBasedStateMachine):
    """Whatever happens, in whatever order."""

    managers = st.sampled_from(["a", "b", "c"])
    volunteers = st.sampled_from(["v", "w"])

    def __init__(self) -> None:
        super().__init__()
        self.demand = Demand()
        self.is_up: set[str] = set()
        self.was_dry: set[tuple[str, str]] = set()

    @rule(manager=managers)
    def up(self, manager: str) -> None:
        self.demand.up(manager)
        self.is_up.add(manager)
        self.was_dry -= {(manager, "v"), (manager, "w")}

    @rule(manager=managers)
    def down(self, manager: str) -> None:
        self.demand.down(manager)
        self.is_up.discard(manager)

    @rule(manager=managers)
    def ready(self, manager: str) -> None:
        self.demand.ready(manager)
        self.was_dry -= {(manager, "v"), (manager, "w")}

    @rule(manager=managers, volunteer=volunteers)
    def dry(self, manager: str, volunteer: str) -> None:
        self.demand.dry(manager, [volunteer])
        self.was_dry.add((manager, volunteer))

    @rule(manager=managers, volunteer=volunteers, count=st.integers(1, 9))
    def granted(self, manager: str, volunteer: str, count: int) -> None:
        self.demand.granted(manager, volunteer, count)

    @rule(volunteer=volunteers)
    def forget(self, volunteer: str) -> None:
        self.demand.forget(volunteer)
        self.was_dry = {pair for pair in self.was_dry if pair[1] != volunteer}

    @rule(volunteer=volunteers, deficit=st.integers(0, 20), preferred=managers)
    def ask(self, volunteer: str, deficit: int, preferred: str) -> None:
        before = self.demand.open(volunteer)
        asked = self.demand.ask(volunteer, deficit, 20, preferred)
        if asked is not None:
            manager, count = asked
            assert manager in self.is_up
            assert count == deficit == self.demand.open(volunteer)
            assert before or (manager, volunteer) not in self.was_dry
        elif deficit and not before:
            assert all((manager, volunteer) in self.was_dry for manager in self.is_up)

    @invariant()
    def open_is_never_negative(self) -> None:
        assert all(self.demand.open(volunteer) >= 0 for volunteer in "vw")


TestDemands = Demands.TestCase
TestDemands.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
