"""Any order of events: no payload is lost, none is settled twice, and a restart changes nothing."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from disio.task.credibility import Rules

from .moves import Moves


class MovesToTheEnd(Moves):
    """As ``Moves``; afterwards the task is brought to its end."""

    def teardown(self) -> None:
        """Bring the task to its end."""
        try:
            self.finish()
        finally:
            super().teardown()


class CheckedMoves(MovesToTheEnd):
    """As ``MovesToTheEnd``, where answers are judged together, and some are lies."""

    asked = Rules(error_rate=0.05, assume_bad=0.2, stint=2, check_share=0.5)

    @invariant()
    def counters_equal_the_database(self) -> None:
        """What the task counts is what is stored, each payload has one verdict at most, and memory says the same."""

        async def look() -> None:
            await self.round()
            results = await self.store.results(self.number, -1, 10_000)
            failures = await self.store.failures(self.number, -1, 10_000)
            assert (len(results), len(failures)) == (self.task.accepted, self.task.failed)

        if self.number:
            self.run(look())

    @precondition(lambda self: any(self.leases.values()))
    @rule(data=st.data())
    def lie(self, data: st.DataObject) -> None:
        """A volunteer gives a wrong answer, the same one as all liars."""
        volunteer = data.draw(st.sampled_from([name for name, held in self.leases.items() if held]))
        lease = data.draw(st.sampled_from(sorted(self.leases[volunteer])))
        self.leases[volunteer].discard(lease)
        self.sent.append((volunteer, lease))
        self.run(self.deliver(volunteer, [lease], fails=False, answer=b"2"))
        self.want(volunteer, 10)

    @precondition(lambda self: self.number and self.running)
    @rule()
    def restart_changes_nothing(self) -> None:
        """The manager is killed and started again: the same is believed."""
        before = self.task.accepted, self.task.failed, self.task.executions, self.task.blacklisted
        self.restart()
        after = self.task.accepted, self.task.failed, self.task.executions, self.task.blacklisted
        assert after == before


@pytest.mark.slow
@pytest.mark.parametrize("moves", [MovesToTheEnd, CheckedMoves])
def test_any_order_of_events_settles_every_payload_once(moves: type[Moves]) -> None:
    """Whatever happens in whatever order, each payload is settled once, and acknowledged results stay."""
    run_state_machine_as_test(
        moves,
        settings=settings(
            max_examples=60 if moves is MovesToTheEnd else 8,
            stateful_step_count=40 if moves is MovesToTheEnd else 20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=False,
        ),
    )
