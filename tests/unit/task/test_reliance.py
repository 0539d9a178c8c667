"""Whom a comparison that fails is put down to."""

from disio.task.reliance import PAIRS, Reliance


def test_agree_is_to_blame_where_it_fails_for_all() -> None:
    """Pairs with nothing in common, and nothing that was ever compared soundly."""
    reliance = Reliance()
    assert [reliance.failed({f"a{number}", f"b{number}"}) for number in range(PAIRS)] == [False, False, True]


def test_one_network_is_never_enough() -> None:
    """However many answers of one network cannot be compared with others, that is its own nonsense."""
    reliance = Reliance()
    assert not any(reliance.failed({"liar", f"good{number}"}) for number in range(50))
    assert reliance.hopeless({"liar", "another"})
    assert not reliance.hopeless({"good1", "good2"})


def test_what_has_worked_is_not_to_blame() -> None:
    """Once two answers were compared, all nonsense is its senders'."""
    reliance = Reliance()
    reliance.compared({"a", "b"})
    assert not any(reliance.failed({f"c{number}", f"d{number}"}) for number in range(10))


def test_a_sound_answer_clears_a_network() -> None:
    """Whoever had bad luck with others' nonsense is compared again after one sound comparison, for good."""
    reliance = Reliance()
    for number in range(PAIRS):
        reliance.failed({"good", f"liar{number}"})
    assert reliance.hopeless({"good", "other"})
    reliance.compared({"good", "other"})
    for number in range(PAIRS, 2 * PAIRS):
        reliance.failed({"good", f"liar{number}"})
    assert not reliance.hopeless({"good", "other"})
