"""The other side of ``sandbox``: runs a researcher's ``split`` or ``reduce`` in a process of its own.

Run as a script, so that it imports nothing of the manager. It takes a job on standard input, limits itself,
and answers in frames on what was standard output: one byte kind, four bytes length (little-endian), body.
"""

import base64
import ctypes
import hashlib
import json
import os
import resource
import signal
import struct
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from disio.errors import DisioError, UnitError
from disio.figures import counted
from disio.unit.absent import stand_in
from disio.unit.codec import decode, encode
from disio.unit.contract import default_split
from disio.unit.runner import Session

JOB: Final = b"J"
"""To the child: what to do (JSON)."""
PACK: Final = b"P"
"""Both ways: payloads or results; see :func:`pack`."""
END: Final = b"E"
"""Both ways: there are no more."""
TOTAL: Final = b"N"
"""To the manager: how many payloads there will be (decimal)."""
SKIPPING: Final = b"K"
"""To the manager: still going over payloads that were made before a restart."""
ANSWER: Final = b"A"
"""To the manager: what reduce returned (codec bytes)."""
ERROR: Final = b"X"
"""To the manager: what went wrong (UTF-8)."""

DIGEST_BYTES: Final = 64
PACK_ITEMS: Final = 1000
PACK_BYTES: Final = 256 * 1024
FLUSH_SECONDS: Final = 0.05
SKIPPING_SECONDS: Final = 1.0
_HEAD: Final = struct.Struct("<cI")
_PR_SET_PDEATHSIG: Final = 1


def frame(kind: bytes, body: bytes) -> bytes:
    """A frame as it goes through a pipe."""
    return _HEAD.pack(kind, len(body)) + body


def pack(items: list[bytes], digest: str = "") -> bytes:
    """The body of a PACK frame: digest, number of items (4 bytes), sizes (4 bytes each), items."""
    sizes = struct.pack(f"<{len(items) + 1}I", len(items), *map(len, items))
    return b"".join((digest.ljust(DIGEST_BYTES).encode(), sizes, *items))


def unpack(body: bytes) -> tuple[list[bytes], str]:
    """The items and the digest of a PACK frame.

    Raises:
        ValueError: it is none.
    """
    try:
        digest = body[:DIGEST_BYTES].decode("ascii").strip()
        (count,) = struct.unpack_from("<I", body, DIGEST_BYTES)
        sizes = struct.unpack_from(f"<{count}I", body, DIGEST_BYTES + 4)
    except (struct.error, UnicodeDecodeError, MemoryError) as error:
        raise ValueError(f"no pack of items: {error}") from None
    items = []
    start = DIGEST_BYTES + 4 + 4 * count
    for size in sizes:
        items.append(body[start : start + size])
        start += size
    if start != len(body):
        raise ValueError("no pack of items: the sizes do not add up")
    return items, digest


