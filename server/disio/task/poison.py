"""Payloads that end what computes them: the interpreter, or the whole tab. Pure: no clock, no I/O.

An interpreter that ends tells so (a failure of the kind ``crash``). A tab that dies tells nothing: all that is known is
that a volunteer left while it computed a payload. People close tabs as well, so that counts only when it happens again
and again to the same payload.
"""

from typing import Final

VANISHED_FREE: Final = 3
"""So many volunteers may leave while they compute a payload before that is held against it."""
MANY: Final = 30
"""So many crashes, if they are half of all that came back, are no accident: the unit is to blame."""


class Poison:
    """What is held against the payloads of one task, and against its unit."""

    def __init__(self) -> None:
        self._vanished: dict[int, int] = {}
        self.crashes = 0
        """Executions that ended their interpreter or tab, since the task was begun or went on."""
        self._answered = 0

    def vanished(self, payload: int) -> bool:
        """A volunteer left while it computed a payload; whether that counts as a failure by now."""
        times = self._vanished[payload] = self._vanished.get(payload, 0) + 1
        return times > VANISHED_FREE

    def got_on(self, payload: int) -> None:
        """A payload was answered, or a state of it was kept: whoever left was not ended by it."""
        if self._vanished:
            self._vanished.pop(payload, None)

    def answered(self) -> None:
        """An execution has come back whole."""
        self._answered += 1

    def crashed(self) -> None:
        """An execution has ended its interpreter, or its tab."""
        self.crashes += 1

    @property
    def many(self) -> bool:
        """Whether so many executions crash that nobody should be given more of them."""
        return self.crashes >= MANY and self.crashes >= self._answered
