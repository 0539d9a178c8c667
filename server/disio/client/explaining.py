"""A task's failures summed up by kind: what went wrong, where in the unit, how often, and what helps."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

from disio.client.local import LocalFailure
from disio.client.models import Failure

EXAMPLES: Final = 5
"""Payloads that are named for each kind of failure."""
MOST_KINDS: Final = 1000
"""Kinds of failures that are told apart; what comes after them is counted together."""

_ADVICE: Final = {
    "exception": "run it here with the same payload: disio run --local, or call run(payload) in a debugger",
    "import": "the module does not load in the browser's Python: state packages as PEP 723 dependencies, "
    "and import what only you need below `if __name__ == '__main__':`",
    "unsupported": "return values that the codec takes (numbers, text, bytes, lists, dicts, sets, dates, numpy arrays)",
    "too-large": "return less: a summary for each payload, or smaller payloads",
    "timeout": "make payloads smaller, or raise `timeout` under [tool.disio]",
    "crash": "the interpreter ended: too much memory, or too deep a recursion; make payloads smaller",
    "payload": "the payload could not be read: was it made by another version of Disio?",
}
_ADVICE_FOR: Final = (
    (
        re.compile(r"ModuleNotFoundError: No module named '(?P<name>\w+)"),
        'if {name} is a package, state it above: # /// script, # dependencies = ["{name}"], # ///; '
        "if it is a part of Python, browsers do not have it; if it is a file of yours, submit the folder",
    ),
    (
        re.compile("can't start new thread"),
        "browsers' Python has no threads: compute in a plain loop, and make more and smaller payloads instead",
    ),
    (re.compile("^MemoryError"), "make payloads smaller; a browser's interpreter has less memory than your machine"),
)
"""What helps with exceptions that say so in their message."""
_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>.+)$', re.MULTILINE)
_FURTHER: Final = ("further", "", "")
_VALUES = re.compile(r"""'[^']*'|"[^"]*"|\d+(?:\.\d+)?""")


@dataclass(slots=True, kw_only=True)
class FailureKind:
    """Failures that look alike: the same kind, the same exception, the same place in the unit.

    Attributes:
        kind: as in :class:`~disio.client.Failure`.
        message: of the first of them.
        place: ``unit.py:12 in run``; empty if the failure has no place in the unit.
        indexes: the first payloads that failed so.
        payloads: how many did.
        volunteers: in how many volunteers they failed.
        browsers: with which browsers and versions.
        traceback: of the first of them.
        log: what that payload had printed before.
        advice: what helps, as a rule.
    """

    kind: str
    message: str
    place: str = ""
    traceback: str = ""
    log: str = ""
    advice: str = ""
    payloads: int = 0
    indexes: list[int] = field(default_factory=list)
    browsers: set[str] = field(default_factory=set)
    _volunteers: set[str] = field(default_factory=set, repr=False)

    @classmethod
    def like(cls, failure: Failure, place: str) -> Self:
        """The kind of which this failure is the first."""
        return cls(
            kind=failure.kind,
            message=failure.message,
            place=place,
            traceback=failure.traceback,
            log=failure.log,
            advice=_advice(failure),
        )

    @classmethod
    def further(cls) -> Self:
        """What is left when there are too many kinds to tell apart."""
        return cls(kind="further", message="failures of further kinds")

    @property
    def volunteers(self) -> int:
        """In how many volunteers these payloads failed."""
        return len(self._volunteers)

    def count(self, failure: Failure) -> None:
        """One more of these."""
        self.payloads += 1
        self._volunteers.update(failure.volunteers)
        self.browsers.update(filter(None, failure.browsers))
        if len(self.indexes) < EXAMPLES:
            self.indexes.append(failure.index)


def explain(failures: Iterable[Failure]) -> list[FailureKind]:
    """The kinds of failures of a task, the most frequent first. Memory grows with the kinds, not with the failures."""
    kinds: dict[tuple[str, str, str], FailureKind] = {}
    for failure in failures:
        key = likeness(failure)
        known = kinds.get(key if len(kinds) < MOST_KINDS or key in kinds else _FURTHER)
        if known is None:
            known = FailureKind.like(failure, key[1]) if len(kinds) < MOST_KINDS else FailureKind.further()
            kinds[key if len(kinds) < MOST_KINDS else _FURTHER] = known
        known.count(failure)
    return sorted(kinds.values(), key=lambda kind: -kind.payloads)


def _advice(failure: Failure) -> str:
    for pattern, advice in _ADVICE_FOR:
        if found := pattern.search(failure.message):
            return advice.format(**found.groupdict())
    return _ADVICE.get(failure.kind, "")


def likeness(failure: Failure | LocalFailure) -> tuple[str, str, str]:
    """Equal for failures that look alike: its kind, its place in the unit, and its message without its values."""
    return failure.kind, place_of(failure.traceback), _VALUES.sub("#", failure.message)


def place_of(traceback: str) -> str:
    """The innermost frame of a traceback that is the unit's own: the file of the first frame counts as the unit."""
    frames = list(_FRAME.finditer(traceback))
    own = [frame for frame in frames if frame["file"] == frames[0]["file"]]
    return f"{own[-1]['file']}:{own[-1]['line']} in {own[-1]['function']}" if own else ""
