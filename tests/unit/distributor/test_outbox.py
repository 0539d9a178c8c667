"""Parcels wait until every result in them is acknowledged."""

from disio.distributor.outbox import Outbox, Parcel
from disio.wire.grid import Results
from disio.wire.volunteer import ResultItem


def parcel(leases: list[int], volunteer: str = "v", size: int = 10) -> Parcel:
    """Results with so many bytes each."""
    items = [ResultItem(lease, 0, size, 0.1) for lease in leases]
    return Parcel(Results("m-1", volunteer, items, bytes(size * len(leases))))


def test_acknowledged_piece_by_piece() -> None:
    """A parcel is done when its last lease is acknowledged; what nobody waits for is not told."""
    outbox = Outbox()
    first, second = parcel([1, 2]), parcel([2, 3])
    outbox.add(first)
    outbox.add(second)
    assert outbox.acknowledged("m-1", "v", {2, 9}) == ({2}, [])
    assert outbox.results == 2
    assert outbox.acknowledged("m-1", "v", {1}) == ({1}, [first])
    assert outbox.acknowledged("m-1", "other", {3}) == (set(), [])
    assert outbox.acknowledged("m-1", "v", {3}) == ({3}, [second])
    assert (outbox.size, outbox.results, bool(outbox), list(outbox)) == (0, 0, False, [])


def test_removed_once() -> None:
    """A parcel that was acknowledged meanwhile cannot be removed again."""
    outbox = Outbox()
    one = parcel([1])
    outbox.add(one)
    assert outbox.remove(one)
    assert not outbox.remove(one)
    assert (outbox.size, outbox.results) == (0, 0)


def test_front_is_bounded() -> None:
    """The first parcels by size, but always one."""
    outbox = Outbox()
    for lease in range(5):
        outbox.add(parcel([lease + 1], size=1000))
    assert len(outbox.front(2500)) == 2
    assert len(outbox.front(10)) == 1
