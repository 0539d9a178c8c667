"""The unit, in this Python and in real browsers."""

import pytest

from disio.testing import UnitFailedError

UNIT = "../primes.py"


@pytest.mark.disio(UNIT, params={"stop": 1000})
def test_known_counts(disio_unit):
    """There are 25 primes below 100 and 168 below 1,000."""
    assert disio_unit.run([0, 100]) == 25
    assert disio_unit.map([[0, 10], [10, 20]]) == [4, 4]
    assert disio_unit.answer() == 168


@pytest.mark.disio(UNIT)
def test_an_empty_range(disio_unit):
    """A range that ends before it begins is refused, with the unit's own line."""
    with pytest.raises(UnitFailedError, match="is empty") as caught:
        disio_unit.run([7, 3])
    assert "primes.py" in str(caught.value)
    assert caught.value.kind == "exception"


def test_a_whole_task(disio_grid, disio_browser, request):
    """A task submitted to a grid, computed by a browser."""
    unit = request.path.parent / UNIT
    task = disio_grid.client.submit(unit, {"stop": 500, "size": 50})
    assert task.result(timeout=120) == 95
