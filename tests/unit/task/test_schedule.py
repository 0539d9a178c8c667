"""Who computes what next."""

from disio.task.ballot import FAILURE
from disio.task.credibility import Rules
from disio.task.schedule import GRANT_BYTES, HOT_PAYLOADS, TURN_SECONDS, Asker, Schedule, TaskQueue
from disio.task.trust import OTHERS_FIRST_SECONDS, FirstAnswer


def queue(number: int, payloads: int, *, priority: int = 0, complete: bool = True) -> TaskQueue:
    """A task's queue with so many payloads ready."""
    made = TaskQueue(number, FirstAnswer(Rules(error_rate=1)), priority)
    made.add([(index, b"x") for index in range(payloads)])
    made.complete = complete
    return made


def schedule(*queues: TaskQueue) -> Schedule:
    """A schedule of these tasks."""
    made = Schedule()
    for one in queues:
        made.open(one)
    return made


def ask(
    of: Schedule, volunteer: str, wanted: int = 1, *, held: int = 0, present: int = 1, now: float = 0.0
) -> list[int]:
    """Indexes that a volunteer is given; its task's number first."""
    work = of.next(Asker(volunteer), wanted, held, present, now)
    return [] if work is None else [work.queue.number, *(pick.payload for pick in work.picks)]


def test_volunteer_stays_with_its_task() -> None:
    """A volunteer keeps getting payloads of the task that it began with, as long as there are some."""
    both = schedule(queue(1, 50), queue(2, 50))
    assert {ask(both, "a")[0] for _ in range(50)} == {1}
    assert ask(both, "a")[0] == 2


def test_a_site_computes_for_the_tasks_that_it_names_only() -> None:
    """A volunteer whose site names tasks gets payloads of those and of no other, whatever their priority."""
    rules = Rules(error_rate=1)
    moths = TaskQueue(1, FirstAnswer(rules), names=frozenset({"mgr-1", "Moths", "moths"}))
    bees = TaskQueue(2, FirstAnswer(rules), 9, names=frozenset({"mgr-2", "Bees", "bees"}))
    both = schedule(moths, bees)
    for one in (moths, bees):
        one.add([(index, b"x") for index in range(50)])
        one.complete = True

    def given(volunteer: str, *tasks: str) -> int | None:
        work = both.next(Asker(volunteer, tasks=frozenset(tasks)), 1, 0, 1, 0.0)
        return None if work is None else work.queue.number

    assert given("any") == 2
    assert [given("a", "Moths"), given("b", "mgr-1"), given("c", "moths", "ants")] == [1, 1, 1]
    assert given("d", "ants") is None
    assert given("d", "ants", "bees") == 2


def test_a_task_for_some_sites_goes_to_their_visitors_only() -> None:
    """Sites are named by host, with or without port, or by all hosts below one; others get nothing."""
    rules = Rules(error_rate=1)
    sites = ("museum.example", "*.school.example", "127.0.0.1:8000")
    task = TaskQueue(1, FirstAnswer(rules), sites=sites)
    task.add([(index, b"x") for index in range(50)])
    task.complete = True

    def given(site: str) -> bool:
        return schedule(task).next(Asker(site, site=site), 1, 0, 1, 0.0) is not None

    inside = ("museum.example", "museum.example:8080", "a.school.example", "b.a.school.example", "127.0.0.1:8000")
    outside = ("", "school.example", "evil-museum.example", "museum.example.evil", "127.0.0.1:8001", "127.0.0.1")
    assert all(map(given, inside))
    assert not any(map(given, outside))


