"""Runs a researcher's ``split``, ``agree`` and ``reduce`` in a subprocess with limits: nothing there harms the manager.

The child is ``sandbox_child``. It makes payloads only as fast as they are taken (the pipe blocks it), and
is ended when it says nothing for too long.
"""

import asyncio
import base64
import contextlib
import errno
import os
import shutil
import signal
import struct
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from disio.errors import UnitError
from disio.manager import sandbox_child as child
from disio.manager.shelf import Shelf
from disio.unit.codec import MAX_BYTES

MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
RESULT_PACK_BYTES: Final = 1024 * 1024
_STDERR_KEPT: Final = 4000
_RETRY_SECONDS: Final = 1.0
_HEAD: Final = struct.Struct("<cI")

_log = structlog.get_logger("disio.sandbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a researcher's function may use: bytes of address space, seconds of CPU, seconds of silence."""

    memory: int = 2 * 1024**3
    cpu: int = 3600
    silence: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A unit's source with a task's parameters (codec bytes). ``owner``: the id of the manager that runs it."""

    source: str
    filename: str
    params: bytes
    has_split: bool = True
    shelf: Shelf = field(default_factory=Shelf)
    """Packages that it may import."""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """Payloads in codec bytes, and the digest over all payloads up to the last of them ("" if none is needed)."""

    payloads: list[bytes]
    digest: str


@dataclass(frozen=True, slots=True)
class Total:
    """How many payloads there will be in all."""

    count: int


async def split(code: Code, limits: Limits, *, skip: int = 0, digest: str = "") -> AsyncGenerator[Made | Total, None]:
    """A task's payloads, made as they are asked for. Close the iterator to end the child.

    Args:
        code: the unit and parameters.
        limits: what ``split`` may use; ``silence`` is the longest time from one payload to the next.
        skip: payloads that were made before (by an earlier process).
        digest: the digest that came with the last of them.

    Raises:
        UnitError: ``split`` raised, was silent for too long, used too much, gave something that cannot
            travel, or does not repeat itself.
    """
    job = {"does": "split", "has_split": code.has_split, "skip": skip, "digest": digest}
    async with _Child("split", code, limits, job) as process:
        while True:
            kind, body = await process.receive(limits.silence)
            if kind == child.PACK:
                try:
                    yield Made(*child.unpack(body))
                except ValueError as error:
                    raise UnitError(f"split wrote to the manager's pipe: {error}") from None
            elif kind == child.TOTAL:
                yield Total(int(body))
            elif kind == child.END:
                return


async def reduce(code: Code, limits: Limits, results: AsyncIterator[bytes]) -> bytes:
    """What the unit's ``reduce`` makes of the results (codec bytes, read as ``reduce`` asks for them).

    Raises:
        UnitError: ``reduce`` raised, took longer than ``limits.silence``, used too much, or returned
            something that cannot travel.
    """
    async with _Child("reduce", code, limits, {"does": "reduce"}) as process:
        feeding = asyncio.create_task(_feed(process, results))
        try:
            kind, body = await process.receive(limits.silence)
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
        if kind != child.ANSWER:
            raise UnitError("reduce wrote to the manager's pipe; only its return value may come back")
        return body


class Comparer:
    """A subprocess that has the unit's ``agree`` compare answers, one pair after the other. A context manager."""

    def __init__(self, code: Code, limits: Limits) -> None:
        self._child = _Child("agree", code, limits, {"does": "agree"})
        self._silence = limits.silence

    async def __aenter__(self) -> "Comparer":
        await self._child.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._child.__aexit__()

    async def agree(self, one: bytes, other: bytes) -> bool:
        """Whether two answers (codec bytes) count as the same.

        Raises:
            UnitError: ``agree`` raised, took too long, says something else the other way round, or does not
                find an answer to be the same as itself.
        """
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # receive tells why it died
            await self._child.send(child.PACK, child.pack([one, other]))
        kind, body = await self._child.receive(self._silence)
        if kind != child.ANSWER or body not in (b"0", b"1"):
            raise UnitError("agree wrote to the manager's pipe; only its return value may come back")
        return body == b"1"


async def _feed(process: "_Child", results: AsyncIterator[bytes]) -> None:
    # A reduce that has seen enough closes the pipe; that is its right.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        items: list[bytes] = []
        size = 0
        async for result in results:
            items.append(result)
            size += len(result)
            if size >= RESULT_PACK_BYTES or len(items) >= child.PACK_ITEMS:
                await process.send(child.PACK, child.pack(items))
                items, size = [], 0
        await process.send(child.PACK, child.pack(items))
        await process.send(child.END, b"")


def tidy(owner: str) -> None:
    """Remove the temporary folders that a manager left behind when it was killed; nobody may be using them."""
    with contextlib.suppress(OSError):  # there may be no directory for temporary files at present
        for folder in Path(tempfile.gettempdir()).glob(f"{_prefix(owner)}*"):
            shutil.rmtree(folder, ignore_errors=True)


def _prefix(owner: str) -> str:
    return f"disio-unit-{owner}-"


class _Child:
    """One subprocess with one job. Leaving the context ends it and everything it started."""

    def __init__(self, name: str, code: Code, limits: Limits, job: dict[str, Any]) -> None:
        self._name, self._code, self._limits = name, code, limits
        self._job = job
        self._stack = contextlib.AsyncExitStack()
        self._process: asyncio.subprocess.Process
        self._stderr: asyncio.Task[bytes]

    async def __aenter__(self) -> "_Child":
        async with contextlib.AsyncExitStack() as stack:
            folder = stack.enter_context(await self._folder())
            self._process = await self._start(folder)
            stack.push_async_callback(self._end)
            self._stderr = asyncio.create_task(self._read_stderr())
            job = {
                **self._job,
                "source": self._code.source,
                "filename": self._code.filename,
                "shelf": asdict(self._code.shelf),
                "params": base64.b64encode(self._code.params).decode(),
                "memory": self._limits.memory,
                "cpu": self._limits.cpu,
                "max_bytes": MAX_BYTES,
            }
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # receive tells why it died
                await self.send(child.JOB, msgspec.json.encode(job))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _folder(self) -> tempfile.TemporaryDirectory[str]:
        """A folder for the child alone; while the disk is full it is waited for, as for the database."""
        told = False
        while True:
            try:
                prefix = _prefix(self._code.owner)
                return tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
            except OSError as error:
                # ENOENT: what tempfile says when it finds no directory in which it can write.
                if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.ENOENT):
                    raise UnitError(
                        f"{self._name} cannot be run: the manager cannot make a folder for it ({error}); "
                        "set TMPDIR to a directory that it can write"
                    ) from None
                if not told:
                    _log.error("a unit's code waits for a folder; make room for temporary files", reason=str(error))
                told = True
            await asyncio.sleep(_RETRY_SECONDS)

    async def _start(self, folder: str) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                str(Path(child.__file__)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=folder,
                env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": folder, "TMPDIR": folder},
                start_new_session=True,
            )
        except OSError as error:
            raise UnitError(f"{self._name} cannot be run: the manager cannot start a process ({error})") from None

    async def send(self, kind: bytes, body: bytes) -> None:
        """Write a frame; waits while the child does not read."""
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        self._process.stdin.write(child.frame(kind, body))
        await self._process.stdin.drain()

    async def receive(self, seconds: float) -> tuple[bytes, bytes]:
        """The child's next frame.

        Raises:
            UnitError: the child says that it failed, ended without a word, or said nothing for so long.
        """
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        try:
            async with asyncio.timeout(seconds):
                kind, size = _HEAD.unpack(await self._process.stdout.readexactly(_HEAD.size))
                if size > MAX_FRAME_BYTES:
                    raise UnitError(f"{self._name} wrote to the manager's pipe; only its return value may come back")
                body = await self._process.stdout.readexactly(size)
        except TimeoutError:
            raise UnitError(self._silent(seconds)) from None
        except asyncio.IncompleteReadError:
            raise UnitError(await self._death()) from None
        if kind == child.ERROR:
            raise UnitError(body.decode(errors="replace"))
        return kind, body

    def _silent(self, seconds: float) -> str:
        if self._name == "split":
            return f"split gave no payload for {seconds:g} s and was stopped; make it yield payloads as it goes"
        if self._name == "agree":
            return f"agree took more than {seconds:g} s and was stopped; make it do less"
        return f"reduce took more than {seconds:g} s and was stopped; make it do less, or raise --reduce-timeout"

    async def _death(self) -> str:
        status = await self._process.wait()
        self._kill()  # what it has started may still hold the pipes
        noise = (await self._stderr).decode(errors="replace").strip()
        if status == -signal.SIGXCPU:
            why = f"used more than {self._limits.cpu} s of processor time"
        elif status < 0:
            why = f"was ended by {signal.Signals(-status).name}"
        else:
            why = f"ended its process (status {status})"
        return f"{self._name} {why}" + (f"; it wrote:\n{noise}" if noise else "")

    async def _read_stderr(self) -> bytes:
        assert self._process.stderr is not None  # noqa: S101 - asked for above
        kept = b""
        while chunk := await self._process.stderr.read(65536):
            kept = (kept + chunk)[-_STDERR_KEPT:]
        return kept

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _end(self) -> None:
        self._kill()
        # Unread payloads would keep wait() from returning; there is no public way to drop them.
        self._process._transport.close()  # type: ignore[attr-defined]
        await self._process.wait()
        self._stderr.cancel()
        await asyncio.gather(self._stderr, return_exceptions=True)
