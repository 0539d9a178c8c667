"""Results that are right, wrong, late, double, or somebody else's."""

from pathlib import Path

from disio.unit.codec import decode, encode
from disio.wire import grid
from disio.wire.volunteer import ResultItem

from .scripted import linked, linked_twice

DOUBLE = '"""Doubles."""\ndef run(payload):\n    return payload * 2\n'
PARAMS = {"stop": 10}


async def test_result_that_comes_twice_is_acknowledged_twice_and_counted_once(tmp_path: Path) -> None:
    """The second time may be in the same breath or after the commit."""
    async with linked(tmp_path, "v1") as one:
        task = await one.submit(DOUBLE, PARAMS)
        (first, second) = await one.leases("v1", 2)
        await one.answer("v1", [first], lambda x: x * 2)
        await one.answer("v1", [first], lambda x: x * 2)
        await one.until(lambda: one.acked.get(first.lease) == 2)
        await one.answer("v1", [first, second], lambda x: x * 3)
        await one.until(lambda: one.acked.get(first.lease) == 3 and one.acked.get(second.lease) == 1)
        view = await one.task(task.task)
        assert (view.executions, view.accepted) == (2, 2)
        results = {item.index: decode(item.data) for item in await one.results(task.task)}
        assert results == {first.index: first.index * 2, second.index: second.index * 3}


async def test_two_distributors_deliver_the_same_result(tmp_path: Path) -> None:
    """A volunteer that moved has sent it by both, one of which spooled it: both are acknowledged, it counts once."""
    async with linked_twice(tmp_path) as (one, other):
        await one.join("v1")
        task = await one.submit(DOUBLE, {"stop": 10})
        held = await one.leases("v1", 4)
        await other.join("v1", holding={task.task: [lease.lease for lease in held]})
        await one.answer("v1", held, lambda x: x * 2)
        await other.answer("v1", held, lambda x: x * 2)
        await one.until(lambda: len(one.acked) == 4)
        await other.until(lambda: len(other.acked) == 4)
        await other.answer("v1", held[:1], lambda x: x * 2)
        await other.until(lambda: other.acked[held[0].lease] == 2)
        view = await one.task(task.task)
        assert (view.accepted, view.executions, one.rejected, other.rejected) == (4, 4, {}, {})


async def test_somebody_elses_lease_is_rejected(tmp_path: Path) -> None:
    """An answer for another volunteer's lease counts for nothing, before and after that one has answered."""
    async with linked(tmp_path, "v1", "v2") as one:
        await one.submit(DOUBLE, PARAMS)
        (lease,) = await one.leases("v1", 1)
        await one.answer("v2", [lease], lambda _: 666)
        await one.until(lambda: lease.lease in one.rejected)
        assert "somebody else" in one.rejected.pop(lease.lease)
        await one.answer("v1", [lease], lambda x: x * 2)
        await one.until(lambda: lease.lease in one.acked)
        await one.answer("v2", [lease], lambda _: 666)
        await one.until(lambda: lease.lease in one.rejected)
        assert "somebody else" in one.rejected[lease.lease]


async def test_lease_that_was_never_given_is_rejected(tmp_path: Path) -> None:
    """An invented lease is told so, in a real task and in none."""
    async with linked(tmp_path, "v1") as one:
        task = await one.submit(DOUBLE, PARAMS)
        await one.raw_results(task.task, "v1", 999_999, b"1")
        await one.until(lambda: 999_999 in one.rejected)
        assert "not known" in one.rejected.pop(999_999)
        for nonsense in ("zzzzzz-1", task.task + "9", "nonsense", task.task.replace("-", "-0x")):
            await one.raw_results(nonsense, "v1", 999_999, b"1")
            await one.until(lambda: 999_999 in one.rejected)
            assert "no such task" in one.rejected.pop(999_999)


async def test_lease_of_another_task_is_rejected(tmp_path: Path) -> None:
    """A lease answers its own task only."""
    async with linked(tmp_path, "v1") as one:
        await one.submit(DOUBLE, PARAMS)
        (lease,) = await one.leases("v1", 1)
        other = await one.submit(DOUBLE, PARAMS)
        await one.raw_results(other.task, "v1", lease.lease, b"1")
        await one.until(lambda: lease.lease in one.rejected)


async def test_sizes_that_do_not_add_up_are_rejected(tmp_path: Path) -> None:
    """A message whose sizes do not fit its data changes nothing."""
    async with linked(tmp_path, "v1") as one:
        task = await one.submit(DOUBLE, PARAMS)
        (lease,) = await one.leases("v1", 1)
        await one.send(grid.Results(task.task, "v1", [ResultItem(lease.lease, 0, 5, 1.0)], b"1"))
        await one.until(lambda: lease.lease in one.rejected)
        assert (await one.task(task.task)).executions == 0


