"""What a client hands out: results with their values decoded."""

from dataclasses import dataclass
from typing import Any

from disio.unit import codec
from disio.wire import api, grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One accepted result: ``value`` is what ``run(payload)`` returned, ``ms`` its computing time.

    ``settled`` is when it was accepted, in microseconds of Unix time; ``votes``: how many gave this answer until it was
    read. Who they are, the task tells: ``task.votes(index)``.
    """

    index: int
    payload: Any
    value: Any
    ms: float
    volunteer: str
    log: str
    settled: int
    votes: int

    @classmethod
    def from_line(cls, line: api.ResultLine) -> "Result":
        """From a line of the API, by its exact encoding."""
        return cls(
            index=line.index,
            payload=codec.decode(api.from_base64(line.payload_encoded)),
            value=codec.decode(api.from_base64(line.encoded)),
            ms=line.ms,
            volunteer=line.volunteer,
            log=line.log,
            settled=line.settled,
            votes=line.votes,
        )

    @classmethod
    def from_outcome(cls, seen: grid.OutcomeView) -> "Result":
        """From an accepted outcome that came with its payload."""
        return cls(
            index=seen.index,
            payload=codec.decode(seen.payload),
            value=codec.decode(seen.data),
            ms=seen.ms,
            volunteer=seen.volunteer,
            log=seen.log,
            settled=seen.settled,
            votes=seen.votes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What the unit printed while it computed one payload."""

    index: int
    text: str
    volunteer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a unit emitted while it computed a payload; ``at``: when it came, in microseconds of Unix time."""

    at: int
    index: int
    value: Any
    volunteer: str

    @classmethod
    def from_line(cls, line: api.EventLine) -> "Event":
        """From a line of the API, by its exact encoding."""
        value = codec.decode(api.from_base64(line.encoded))
        return cls(at=line.at, index=line.index, value=value, volunteer=line.volunteer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A payload that was set aside after failing in several volunteers (with these browsers), with its last failure.

    ``kind`` is one of exception, import, unsupported, too-large, timeout, crash, payload.
    """

    index: int
    payload: Any
    kind: str
    message: str
    traceback: str
    log: str
    volunteers: tuple[str, ...]
    browsers: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For people: which payload, where, the unit's own lines, what had been printed."""
        where = f" in {', '.join(sorted(set(self.browsers)))}" if any(self.browsers) else ""
        lines = [f"payload {self.index} failed{where}: {self.message}", self.traceback.rstrip()]
        lines += ["it printed:", self.log.rstrip()] if self.log else []
        return "\n".join(filter(None, lines))

    @classmethod
    def from_line(cls, line: api.FailureLine) -> "Failure":
        """From a line of the API."""
        return cls(
            index=line.index,
            payload=codec.decode(api.from_base64(line.payload_encoded)),
            kind=line.kind,
            message=line.message,
            traceback=line.traceback,
            log=line.log,
            volunteers=tuple(line.volunteers),
            browsers=tuple(line.browsers),
        )
