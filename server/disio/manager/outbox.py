"""What is to be sent when the present group of changes is durable."""

import asyncio

from disio.wire.grid import Ack, FromManager


class Outbox:
    """Messages to peers, acknowledgements first. ``due`` is set when there is something."""

    def __init__(self, due: asyncio.Event) -> None:
        self._due = due
        self._messages: list[tuple[bytes, FromManager]] = []
        self._acks: dict[tuple[bytes, str, str], Ack] = {}

    def tell(self, peer: bytes, message: FromManager) -> None:
        """Send a message when the present group is durable."""
        self._messages.append((peer, message))
        self._due.set()

    def ack(self, peer: bytes, task: str, volunteer: str) -> Ack:
        """The acknowledgement that this peer will get for a volunteer's results when the present group is durable."""
        key = (peer, task, volunteer)
        ack = self._acks.get(key)
        if ack is None:
            ack = self._acks[key] = Ack(task, volunteer, [], {})
            self._due.set()
        return ack

    def take(self) -> list[tuple[bytes, FromManager]]:
        """What is to be sent when the present group is durable."""
        out: list[tuple[bytes, FromManager]] = [(peer, ack) for (peer, _, _), ack in self._acks.items()]
        out += self._messages
        self._acks, self._messages = {}, []
        return out
