"""States from which somebody else can go on with a payload: which ones are stored."""

from collections.abc import Iterable
from typing import Final

from disio.manager.store import Store

STATE_SECONDS: Final = 0.5
"""States of one volunteer for one payload that come sooner after each other are passed over."""

Begun = tuple[int, int]
"""A task's number and a payload's index."""


class States:
    """The open payloads of which states are stored: whose, and when they came, in monotonic seconds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begun: dict[Begun, dict[str, float]] = {}

    def restore(self, states: Iterable[tuple[Begun, str]], now: float) -> None:
        """These are stored: payloads, and who kept a state."""
        for payload, keeper in states:
            self._begun.setdefault(payload, {})[keeper] = now

    def too_soon(self, payload: Begun, keeper: str, now: float) -> bool:
        """Whether a volunteer's last state is so new that the next one is not worth storing."""
        kept = self._begun.get(payload, {}).get(keeper)
        return kept is not None and now - kept < STATE_SECONDS

    def keep(self, payload: Begun, keeper: str, lease: int, state: bytes, now: float) -> None:
        """Store a volunteer's newest state of the payload that it has by this lease."""
        self._begun.setdefault(payload, {})[keeper] = now
        self._store.group.checkpoints[*payload, keeper] = (*payload, keeper, lease, state)

    def drop(self, payload: Begun, keeper: str) -> None:
        """Nobody will go on from this one."""
        if self._begun.get(payload, {}).pop(keeper, None) is not None:
            self._store.group.checkpoints[*payload, keeper] = None

    def drop_all(self, payload: Begun) -> None:
        """A payload is settled: nobody has to go on with it."""
        for keeper in self._begun.pop(payload, ()):
            self._store.group.checkpoints[*payload, keeper] = None

    def forget_task(self, number: int) -> None:
        """A task has ended: its states go with its other rows."""
        self._begun = {payload: kept for payload, kept in self._begun.items() if payload[0] != number}
