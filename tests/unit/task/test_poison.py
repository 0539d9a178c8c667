"""What is held against a payload, and against a unit."""

from disio.task.poison import MANY, VANISHED_FREE, Poison


def test_a_payload_is_blamed_only_after_many_volunteers_left() -> None:
    """The first ones are free; getting on with it clears it."""
    poison = Poison()
    assert [poison.vanished(7) for _ in range(VANISHED_FREE + 1)] == [False] * VANISHED_FREE + [True]
    assert not poison.vanished(8)
    poison.got_on(7)
    assert not poison.vanished(7)


def test_a_unit_is_to_blame_if_half_of_what_came_back_crashed() -> None:
    """Few crashes are accidents, and many among many more whole answers are those of some payloads."""
    poison = Poison()
    for _ in range(MANY - 1):
        poison.crashed(0, "recursion")
    assert not poison.many
    poison.crashed(0, "recursion")
    assert poison.many
    for _ in range(MANY + 1):
        poison.answered()
    assert not poison.many
