"""Payloads that end what computes them, interpreter or tab; units that cannot be loaded. Pure: no clock, no I/O.

An interpreter that ends tells so (a failure of the kind ``crash``). A tab that dies tells nothing: all that is known is
that a volunteer left while it computed a payload. People close tabs as well, so that counts only when it happens again
and again to the same payload.

A unit that cannot be loaded (a failure of the kind ``import``) fails with every payload, which says nothing of them.
"""

from collections import Counter
from collections.abc import Collection
from typing import Final, NamedTuple

VANISHED_FREE: Final = 3
"""So many volunteers may leave while they compute a payload before that is held against it."""
MANY: Final = 30
"""So many crashes, if they are half of all that came back, are no accident: the unit is to blame."""
TRIES: Final = 3
"""Payloads that one volunteer must have failed on before its word that a unit cannot be loaded is taken alone."""


class NotLoaded(NamedTuple):
    """What one volunteer said of a unit that it could not load: the exception, in one line, and its browser."""

    message: str
    browser: str


class Poison:
    """What is held against the payloads of one task, and against its unit."""

    def __init__(self) -> None:
        self._vanished: dict[int, int] = {}
        self.crashes = 0
        """Executions that ended their interpreter or tab, since the task was begun or went on."""
        self.last_crash = ""
        """Which payload the last of them was of, and what was told of it."""
        self._answered = 0
        self._loaded = False
        self._not_loaded: dict[str, NotLoaded] = {}
        """By who counts once: a network, or a volunteer."""
        self._tried = Counter[str]()
        """Volunteers that could not load the unit, and with how many payloads."""

    def vanished(self, payload: int) -> bool:
        """A volunteer left while it computed a payload; whether that counts as a failure by now."""
        times = self._vanished[payload] = self._vanished.get(payload, 0) + 1
        return times > VANISHED_FREE

    def got_on(self, payload: int) -> None:
        """A payload was answered, or a state of it was kept: whoever left was not ended by it."""
        self.loaded()
        if self._vanished:
            self._vanished.pop(payload, None)

    def loaded(self) -> None:
        """Somebody has loaded the unit: whoever cannot has a trouble of its own."""
        self._loaded = True
        self._not_loaded.clear()
        self._tried.clear()

    def not_loaded(self, volunteer: str, counts_as: str, told: NotLoaded) -> None:
        """A volunteer could not load the unit; ``counts_as``: all of the same name count once."""
        if not self._loaded:
            self._tried[volunteer] += 1
            self._not_loaded[counts_as] = told

    @property
    def never_loaded(self) -> bool:
        """Whether somebody could not load the unit, and nobody has."""
        return bool(self._tried)

    def unloadable(self, needed: int, alone: Collection[str]) -> bool:
        """Whether nobody should be given more of this, as the unit cannot be loaded.

        Args:
            needed: so many who count say so, and nobody has loaded it; or ...
            alone: ... all these have failed several times: who is at it, if they could set payloads aside for that.
        """
        enough = len(self._not_loaded) >= needed
        return self.never_loaded and (enough or (bool(alone) and all(self._tried[one] >= TRIES for one in alone)))

    def why_not_loaded(self) -> tuple[str, list[str], int]:
        """What most said why they could not load the unit, with which browsers, and how many volunteers tried."""
        said = self._not_loaded.values()
        [(message, _)] = Counter(one.message for one in said).most_common(1)
        return (
            message,
            sorted({one.browser for one in said if one.browser and one.message == message}),
            len(self._tried),
        )

    def answered(self) -> None:
        """An execution has come back whole."""
        self._answered += 1

    def crashed(self, payload: int, message: str) -> None:
        """An execution has ended its interpreter, or its tab."""
        self.crashes += 1
        self.last_crash = f"payload {payload}: {message}"

    @property
    def many(self) -> bool:
        """Whether so many executions crash that nobody should be given more of them."""
        return self.crashes >= MANY and self.crashes >= self._answered
