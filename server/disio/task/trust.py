"""One arbiter for each task: it says who computes what next, and what is believed of the answers.

Where a researcher wants answers to be checked it is a :class:`~disio.task.jury.Jury`, else :class:`FirstAnswer`. Both
take the same calls, so that nobody else has to know which one it is.
"""

import itertools
import random
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, Protocol

from disio.task.ballot import FAILURE, NOBODY, Hands, Outcome, Pick, Verdict, VoteRow, VoterRow
from disio.task.credibility import Rules
from disio.task.judge import FAILURES_NEEDED
from disio.task.jury import Jury

ENOUGH_VOLUNTEERS: Final = 3
"""With so many present, a payload that failed in one is given to others first."""
OTHERS_FIRST_SECONDS: Final = 30.0
"""... but for no longer than this: the others may be busy with other tasks, or paused."""
_LOOKED_AT: Final = 64  # of failed payloads, in one go: bounds the work when a unit fails everywhere


class Arbiter(Protocol):
    """What the owner of a task asks, and tells, the one who decides. Payloads are known by their index.

    Volunteers are told of by :meth:`join` before they take anything. What is in an :class:`Outcome` is to be stored.
    """

    rules: Rules
    patience: float
    """How long a payload may be out, in seconds, until somebody who has nothing else to do may be given it as well."""

    @property
    def fresh(self) -> int:
        """Payloads that were added and not begun: add more when this runs low."""

    @property
    def waiting(self) -> int:
        """Payloads that somebody may be given now."""

    @property
    def overdue(self) -> int:
        """Payloads that are out, and that whoever has nothing else to do may be given as well."""

    def stirred(self, now: float) -> bool:
        """Whether something waits that did not at the last look: who was given nothing may be given it."""

    @property
    def settled(self) -> bool:
        """Whether all that was added is decided."""

    @property
    def ripe(self) -> bool:
        """Whether :meth:`forget_final` is worth its while."""

    @property
    def suspects(self) -> int:
        """Volunteers whose votes rest until a second opinion is there."""

    @property
    def shortage(self) -> tuple[int, int]:
        """How many volunteers of different networks the next answers take, and how many are here."""

    def answers(self, payload: int) -> dict[bytes, int]:
        """The digests of the answers to a payload in memory, and the first lease that each was given for."""

    def to_compare(self, volunteer: str, payload: int, digest: bytes) -> bool:
        """Whether an answer is to be compared before it counts; it is then as good as come."""

    def add(self, payloads: Iterable[int]) -> None:
        """Payloads that may be begun."""

    def join(self, volunteer: str, network: str | None = None, *, trusted: bool = False) -> VoterRow | None:
        """A volunteer is here; idempotent. What is to be stored of it once it is given something, if that is new."""

    def picks(self, volunteer: str, present: int, now: float) -> Iterator[Pick]:
        """Payloads for a volunteer, each leased to it when it is taken.

        Args:
            volunteer: its id.
            present: how many volunteers there are.
            now: monotonic seconds.
        """

    def keep(self, volunteer: str, payload: int) -> list[str] | None:
        """A volunteer keeps a state of a payload that it holds, from which others may go on.

        Returns the volunteers whose states of it nobody needs any more; None if this one is not needed.
        """

    def recall_states(self, states: Iterable[tuple[int, str, Hands]]) -> None:
        """States were stored, oldest first: payload, who kept it, on whose work it rests. They are of known voters."""

    def lease(self, volunteer: str, payload: int, *, check: bool = False, rests_on: Hands = NOBODY) -> bool:
        """A volunteer has a payload already, or again; whether its answer will be of use."""

    def answer(self, volunteer: str, payload: int, digest: bytes, lease: int = 0, rests_on: Hands = NOBODY) -> Outcome:
        """What a volunteer answered; ``FAILURE`` if it could not."""

    def give_back(self, volunteer: str, payload: int, *, recalled: bool = False) -> Outcome:
        """A lease ended without an answer; ``recalled``: by the owner's wish, not by the volunteer's doing."""

    def rest(self, volunteer: str) -> Outcome:
        """There is nothing for this volunteer now; idempotent."""

    def leave(self, volunteer: str) -> Outcome:
        """A volunteer is gone; idempotent."""

    def stands_for(self, payload: int) -> int:
        """The lease whose answer stands for a payload that was just decided."""

    def knows(self, payload: int) -> bool:
        """Whether a begun payload is in memory."""

    def forget_final(self) -> list[int]:
        """Take out of memory what is decided and not looked at any more; returns its payloads."""

    def recall(
        self,
        voters: Iterable[VoterRow],
        votes: Iterable[VoteRow],
        accepted: Mapping[int, tuple[bytes | None, int]],
        doubted: Collection[int] = (),
    ) -> Outcome:
        """Bring stored payloads back, as after a restart."""


