"""Every unit in ``workunits/`` keeps the contract, and runs as a whole by the same runner as in the browser."""

import pytest

from disio.client.local import read_unit, run_local
from tests.unit.workunits.loading import SMALL, WORKUNITS


def test_all_are_tried() -> None:
    """A unit that is added is also tried here."""
    assert {path.stem for path in WORKUNITS.glob("*.py")} == SMALL.keys()


@pytest.mark.parametrize("name", SMALL)
def test_whole_unit(name: str) -> None:
    """The unit says what it is, and two runs of it give the same answer without a failure."""
    unit = read_unit(WORKUNITS / f"{name}.py")
    assert unit.metadata.title
    assert len(unit.description.splitlines()[0]) > 20
    first, second = (run_local(unit, SMALL[name], processes=2) for _ in range(2))
    assert first.failures == []
    assert first.payloads > 1
    assert first.reduced is not None
    assert first.reduced == second.reduced
