"""What ``run`` is given as its second argument, if it takes one."""

import hashlib
import random
from collections.abc import Callable, Mapping
from functools import cached_property
from time import perf_counter
from typing import Any, Final

from disio.errors import UnitError
from disio.unit.codec import decode, encode

MAX_STATE_BYTES: Final = 1024 * 1024
"""No state that is kept is larger, in codec bytes."""
MAX_EVENT_BYTES: Final = 16 * 1024
"""No event is larger, in codec bytes."""
EVENTS_A_SECOND: Final = 5
"""Events of one worker that are passed on, beside a burst of four times as many; what is more is lost."""
CHECKPOINT_SECONDS: Final = 1.0
"""Hosts take a state no more often than this."""

Report = Callable[[int, bytes], None]
"""Takes a payload's index, and codec bytes."""


class Hooks:
    """What the host of a session wants to hear of, and what it has for the unit; set by the host, all optional.

    Attributes:
        checkpoint: called with (index, codec bytes) for each state that ``run`` keeps.
        progress: called with (index, codec bytes of a float from 0 to 1).
        event: called with (index, codec bytes) for each event that ``run`` emits.
        checkpoint_seconds: how much computing must lie between two states that are kept.
        states: the last state of open payloads, in codec bytes, by index.
        files: the paths of the task's shared read-only files, by name.
    """

    def __init__(self) -> None:
        self.checkpoint: Report | None = None
        self.progress: Report | None = None
        self.event: Report | None = None
        self.checkpoint_seconds = CHECKPOINT_SECONDS
        self.states: dict[int, bytes] = {}
        self.files: Mapping[str, str] = {}


def seed_of(params: Any, index: int) -> int:
    """The seed of a payload's random numbers: sha256 over the codec bytes of ``[params, index]``, big-endian."""
    return int.from_bytes(hashlib.sha256(encode([params, index])).digest(), "big")


class Context:
    """One payload's side of the conversation with its host.

    Attributes:
        index: the payload's number in its task, from 0.
        params: the task's parameters; shared by all payloads, to be read only.
    """

    def __init__(self, index: int, params: Any, hooks: Hooks) -> None:
        self.index = index
        self.params = params
        self._hooks = hooks
        self._fraction = 0.0
        self._kept = perf_counter()

    @property
    def state(self) -> Any:
        """The last state that was kept with :meth:`checkpoint`, here or where this payload was begun; else None."""
        kept = self._hooks.states.get(self.index)
        return None if kept is None else decode(kept)

    def checkpoint(self, state: Any) -> bool:
        """Keep a state from which ``run`` can go on when it is interrupted, here or elsewhere.

        Call it as often as there is something worth keeping: within a second of computing after the last one (or after
        the beginning) a state is passed over, which costs nothing.

        Returns:
            Whether it was kept.

        Raises:
            CodecError: the state cannot travel, or is larger than 1 MiB in codec bytes.
        """
        now = perf_counter()
        if now - self._kept < self._hooks.checkpoint_seconds:
            return False
        data = encode(state, max_bytes=MAX_STATE_BYTES)
        self._kept = now
        self._hooks.states[self.index] = data
        if self._hooks.checkpoint is not None:
            self._hooks.checkpoint(self.index, data)
        return True

    def progress(self, fraction: float) -> None:
        """Say how much of this payload is done: 0 to 1; what is outside is taken as the nearer of both."""
        self._fraction = min(1.0, max(0.0, float(fraction)))
        if self._hooks.progress is not None:
            self._hooks.progress(self.index, encode(self._fraction))

    def log(self, *values: object) -> None:
        """Write a line into the payload's log, as ``print`` does."""
        print(*values)

    def emit(self, event: Any) -> None:
        """Tell whoever follows the task something while ``run`` goes on; not part of the answer, may be lost.

        A few a second are passed on; results tell everything else.

        Raises:
            CodecError: the event cannot travel, or is larger than 16 KiB.
        """
        data = encode(event, max_bytes=MAX_EVENT_BYTES)
        if self._hooks.event is not None:
            self._hooks.event(self.index, data)

    def data(self, name: str) -> str:
        """The path of a read-only file that the task carries for all payloads (``disio submit --data NAME=FILE``).

        Raises:
            UnitError: the task has no such file.
        """
        try:
            return self._hooks.files[name]
        except KeyError:
            known = ", ".join(sorted(self._hooks.files)) or "none"
            raise UnitError(f"the task has no file {name!r}; it has: {known}") from None

    @cached_property
    def rng(self) -> random.Random:
        """Random numbers that are the same for whoever computes this payload of this task, and for nobody else's.

        The seed is sha256 over the codec bytes of ``[params, index]``, as a big-endian int.
        """
        return random.Random(seed_of(self.params, self.index))  # noqa: S311 - to be repeated, not to be secret
