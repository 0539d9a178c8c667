"""Start Disio's own commands as real processes, wait until they are ready, and end them for certain.

A child is ended with its process group; should this process be killed, the kernel ends the child too
(Linux) or the child notices that its standard input has closed.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from disio.errors import DisioError

READY_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0
_PR_SET_PDEATHSIG: Final = 1


def die_with_parent() -> None:
    """For ``preexec_fn``: have the kernel end this child when its parent's thread ends (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _Complaint(msgspec.Struct):
    """What a command that was asked for JSON says when it cannot go on."""

    error: str
    message: str


class Process:
    """One ``disio`` command running as a child. Its standard error goes to a log file.

    Args:
        arguments: what follows ``disio`` on the command line; ``--json`` is added.
        log: where standard error goes.
        environment: variables added to this process's own.
    """

    def __init__(self, arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.arguments = tuple(arguments)
        self.log = log
        self.ready: dict[str, Any] = {}
        self._environment = {**os.environ, **(environment or {})}
        self._child: asyncio.subprocess.Process | None = None

    async def start(self) -> Self:
        """Start the command and wait for its ready line.

        Raises:
            DisioError: it ended, or said nothing in 30 seconds; with what it said of that, or the end of its log.
        """
        with self.log.open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # what lies in the folder that somebody works in is not for the grid to import
                "-m",
                "disio",
                *self.arguments,
                "--json",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self._environment,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        assert self._child.stdout is not None  # noqa: S101 - asked for above
        try:
            async with asyncio.timeout(READY_SECONDS):
                line = await self._child.stdout.readline()
        except TimeoutError:
            line = b""
        if not line:
            await self.kill()
            raise DisioError(self._why_not())
        self.ready = msgspec.json.decode(line)
        return self

    @property
    def pid(self) -> int:
        """The child's process id."""
        assert self._child is not None  # noqa: S101 - only asked of a started process
        return self._child.pid

    @property
    def port(self) -> int:
        """The TCP port that the process listens on."""
        if "port" in self.ready:  # a distributor's public address need not be its own
            return int(self.ready["port"])
        return int(str(self.ready.get("address") or self.ready["url"]).rpartition(":")[2])

    @property
    def running(self) -> bool:
        """Whether the child is still there."""
        return self._child is not None and self._child.returncode is None

    def log_end(self, lines: int = 25) -> str:
        """The last lines that the child wrote to its standard error."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _why_not(self) -> str:
        try:
            reason = msgspec.json.decode(self.log_end(1), type=_Complaint).message
        except msgspec.MsgspecError:
            return f"`disio {' '.join(self.arguments)}` did not become ready:\n{self.log_end()}"
        return f"the {self.arguments[0]} did not start: {reason}"

    async def stop(self) -> int:
        """Ask the child to end (SIGTERM), and end it for certain after five seconds; its exit status."""
        if self._child is None:
            return 0
        if self.running:
            self._child.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._child.wait()
            except TimeoutError:
                await self.kill()
        return await self._child.wait()

    async def kill(self) -> None:
        """SIGKILL, as a power cut would; returns once the child is gone."""
        if self._child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        await self._child.wait()

    def freeze(self) -> None:
        """SIGSTOP: the process is there but answers nothing, as behind a cut link."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: undo :meth:`freeze`."""
        os.kill(self.pid, signal.SIGCONT)
