"""Payloads on their way in and outcomes on their way out, over as many connections as that takes; no I/O."""

from collections import deque
from typing import Any, Final, Literal

import msgspec

from disio.errors import ProtocolError, UnreachableError
from disio.wire import api, grid

BATCH_ITEMS: Final = 2000
BATCH_BYTES: Final = 1024 * 1024
QUEUE_ITEMS: Final = 2000
"""Payloads that are taken from an iterable before the first of them is sent."""
PATIENCE_SECONDS: Final = 60.0
"""For so long a dashboard may be away while payloads are added or outcomes followed."""
FOLLOW_SECONDS: Final = 3 * api.KEEPALIVE_SECONDS
"""A stream that is silent for longer is broken."""
PAUSE_SECONDS: Final = (0.1, 5.0)

By = Literal["index", "settled"]

_read_pack = msgspec.msgpack.Decoder(list[grid.OutcomeView]).decode


class Patience:
    """Whether to ask again after a failure, and when: pauses grow, and end after a while without success."""

    def __init__(self, seconds: float = PATIENCE_SECONDS) -> None:
        self._seconds = seconds
        self._since: float | None = None
        self._pause = PAUSE_SECONDS[0]

    def success(self) -> None:
        """It worked: forget the failures before."""
        self._since = None
        self._pause = PAUSE_SECONDS[0]

    def pause(self, error: UnreachableError, now: float) -> float:
        """Seconds to wait before asking again.

        Args:
            error: why it did not work.
            now: monotonic seconds.

        Raises:
            UnreachableError: it has not worked for too long: the error that was given.
        """
        self._since = now if self._since is None else self._since
        if now - self._since >= self._seconds:
            raise error
        pause, self._pause = self._pause, min(2 * self._pause, PAUSE_SECONDS[1])
        return pause


class Supply:
    """Payloads (codec bytes) for an open task, kept until its manager has them.

    Args:
        first: the index that the first of them gets.
    """

    def __init__(self, first: int) -> None:
        self._first = first
        self._waiting: deque[bytes] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def next(self) -> int:
        """The index that the next payload gets."""
        return self._first + len(self._waiting)

    def put(self, data: bytes) -> int:
        """One more payload; returns the index that it gets."""
        self._waiting.append(data)
        return self.next - 1

    def body(self) -> bytes:
        """The request that adds the first of those that wait."""
        payloads: list[bytes] = []
        size = 0
        for data in self._waiting:
            if payloads and (len(payloads) >= BATCH_ITEMS or size + len(data) > BATCH_BYTES):
                break
            payloads.append(data)
            size += len(data)
        return msgspec.msgpack.encode(api.EncodedAddition(first=self._first, payloads=payloads))

    def stored(self, count: int) -> None:
        """The task has so many payloads now: those before need not be kept."""
        for _ in range(min(count - self._first, len(self._waiting))):
            self._waiting.popleft()
            self._first += 1


class Following:
    """Where a reader of a task's outcomes stands.

    Args:
        by: in order of index, or of settling.
        after: what was seen before: an index, or a ``settled``.
        payloads: whether inputs are wanted as well.
    """

    def __init__(self, by: By, after: int, *, payloads: bool) -> None:
        self.patience = Patience()
        self._by: By = by
        self._after = after
        self._payloads = payloads
        self._rest = bytearray()

    def query(self) -> dict[str, str]:
        """The query string with which a connection goes on."""
        self._rest.clear()
        payloads = "true" if self._payloads else "false"
        return {"by": self._by, "after": str(self._after), "payloads": payloads, "format": "msgpack"}

    def feed(self, chunk: bytes) -> list[grid.OutcomeView]:
        """The outcomes that are complete with this part of an answer.

        Raises:
            ProtocolError: it is no stream of outcomes.
        """
        self.patience.success()
        self._rest += chunk
        found: list[grid.OutcomeView] = []
        while len(self._rest) >= 4 and len(self._rest) >= (end := 4 + int.from_bytes(self._rest[:4], "little")):
            try:
                found += _read_pack(bytes(self._rest[4:end]))
            except msgspec.DecodeError as error:
                raise ProtocolError(f"the stream of outcomes was not understood: {error}") from None
            del self._rest[:end]
        if found:
            self._after = found[-1].index if self._by == "index" else found[-1].settled
        return found


def told_failure(data: bytes) -> dict[str, Any]:
    """What the failure of an outcome tells: ``kind``, ``message``, ``traceback``."""
    told: dict[str, Any] = msgspec.json.decode(data)
    return {"kind": "", "message": "", "traceback": "", **told}
