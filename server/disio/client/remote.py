"""What went wrong far away as exceptions here: of the same kind where that kind is known here, never unpickled."""

import builtins
import contextlib
import errno
import re
from concurrent.futures import BrokenExecutor
from typing import Any

import msgspec

from disio.client.functions import Program
from disio.errors import DisioError


class RemoteTraceback(Exception):  # noqa: N818 - as in concurrent.futures: it is the cause of an error, and no error
    """The traceback of an exception that was raised in a volunteer's interpreter."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


class RemoteError(DisioError):
    """A call raised an exception whose class is not known here; its name and message are in this one's."""

    code = "remote"


class CallFailedError(BrokenExecutor):
    """A call could not be made in several volunteers: its interpreter ended, or its value could not travel."""


def error_of(told: Any, program: Program) -> BaseException:
    """The exception that a call raised: of its own class if that is a builtin one, or one that the function came with.

    Its cause is a :class:`RemoteTraceback`.
    """
    if not isinstance(told, dict):
        return RemoteError("the call raised something that was not told")
    module, name, args = told.get("module"), str(told.get("name")), told.get("args")
    kind = getattr(builtins, name, None) if module == "builtins" else program.exceptions.get((str(module), name))
    error: BaseException | None = None
    if isinstance(kind, type) and issubclass(kind, Exception) and isinstance(args, list):
        with contextlib.suppress(Exception):  # it may not take these arguments
            error = kind(*_here(args, told.get("errno"), kind))
    if error is None:
        shown = ", ".join(map(str, args)) if isinstance(args, list) else ""
        error = RemoteError(f"{name}: {shown}" if shown else name)
    for note in told.get("notes") or ():
        error.add_note(str(note))
    error.__cause__ = RemoteTraceback(str(told.get("traceback", "")))
    return error


def _here(args: list[Any], named: Any, kind: type[BaseException]) -> list[Any]:
    """Arguments of an OSError with the number that its error has here: browsers have others."""
    number = getattr(errno, named, None) if isinstance(named, str) and named in errno.errorcode.values() else None
    return [number, *args[1:]] if number is not None and issubclass(kind, OSError) else args


def failure_of(data: bytes) -> BaseException:
    """The exception for a call that was set aside after it failed in several volunteers."""
    told = {"kind": "", "message": "", "traceback": "", **msgspec.json.decode(data)}
    # The answer is a list of what each call did, of this one alone: [[0, its result]].
    said = re.sub(r"^the answer cannot travel: value\[0\]\[1\](?=[:\[])", "the result", str(told["message"]))
    message = f"the call failed in every volunteer that tried ({told['kind']}): {said}"
    error = TimeoutError(message) if told["kind"] == "timeout" else CallFailedError(message)
    if told["traceback"]:
        error.__cause__ = RemoteTraceback(told["traceback"])
    return error