class Packer:
    """Gathers payloads and sends them on when there are enough, or when the next one is slow to come."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._items: list[bytes] = []
        self._bytes = 0
        self._hash: Any = None

    def start(self, running: Any) -> None:
        """Begin to send on time; ``running`` is the digest of what was sent before, or None for none."""
        self._hash = running
        threading.Thread(target=self._tick, daemon=True).start()

    def add(self, data: bytes) -> None:
        """One more payload. Blocks while the manager does not want more."""
        with self._lock:
            self._items.append(data)
            self._bytes += len(data)
            if self._hash is not None:
                update_digest(self._hash, data)
            if len(self._items) >= PACK_ITEMS or self._bytes >= PACK_BYTES:
                self._send()

    def end(self) -> None:
        """Send what is left."""
        with self._lock:
            self._send()

    def _send(self) -> None:
        if self._items:
            digest = self._hash.hexdigest() if self._hash is not None else ""
            body = pack(self._items, digest)
            self._items, self._bytes = [], 0
            self._pipe.write(frame(PACK, body))
            self._pipe.flush()

    def _tick(self) -> None:
        while True:
            time.sleep(FLUSH_SECONDS)
            self.end()


def update_digest(running: Any, data: bytes) -> None:
    """Add one payload to a running digest."""
    running.update(b"%d:" % len(data))
    running.update(data)


def _split(job: dict[str, Any], pipe: BinaryIO) -> None:
    skip: int = job["skip"]
    packer = Packer(pipe)
    if not job["has_split"]:
        payloads = default_split(decode(_params(job)))
        _send(pipe, TOTAL, str(len(payloads)).encode())
        packer.start(None)
        for index in range(skip, len(payloads)):
            packer.add(encode(payloads[index], max_bytes=job["max_bytes"]))
    else:
        made = _session(job).payloads(max_bytes=job["max_bytes"])
        running = hashlib.sha256()
        _skip(made, skip, job["digest"], running, pipe)
        packer.start(running)
        for data in made:
            packer.add(data)
    packer.end()
    _send(pipe, END, b"")


def _skip(made: Iterator[bytes], count: int, digest: str, running: Any, pipe: BinaryIO) -> None:
    told = time.monotonic()
    for done in range(count):
        data = next(made, None)
        if data is None:
            raise UnitError(f"split gave {counted(done, 'payload')} where it had given {count:,} before; {_SAME}")
        update_digest(running, data)
        if time.monotonic() - told > SKIPPING_SECONDS:
            told = time.monotonic()
            _send(pipe, SKIPPING, b"")
    if count and running.hexdigest() != digest:
        raise UnitError(f"split gave other payloads than before the manager's restart; {_SAME}")


_SAME = "it must give the same ones each time (no time, no random numbers without a fixed seed, no order of a set)"


def _reduce(job: dict[str, Any], pipe: BinaryIO, source: BinaryIO) -> None:
    answer = _session(job).reduce(_results(source))
    _send(pipe, ANSWER, answer)


def _agree(job: dict[str, Any], pipe: BinaryIO, source: BinaryIO) -> None:
    session = _session(job)
    while True:
        kind, body = _receive(source)
        if kind != PACK:
            return
        (one, other), _ = unpack(body)
        for answer in (one, other):
            if not session.agree(answer, answer):
                raise UnitError("agree(a, a) is false: an answer must count as the same as itself")
        same = session.agree(one, other)
        if same != session.agree(other, one):
            raise UnitError(f"agree(a, b) is {same} and agree(b, a) is {not same}; the order must not matter")
        _send(pipe, ANSWER, b"1" if same else b"0")


def _results(source: BinaryIO) -> Iterator[bytes]:
    while True:
        kind, body = _receive(source)
        if kind != PACK:
            return
        yield from unpack(body)[0]


def _session(job: dict[str, Any]) -> Session:
    shelf = job["shelf"]
    sys.path.extend(shelf["paths"])
    stand_in(shelf["compiled"])
    return Session(
        job["source"],
        filename=job["filename"],
        params=_params(job),
        max_result_bytes=job["max_bytes"],
        module=shelf["module"],
    )


def _params(job: dict[str, Any]) -> bytes:
    return base64.b64decode(job["params"])


def _send(pipe: BinaryIO, kind: bytes, body: bytes) -> None:
    pipe.write(frame(kind, body))
    pipe.flush()


def _receive(source: BinaryIO) -> tuple[bytes, bytes]:
    head = source.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return END, b""
    kind, size = _HEAD.unpack(head)
    return kind, source.read(size)


def _limit(memory: int, cpu: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_FSIZE, 1024**3),
    ):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (value, value) if hard == resource.RLIM_INFINITY else (min(value, hard), hard))


def main() -> None:
    """Take one job, do it, and end."""
    source = os.fdopen(os.dup(0), "rb")
    pipe = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)  # what is printed past sys.stdout must not end up between the frames
    _, body = _receive(source)
    job = json.loads(body)
    _limit(job["memory"], job["cpu"])
    try:
        if job["does"] == "split":
            _split(job, pipe)
        elif job["does"] == "agree":
            _agree(job, pipe, source)
        else:
            _reduce(job, pipe, source)
    except DisioError as error:
        _send(pipe, ERROR, str(error).encode(errors="replace"))
    except MemoryError:
        _send(pipe, ERROR, f"{job['does']} needs more than {job['memory'] // 2**20:,} MiB of memory".encode())
    os._exit(0)  # threads and exit handlers of the unit's module have nothing to say any more


if __name__ == "__main__":
    main()
