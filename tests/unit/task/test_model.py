"""States and legal moves."""

import itertools

import pytest

from disio.errors import ConflictError
from disio.task.model import TaskState, move


def test_ended_tasks_stay_as_they_are() -> None:
    """No move leads out of a state in which a task has ended, but for being deleted."""
    ended = [state for state in TaskState if state.ended]
    assert set(ended) == set(TaskState) - {TaskState.RUNNING, TaskState.PAUSED, TaskState.REDUCING}
    for old, new in itertools.product(ended, TaskState):
        if new is TaskState.DELETING and old is not new:
            assert move(old, new) is new
            continue
        with pytest.raises(ConflictError, match=str(old)):
            move(old, new)


def test_a_paused_task_goes_on_or_is_cancelled() -> None:
    """Nothing else happens to a paused task, and only a running one is paused."""
    after = {TaskState.RUNNING, TaskState.CANCELLED}
    for state in TaskState:
        if state in after:
            assert move(TaskState.PAUSED, state) is state
        else:
            with pytest.raises(ConflictError, match="paused"):
                move(TaskState.PAUSED, state)
        if state is not TaskState.RUNNING:
            with pytest.raises(ConflictError):
                move(state, TaskState.PAUSED)


def test_running_task_may_reach_every_other_state() -> None:
    """A running task can end in every way, be paused, and be reduced first; it is not deleted while it runs."""
    others = set(TaskState) - {TaskState.RUNNING, TaskState.DELETING}
    assert [move(TaskState.RUNNING, new) for new in others]
    with pytest.raises(ConflictError):
        move(TaskState.RUNNING, TaskState.DELETING)
    assert move(TaskState.REDUCING, TaskState.FINISHED) is TaskState.FINISHED
    with pytest.raises(ConflictError):
        move(TaskState.REDUCING, TaskState.RUNNING)
