"""A session in a process of its own, spoken to by frames over its standard input and output.

``python -P -m disio.unit.process`` is the child's side. A frame is the sizes of its head and data (4 and 8
bytes, little-endian), the head (JSON) and the data. The child is asked one thing at a time:

=========  ==========================================  ====================================================
do         asked with                                  answered with
=========  ==========================================  ====================================================
open       ``info``; the source as data                ``failure``: text, or null
run        ``items``; the payloads as data             ``items`` (JSON text) and answers, until all are told; in
                                                       between ``state`` (an index), and that payload's state as data
split      ``count``, ``bytes``, ``seconds`` at most   ``sizes``, ``done``, ``error``; the payloads as data
reduce     frames with ``sizes``, the last ``done``    ``error``, or null and the answer as data
=========  ==========================================  ====================================================

The child ends when its input does, even in the midst of a payload: no orphan outlives its parent.
"""

import json
import os
import signal
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import Queue
from time import monotonic
from typing import Any, BinaryIO, Final

from disio.errors import UnitError
from disio.unit import read_only
from disio.unit.runner import Session, open_unit

STEP_SECONDS: Final = 0.05
"""How long finished payloads wait for others before they are told."""

_SIZES = struct.Struct("<IQ")

Frame = tuple[dict[str, Any], bytes]


def write_frame(stream: BinaryIO, head: dict[str, Any], data: bytes = b"") -> None:
    """Write one frame and flush it."""
    text = json.dumps(head).encode()
    stream.write(b"".join((_SIZES.pack(len(text), len(data)), text, data)))
    stream.flush()


def read_frame(stream: BinaryIO) -> Frame | None:
    """The next frame; None when the other side is gone."""
    try:
        sizes = stream.read(_SIZES.size)
        if len(sizes) < _SIZES.size:
            return None
        head_size, data_size = _SIZES.unpack(sizes)
        head, data = stream.read(head_size), stream.read(data_size)
    except (OSError, ValueError):
        return None
    return (json.loads(head), data) if len(head) == head_size and len(data) == data_size else None


class _Child:
    def __init__(self, inbox: BinaryIO, outbox: BinaryIO) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._frames: Queue[Frame] = Queue(maxsize=4)
        self._session: Session
        self._payloads: Iterator[bytes] | None = None
        self._left: bytes | None = None

    def serve(self) -> None:
        threading.Thread(target=self._receive, daemon=True).start()
        actions = {"open": self._open, "run": self._run, "split": self._split, "reduce": self._reduce}
        while True:
            head, data = self._frames.get()
            actions[head["do"]](head, data)

    def _receive(self) -> None:
        while (frame := read_frame(self._inbox)) is not None:
            self._frames.put(frame)
        os._exit(0)

    def _open(self, head: dict[str, Any], data: bytes) -> None:
        read_only.keep(json.loads(head["info"]).get("files", {}).values())
        self._session = open_unit(data.decode(), head["info"])
        self._session.hooks.checkpoint = self._keep
        failed = self._session.load_failure
        table = json.loads(failed) if failed else {}
        text = f"{table['message']}\n{table['traceback']}".strip() if table else None
        write_frame(self._outbox, {"failure": text})

    def _run(self, head: dict[str, Any], data: bytes) -> None:
        self._session.load(head["items"], data)
        while self._session.queued:
            items, answers = self._session.step(STEP_SECONDS)
            write_frame(self._outbox, {"items": items}, answers)

    def _keep(self, index: int, state: bytes) -> None:
        write_frame(self._outbox, {"state": index}, state)

    def _split(self, head: dict[str, Any], _data: bytes) -> None:
        parts: list[bytes] = []
        size, done, error = 0, False, None
        end = monotonic() + head["seconds"]
        try:
            if self._payloads is None:
                self._payloads = self._session.payloads()
            while len(parts) < head["count"] and size < head["bytes"] and (not parts or monotonic() < end):
                part = next(self._payloads, None)
                if part is None:
                    done = True
                    break
                parts.append(part)
                size += len(part)
        except UnitError as caught:
            error = str(caught)
        told = {"sizes": list(map(len, parts)), "done": done, "error": error, "log": self._session.take_log()}
        write_frame(self._outbox, told, b"".join(parts))

    def _reduce(self, _head: dict[str, Any], _data: bytes) -> None:
        results = self._results()
        answer, error = b"", None
        try:
            answer = self._session.reduce(results)
        except UnitError as caught:
            error = str(caught)
        for _ in results:
            pass  # what reduce did not ask for is still on its way
        write_frame(self._outbox, {"error": error, "log": self._session.take_log()}, answer)

    def _results(self) -> Iterator[bytes]:
        done = False
        while not done:
            head, data = self._frames.get()
            done, start = head["done"], 0
            for size in head["sizes"]:
                yield data[start : start + size]
                start += size


def main() -> None:
    """Serve frames until the parent is gone."""
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    # What a unit writes past sys.stdout must not get between the frames.
    inbox, outbox = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    _Child(inbox, outbox).serve()


if __name__ == "__main__":
    main()
