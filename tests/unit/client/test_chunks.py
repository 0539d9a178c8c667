"""How many calls travel together."""

from disio.client.chunks import FIRST_PAYLOADS, MOST_CALLS, Chunks


def test_chunks_grow_with_what_is_known() -> None:
    """Calls go alone until it is known how long they take; then a tenth of a second's worth, but never all to one."""
    chunks = Chunks()
    assert chunks.size(1000, 0, 10.0) == 1
    assert chunks.size(1000, FIRST_PAYLOADS, 10.0) == 0
    assert chunks.size(1000, FIRST_PAYLOADS, 10.6) == 1
    chunks.answered(1, 10.0)
    assert chunks.size(1000, 0, 11.0) == 10
    assert chunks.size(8, 0, 11.0) == 1
    chunks.answered(1_000_000, 10.0)
    assert chunks.size(10**6, 0, 11.0) == MOST_CALLS
    assert chunks.size(10**6, 10**6, 11.0) == 0