async def test_bytes_that_are_no_value_are_the_volunteers_failure(tmp_path: Path) -> None:
    """Malformed, too large, or unreadable: each is stored as a failure, and the payload goes out again."""
    bad = [b"", b"{nonsense", b"\x80\x04K\x01.", b" 1", b"[1,2", bytes(16 * 2**20 + 1)]
    async with linked(tmp_path, "v1") as one:
        task = await one.submit(DOUBLE, {"payloads": list(range(len(bad)))})
        for data in bad:
            (lease,) = await one.leases("v1", 1)
            await one.raw_results(task.task, "v1", lease.lease, data)
            await one.until(lambda lease=lease: lease.lease in one.acked)  # type: ignore[misc]
        (lease,) = await one.leases("v1", 1)
        await one.raw_results(task.task, "v1", lease.lease, b"no json", outcome=1)
        await one.until(lambda: lease.lease in one.acked)
        view = await one.task(task.task)
        assert (view.accepted, view.executions) == (0, len(bad) + 1)
        async with one.working(["v1"], None):
            await one.ended(task.task, "finished-with-failures")


async def test_payload_that_fails_three_times_is_set_aside_with_its_traceback(tmp_path: Path) -> None:
    """Two good payloads are finished, the bad one is told with volunteers and last failure."""
    async with linked(tmp_path, "v1", "v2", "v3") as one:
        task = await one.submit(DOUBLE, {"payloads": ["bad"]})
        failed_in = []
        for volunteer in ("v1", "v2", "v3"):
            (lease,) = await one.leases(volunteer, 1)
            failed_in.append(volunteer)
            await one.answer(volunteer, [lease], None)
        view = await one.ended(task.task, "finished-with-failures")
        assert (view.payloads, view.accepted, view.failed, view.executions) == (1, 0, 1, 3)
        page = await one.call(grid.GetFailures(task=task.task), grid.FailurePage)
        (failure,) = page.items
        assert not page.more
        assert (failure.index, decode(failure.payload), failure.volunteers) == (0, "bad", failed_in)
        assert (failure.kind, failure.message, failure.traceback) == ("exception", "ValueError: no", "line 1")
        assert await one.results(task.task) == []


async def test_payload_that_failed_is_given_to_another_volunteer(tmp_path: Path) -> None:
    """With three volunteers present, the one in which a payload failed is told that there is nothing for it."""
    async with linked(tmp_path, "v1", "v2", "v3") as one:
        task = await one.submit(DOUBLE, {"payloads": [21]})
        (lease,) = await one.leases("v1", 1)
        await one.answer("v1", [lease], None)
        await one.until(lambda: lease.lease in one.acked)
        await one.want("v1", 1)
        await one.until(lambda: "v1" in one.dry)
        (again,) = await one.leases("v2", 1)
        assert again.lease != lease.lease
        await one.answer("v2", [again], lambda x: x * 2)
        view = await one.ended(task.task)
        assert (view.accepted, view.failed, view.executions) == (1, 0, 2)


async def test_late_answer_is_used_and_the_second_volunteer_is_spared(tmp_path: Path) -> None:
    """A payload that went out again is settled by whoever answers first; the other lease is revoked."""
    twice = DOUBLE + "def split(params):\n    import time\n    yield 1\n    time.sleep(600)\n"
    async with linked(tmp_path, "v1", "v2") as one:
        task = await one.submit(twice, None)
        (lease,) = await one.leases("v1", 1)
        await one.send(grid.Left("v1"))
        (again,) = await one.leases("v2", 1)
        assert again.index == lease.index
        await one.answer("v1", [lease], lambda x: x * 2)
        await one.until(lambda: lease.lease in one.acked)
        await one.until(lambda: any(isinstance(message, grid.Revoke) for message in one.messages))
        (revoked,) = [message for message in one.messages if isinstance(message, grid.Revoke)]
        assert (revoked.volunteer, revoked.leases) == ("v2", [again.lease])
        await one.answer("v2", [again], lambda _: 666)
        await one.until(lambda: again.lease in one.rejected)
        assert [decode(item.data) for item in await one.results(task.task)] == [2]


async def test_result_carries_log_time_and_volunteer(tmp_path: Path) -> None:
    """What a unit printed, how long it took and who answered are kept with the result."""
    async with linked(tmp_path, "v1") as one:
        task = await one.submit(DOUBLE, {"payloads": [[1, "x"]]})
        (lease,) = await one.leases("v1", 1)
        data = encode({"a": (1, 2)})
        await one.send(grid.Results(task.task, "v1", [ResultItem(lease.lease, 0, len(data), 12.5, "printed\n")], data))
        view = await one.ended(task.task)
        assert view.mean_ms == 12.5
        (result,) = await one.results(task.task)
        assert (result.ms, result.volunteer, result.log) == (12.5, "v1", "printed\n")
        assert (decode(result.payload), decode(result.data)) == ([1, "x"], {"a": (1, 2)})
