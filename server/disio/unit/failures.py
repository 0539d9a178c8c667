"""Exceptions of a unit as what a researcher is shown: one line, and a traceback of their own module."""

import json
import reprlib
import traceback
from typing import Final, Literal

Kind = Literal["exception", "import", "unsupported", "too-large", "timeout", "crash", "payload"]

MAX_MESSAGE: Final = 500
"""Characters of a failure's message."""
MAX_TRACEBACK: Final = 16_000
"""Characters of a failure's traceback; the middle of a longer one is left out."""
_SHORT: Final = reprlib.Repr()
_SHORT.maxdict, _SHORT.maxstring, _SHORT.maxother = 20, 60, 60


def failure(kind: Kind, message: str, trace: str = "") -> bytes:
    """A failure as it travels: UTF-8 JSON with ``kind``, ``message`` (one line) and ``traceback``."""
    # Lone surrogates cannot travel as UTF-8: the manager would refuse the whole report.
    message, trace = (text.encode("utf-8", "backslashreplace").decode() for text in (message, trace))
    lines = message.strip().splitlines() or [kind]
    return json.dumps({"kind": kind, "message": lines[0][:MAX_MESSAGE], "traceback": _middle_cut(trace)}).encode()


def failure_of(kind: Kind, error: BaseException, filename: str) -> bytes:
    """The failure that an exception stands for; its traceback begins with the unit's own frames."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != filename:
        trace = trace.tb_next
    try:
        shown = traceback.TracebackException(type(error), error, trace)
        message = "".join(shown.format_exception_only())
        text = "".join(shown.format()) if trace is not None or isinstance(error, SyntaxError) else ""
    except Exception:  # what a unit raised may itself raise when it is looked at
        return failure(kind, type(error).__name__)
    if isinstance(error, SyntaxError):
        message = f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    return failure(kind, message, text)


def in_short(value: object) -> str:
    """A value as Python writes it, in one line; what is long in it is cut."""
    return " ".join(_SHORT.repr(value).split())


def _middle_cut(trace: str) -> str:
    if len(trace) <= MAX_TRACEBACK:
        return trace
    half = MAX_TRACEBACK // 2
    return f"{trace[:half]}\n[... {len(trace) - 2 * half:,} characters left out ...]\n{trace[-half:]}"
