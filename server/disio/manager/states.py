"""States from which somebody else can go on with a payload: of which payloads there are some."""

from collections.abc import Iterable
from typing import Final

from disio.manager.store import Store

STATE_SECONDS: Final = 0.5
"""States of one payload that come sooner after each other are passed over."""

Begun = tuple[int, int]
"""A task's number and a payload's index."""


class States:
    """The open payloads of which a state is stored, and when it came, in monotonic seconds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begun: dict[Begun, float] = {}

    def __bool__(self) -> bool:
        return bool(self._begun)

    def __contains__(self, payload: Begun) -> bool:
        return payload in self._begun

    def restore(self, payloads: Iterable[Begun], now: float) -> None:
        """States are stored of these."""
        self._begun.update(dict.fromkeys(payloads, now))

    def keep(self, payload: Begun, volunteer: str, state: bytes, now: float) -> bool:
        """Store a payload's newest state, unless it comes too soon after the one before; whether it is stored."""
        if now - self._begun.get(payload, -STATE_SECONDS) < STATE_SECONDS:
            return False
        self._begun[payload] = now
        self._store.group.checkpoints[payload] = (*payload, volunteer, state)
        return True

    def drop(self, payload: Begun) -> None:
        """A payload is settled: nobody has to go on with it."""
        if self._begun.pop(payload, None) is not None:
            self._store.group.checkpoints[payload] = None

    def forget_task(self, number: int) -> None:
        """A task has ended: its states go with its other rows."""
        self._begun = {payload: when for payload, when in self._begun.items() if payload[0] != number}
