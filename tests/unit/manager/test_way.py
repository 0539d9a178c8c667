"""The whole way through a manager: submit, split, grant, results, acknowledgement, answer."""

from pathlib import Path

from disio.unit.codec import decode
from disio.wire import grid

from .scripted import linked

SQUARES = '''"""Squares."""
def run(payload):
    return payload * payload

def reduce(results, params):
    return sum(results) + params["more"]
'''


async def test_task_is_split_granted_answered_and_reduced(tmp_path: Path) -> None:
    """A submitted task ends with every result stored and the answer that reduce makes of them."""
    async with linked(tmp_path, "v1", "v2") as grid_:
        task = await grid_.submit(SQUARES, {"stop": 1000, "more": 7})
        async with grid_.working(["v1", "v2"], lambda x: x * x):
            view = await grid_.ended(task.task)
        assert (view.payloads, view.accepted, view.failed, view.executions) == (1000, 1000, 0, 1000)
        answer = await grid_.call(grid.GetAnswer(task.task), grid.Answer)
        assert decode(answer.data) == sum(x * x for x in range(1000)) + 7
        results = await grid_.results(task.task)
        assert [decode(item.data) for item in results] == [x * x for x in range(1000)]
        assert [decode(item.payload) for item in results] == list(range(1000))