def test_tasks_share_volunteers() -> None:
    """Volunteers are spread evenly over tasks of the same priority."""
    three = schedule(queue(1, 90), queue(2, 90), queue(3, 90))
    given = [ask(three, f"v{number}")[0] for number in range(9)]
    assert sorted(given) == [1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_one_volunteer_serves_two_tasks_in_turns() -> None:
    """A long task does not keep the only volunteer from another one; it changes no more often than it must."""
    both = schedule(queue(1, 500), queue(2, 500))
    given = [ask(both, "a", now=second)[0] for second in range(int(4 * TURN_SECONDS))]
    assert given == [1] * 20 + [2] * 20 + [1] * 20 + [2] * 20


def test_new_task_gets_its_share_of_busy_volunteers() -> None:
    """When a second task comes, volunteers move to it until both have the same number, and no further."""
    both = schedule(queue(1, 500))
    for number in range(4):
        ask(both, f"v{number}")
    both.open(queue(2, 500))
    for _ in range(3):
        given = [ask(both, f"v{number}")[0] for number in range(4)]
    assert sorted(given) == [1, 1, 2, 2]


def test_higher_priority_comes_first() -> None:
    """A task of higher priority takes all volunteers while it has work."""
    both = schedule(queue(1, 50))
    assert ask(both, "a")[0] == 1
    both.open(queue(2, 1, priority=5))
    assert ask(both, "a") == [2, 0]
    assert ask(both, "a")[0] == 1


def test_end_of_a_task_is_not_hoarded() -> None:
    """No volunteer holds more than its share of what remains, and the last payloads go out one at a time."""
    one = schedule(queue(1, 100))
    first = ask(one, "a", 1000, present=2)[1:]
    second = ask(one, "b", 1000, present=2)[1:]
    assert (len(first), len(second)) == (50, 25)
    assert ask(one, "b", 1000, held=25, present=2) == [1]
    last = schedule(queue(1, 2))
    assert len(ask(last, "a", 1000)[1:]) == 1


def test_payload_that_comes_back_is_the_next_to_go_out() -> None:
    """A payload whose lease ended goes before those that never went out."""
    one = queue(1, 10)
    of = schedule(one)
    assert ask(of, "a") == [1, 0]
    one.leased -= 1
    one.arbiter.give_back("a", 0)
    assert ask(of, "b") == [1, 0]


def failed_once(volunteer: str) -> tuple[TaskQueue, Schedule]:
    """A task with one payload, which has failed in this volunteer."""
    one = queue(1, 1)
    of = schedule(one)
    assert ask(of, volunteer) == [1, 0]
    one.leased -= 1
    one.arbiter.answer(volunteer, 0, FAILURE)
    return one, of


def test_failed_payload_goes_to_others_first() -> None:
    """Where three volunteers are present, a payload that failed in one goes to another one."""
    _, of = failed_once("a")
    assert ask(of, "a", present=3) == []
    assert ask(of, "b", present=3) == [1, 0]


def test_failed_payload_goes_to_the_same_volunteer_where_there_are_few() -> None:
    """With two volunteers present, a payload may be tried again in the one that it failed in."""
    _, of = failed_once("a")
    assert ask(of, "a", present=2) == [1, 0]


def test_failed_payload_does_not_wait_for_others_for_ever() -> None:
    """After half a minute without another taker, a failed payload goes to anyone."""
    _, of = failed_once("a")
    assert of.stirred(0.5)
    assert ask(of, "a", present=3, now=1.0) == []
    assert not of.stirred(OTHERS_FIRST_SECONDS)
    assert of.stirred(OTHERS_FIRST_SECONDS + 1.0)
    assert ask(of, "a", present=3, now=OTHERS_FIRST_SECONDS + 1.0) == [1, 0]


def test_hot_window_is_bounded() -> None:
    """A full window asks for nothing, a window with many volunteers for more, large payloads for few."""
    assert queue(1, 0).room(1) == HOT_PAYLOADS
    assert queue(1, HOT_PAYLOADS).room(1) == 0
    assert queue(1, HOT_PAYLOADS).room(1000) > 0
    large = queue(1, 0)
    large.add([(index, bytes(16 * 1024 * 1024)) for index in range(4)])
    assert large.room(1000) == 0


def test_grant_is_bounded_in_bytes() -> None:
    """Large payloads go out a few at a time, but at least one."""
    large = queue(1, 0)
    large.add([(index, bytes(GRANT_BYTES // 2)) for index in range(10)])
    of = schedule(large)
    assert len(ask(of, "a", 10)[1:]) == 2


def test_bytes_that_are_not_in_memory_are_to_be_read() -> None:
    """A payload that comes back is picked without its bytes, where these need not be kept."""
    one = queue(1, 1)
    of = schedule(one)
    first = of.next(Asker("a"), 1, 0, 1, 0.0)
    one.leased -= 1
    one.arbiter.give_back("a", 0)
    again = of.next(Asker("b"), 1, 0, 1, 0.0)
    assert first is not None
    assert again is not None
    assert (first.data, again.data) == ([b"x"], [None])


def test_closed_task_hands_out_nothing() -> None:
    """A task that has ended gives no more payloads and has no volunteers."""
    one = queue(1, 10)
    of = schedule(one)
    ask(of, "a")
    assert of.task_of("a") == 1
    of.close(1)
    of.close(1)
    assert (of.task_of("a"), one.volunteers, ask(of, "a")) == (None, 0, [])


def test_work_is_expected_while_a_split_goes_on() -> None:
    """Demand stays open while a task is still being split, and no longer."""
    one = queue(1, 0, complete=False)
    of = schedule(one)
    assert of.expecting
    assert of.has_work
    one.complete = True
    assert not of.expecting
    assert not of.has_work
