"""States and legal moves."""

import itertools

import pytest

from disio.errors import ConflictError
from disio.task.model import TaskState, move


def test_ended_tasks_stay_as_they_are() -> None:
    """No move leads out of a state in which a task has ended."""
    ended = [state for state in TaskState if state.ended]
    assert set(ended) == set(TaskState) - {TaskState.RUNNING, TaskState.REDUCING}
    for old, new in itertools.product(ended, TaskState):
        with pytest.raises(ConflictError, match=str(old)):
            move(old, new)


def test_running_task_may_reach_every_other_state() -> None:
    """A running task can end in every way, and be reduced first."""
    assert [move(TaskState.RUNNING, new) for new in TaskState if new is not TaskState.RUNNING]
    assert move(TaskState.REDUCING, TaskState.FINISHED) is TaskState.FINISHED
    with pytest.raises(ConflictError):
        move(TaskState.REDUCING, TaskState.RUNNING)