def arbiter(rules: Rules, rng: random.Random, first_stint: int = 0) -> Arbiter:
    """The arbiter for these rules; ``first_stint`` is above every stint's number that was stored."""
    return FirstAnswer(rules) if rules.plain_votes == 1 else Jury(rules, rng, first_stint)


class FirstAnswer:
    """The first answer to a payload is taken; after three failures it is set aside.

    Payloads go out in order, those that come back before those that never went out. One that failed goes to others
    first: to the same volunteer only where few are there, or nobody else has taken it for a while. When nothing else
    waits, whoever is idle is given a copy of what has been out for longest: the end of a task does not wait for one
    slow volunteer.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.patience = float("inf")
        self._fresh: OrderedDict[int, None] = OrderedDict()
        self._again: OrderedDict[int, float] = OrderedDict()
        """Payloads that came back, and since when each waits for others than those it failed in (0: it does not)."""
        self._out: dict[int, tuple[float, str]] = {}
        """Payloads that are out, oldest first: since when, and with whom."""
        self._copies: dict[int, list[str]] = {}
        """Who else has them."""
        self._overdue = 0
        """Payloads of which copies may be given, at the last look."""
        self._now = 0.0
        self._failed: dict[int, list[str]] = {}
        """Open payloads and the volunteers in which they failed."""
        self._states: dict[int, str] = {}
        """Open payloads of which a state was kept, and who kept the last one."""
        self._stands: tuple[int, int] = (0, 0)
        self._stirred = False

    @property
    def fresh(self) -> int:
        """Payloads that never went out."""
        return len(self._fresh)

    @property
    def waiting(self) -> int:
        """Payloads that are not out."""
        return len(self._fresh) + len(self._again)

    @property
    def overdue(self) -> int:
        """Payloads that are out for too long, at the last look, and of which no copy is."""
        return self._overdue

    def stirred(self, now: float) -> bool:
        """Whether a payload came back since the last look, has waited long enough, or is out for too long."""
        before, self._overdue = self._overdue, 0
        if not (self._fresh or self._again):
            self._overdue = sum(1 for _ in self._slow(now))
        if self._overdue > before:
            return True
        stirred, self._stirred = self._stirred, False
        oldest = itertools.islice(self._again.values(), _LOOKED_AT)
        return stirred or any(since and now - since >= OTHERS_FIRST_SECONDS for since in oldest)

    @property
    def settled(self) -> bool:
        """Whether there is an answer to everything."""
        return not (self._fresh or self._again or self._out)

    @property
    def ripe(self) -> bool:
        """There is never anything to forget."""
        return False

    @property
    def suspects(self) -> int:
        """Nobody is suspected."""
        return 0

    @property
    def shortage(self) -> tuple[int, int]:
        """One volunteer will do, whoever comes."""
        return 0, 0

    def answers(self, payload: int) -> dict[bytes, int]:
        """None is remembered."""
        return {}

    def to_compare(self, volunteer: str, payload: int, digest: bytes) -> bool:
        """Whatever comes first is taken."""
        return False

    def add(self, payloads: Iterable[int]) -> None:
        """New payloads, at the end."""
        self._fresh.update(dict.fromkeys(payloads))

    def join(self, volunteer: str, network: str | None = None, *, trusted: bool = False) -> None:
        """All volunteers are believed."""

    def picks(self, volunteer: str, present: int, now: float) -> Iterator[Pick]:
        """The next payloads."""
        if self._again:
            yield from self._picks_again(volunteer, present, now)
        fresh, out = self._fresh, self._out
        self._now = now
        while fresh:
            payload = fresh.popitem(last=False)[0]
            out[payload] = now, volunteer
            yield self._pick(payload)
        if not self._again:
            yield from self._picks_slow(volunteer, now)

    def _picks_slow(self, volunteer: str, now: float) -> Iterator[Pick]:
        for payload in list(self._slow(now)):
            if self._out[payload][1] != volunteer and volunteer not in self._failed.get(payload, ()):
                self._copies[payload] = [volunteer]
                yield self._pick(payload)

    def _slow(self, now: float) -> Iterator[int]:
        """Payloads that one volunteer has, and has had for too long; the first ones."""
        for payload, (since, _) in itertools.islice(self._out.items(), _LOOKED_AT):
            if now - since >= self.patience and payload not in self._copies:
                yield payload

    def _picks_again(self, volunteer: str, present: int, now: float) -> Iterator[Pick]:
        passed_over = 0
        for _ in range(len(self._again)):
            if not self._again or passed_over >= _LOOKED_AT:
                return
            payload, since = self._again.popitem(last=False)
            if present >= ENOUGH_VOLUNTEERS and volunteer in self._failed.get(payload, ()):
                since = since or now
                if now - since < OTHERS_FIRST_SECONDS:
                    self._again[payload] = since
                    passed_over += 1
                    continue
            self._out[payload] = now, volunteer
            yield self._pick(payload)

    def _pick(self, payload: int) -> Pick:
        return Pick(payload, check=False, state=self._states.get(payload, "") if self._states else "")

    def keep(self, volunteer: str, payload: int) -> list[str] | None:
        """Whoever is next goes on from the last state."""
        if payload not in self._out:
            return None
        former = self._states.get(payload, volunteer)
        self._states[payload] = volunteer
        return [] if former == volunteer else [former]

    def recall_states(self, states: Iterable[tuple[int, str, Hands]]) -> None:
        """The last states of open payloads."""
        self._states.update((payload, keeper) for payload, keeper, _ in states)

    def lease(self, volunteer: str, payload: int, *, check: bool = False, rests_on: Hands = NOBODY) -> bool:
        """A payload is out, again or once more; False if somebody else has it already."""
        self._fresh.pop(payload, None)
        if self._again.pop(payload, None) is None and payload in self._out:
            self._copies.setdefault(payload, []).append(volunteer)
            return False
        self._out[payload] = self._now, volunteer
        return True

    def answer(self, volunteer: str, payload: int, digest: bytes, lease: int = 0, rests_on: Hands = NOBODY) -> Outcome:
        """The first answer counts."""
        outcome = Outcome()
        if digest == FAILURE:
            failed = self._failed.setdefault(payload, [])
            failed.append(volunteer)
            if len(failed) < FAILURES_NEEDED:
                self.give_back(volunteer, payload)
                return outcome
        self._failed.pop(payload, None)
        self._out.pop(payload, None)
        self._copies.pop(payload, None)
        self._again.pop(payload, None)
        self._states.pop(payload, None)
        self._stands = payload, lease
        outcome.verdicts.append(Verdict(payload, digest))
        return outcome

    def give_back(self, volunteer: str, payload: int, *, recalled: bool = False) -> Outcome:
        """A payload waits again, unless somebody else has it."""
        if payload not in self._out:
            return Outcome()
        since, holder = self._out[payload]
        others = self._copies.get(payload, [])
        if volunteer in others:
            others.remove(volunteer)
        elif others:
            self._out[payload] = since, others.pop(0)
        elif volunteer == holder:
            del self._out[payload]
            self._again[payload] = 0.0
            self._stirred = True
        if not others:
            self._copies.pop(payload, None)
        return Outcome()

    def rest(self, volunteer: str) -> Outcome:
        """Nothing follows from that."""
        return Outcome()

    def leave(self, volunteer: str) -> Outcome:
        """Nothing follows from that: its leases are given back one by one."""
        return Outcome()

    def stands_for(self, payload: int) -> int:
        """The lease whose answer was taken last."""
        assert self._stands[0] == payload  # noqa: S101 - asked for at once
        return self._stands[1]

    def knows(self, payload: int) -> bool:
        """Whether a payload is out, or came back."""
        return payload in self._out or payload in self._again

    def forget_final(self) -> list[int]:
        """What is decided is not remembered."""
        return []

    def recall(
        self,
        voters: Iterable[VoterRow],
        votes: Iterable[VoteRow],
        accepted: Mapping[int, tuple[bytes | None, int]],
        doubted: Collection[int] = (),
    ) -> Outcome:
        """Failures that were stored: payloads that came back, and are not to go to the same volunteers."""
        for vote in votes:
            self._failed.setdefault(vote.payload, []).append(vote.volunteer)
        return Outcome()
