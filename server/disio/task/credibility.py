"""How far an answer may be believed: the rules of one task, and the arithmetic behind them.

After L. Sarmenta, "Sabotage-tolerance mechanisms for volunteer computing systems" (Future Generation Computer
Systems, 2002). The paper multiplies the doubts of the voters, as if each saboteur chose for itself which
payloads to falsify. Here the saboteurs may agree on the payloads as well: a group of ``m`` voters that passed
``k`` checks together is wrong with at most ``(f / (1 - f)) ** m * max over s of s * (1 - s) ** k``, where ``f``
is the share of bad answers and ``s`` the share of payloads that they falsify. docs/trust.md derives it.
"""

import functools
import math
import re
from dataclasses import dataclass
from typing import Any, Final

from disio.errors import UsageError
from disio.unit.checking import Checking

MOST_VOTES = 64
"""More votes than this for one payload are never asked for at once."""
MOST_LEASES = 1000
"""No stint is longer."""
KEY_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What the key of an operator's volunteers may be called."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a researcher asks of the answers of one task.

    Attributes:
        error_rate: Share of accepted answers that may be wrong, 0 < ``error_rate`` <= 1; 1 switches checking off.
        assume_bad: Share of all answers assumed to come from bad volunteers, 0 <= ``assume_bad`` < 0.5.
        quorum: If not 0, plain voting: the first answer with this many votes is accepted, nobody is checked.
        stint: Leases after which a volunteer's answers are counted, if it stays that long; shorter visits
            count when they end.
        check_share: Share of leases that are spot-checks, or None to take the cheapest that the rest allows.
        by_network: Whether votes for one payload must come from different networks.
        trust_volunteers: Whether volunteers that hold an operator's key are believed outright; or the names of the
            keys whose holders are.
    """

    error_rate: float = 1e-4
    assume_bad: float = 0.05
    quorum: int = 0
    stint: int = 20
    check_share: float | None = None
    by_network: bool = True
    trust_volunteers: bool | tuple[str, ...] = True

    def __post_init__(self) -> None:
        if not 0 < self.error_rate <= 1:
            raise UsageError(f"error_rate is {self.error_rate:g}: give a share above 0, up to 1 (1: no checking)")
        if not 0 <= self.assume_bad < 0.5:
            raise UsageError(
                f"assume_bad is {self.assume_bad:g}: give a share from 0 to below 0.5 "
                "(where half of the answers are bad, no vote can tell which half)"
            )
        if not 0 <= self.quorum <= MOST_VOTES:
            raise UsageError(f"quorum is {self.quorum}: give a number of votes from 0 (none) to {MOST_VOTES}")
        if not 2 <= self.stint <= MOST_LEASES:
            raise UsageError(f"stint is {self.stint}: give from 2 to {MOST_LEASES} leases")
        if self.check_share is not None and not 0 <= self.check_share <= 0.5:
            raise UsageError(f"check_share is {self.check_share:g}: give a share from 0 to 0.5")
        for key in () if isinstance(self.trust_volunteers, bool) else self.trust_volunteers:
            if not KEY_NAME.fullmatch(key):
                raise UsageError(
                    f"trust_volunteers has {key[:80]!r}, which names no key: "
                    "give the NAME with which `disio keys volunteer NAME` made it"
                )

    @classmethod
    def of(cls, *stated: Checking) -> "Rules":
        """The rules that were stated, the last word counting; the defaults for the rest.

        Raises:
            UsageError: they make no sense.
        """
        asked: dict[str, Any] = {}
        for one in stated:
            asked |= one.stated()
        return cls(**asked)

    def trusts(self, key: str) -> bool:
        """Whether the holder of a key ("" for none) is believed outright."""
        return bool(key) and (self.trust_volunteers is True or key in (self.trust_volunteers or ()))

    @property
    def plain_votes(self) -> int:
        """Votes for plain voting, 0 if answers are judged by credibility."""
        if self.quorum:
            return self.quorum
        return 1 if self.error_rate >= 1 or self.assume_bad == 0 else 0

    @property
    def odds(self) -> float:
        """What one vote leaves of doubt: bad answers for each good one."""
        return self.assume_bad / (1 - self.assume_bad)

    @property
    def checks(self) -> int:
        """Spot-checks among the leases of one stint."""
        if self.plain_votes:
            return 0
        if self.check_share is not None:
            return round(self.check_share * self.stint)
        return cheapest_checks(self.odds, self.error_rate, self.stint)

    @property
    def votes_to_start(self) -> int:
        """Volunteers of different networks that the first payloads take: with fewer of them, nothing is accepted.

        Later payloads take fewer, as their voters have been found right elsewhere by then. One trusted volunteer
        does as well.
        """
        if self.plain_votes:
            return self.plain_votes
        return max(1, math.ceil(math.log(self.error_rate) / math.log(self.odds) - 1e-9))

    def weight(self, hands: int) -> float:
        """What a vote is worth on whose answer so many networks worked, one going on from the state of another.

        It is bad if one of them is, which has the odds of ``(1 - f) ** -hands - 1``, where those of one vote are
        ``f / (1 - f)``: as many votes as it takes to bring the doubt down to the same. 1.0 in plain voting.
        """
        if self.plain_votes or hands <= 1:
            return 1.0
        odds = (1 - self.assume_bad) ** -hands - 1
        return max(0.0, math.log(odds) / math.log(self.odds)) if odds < 1 else 0.0

    def doubt(self, votes: float, evidence: float) -> float:
        """Upper bound of the share of wrong answers among those that lead by this much.

        Args:
            votes: What the votes of the leading group are worth, less those of its rival; may be negative.
            evidence: Checks that the leading group's voters passed, less those of the rival's.
        """
        return float(self.odds**votes * falsified_share(max(0.0, evidence)))


def falsified_share(evidence: float) -> float:
    """Greatest share of payloads that are falsified by somebody who passes so many checks.

    The maximum over ``s`` of ``s * (1 - s) ** evidence``, reached at ``s = 1 / (evidence + 1)``.
    """
    return math.exp(evidence * math.log(evidence / (evidence + 1))) / (evidence + 1) if evidence > 0 else 1.0


@functools.cache
def evidence_needed(odds: float, error_rate: float, votes: int) -> float:
    """Least evidence with which a lead of ``votes`` is enough; infinite if none is."""
    if votes <= 0:
        return math.inf
    share = error_rate / odds**votes
    if share >= 1:
        return 0.0
    low, high = 0.0, 1.0 / share
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if falsified_share(middle) <= share else (middle, high)
    return high


@functools.cache
def cheapest_checks(odds: float, error_rate: float, stint: int) -> int:
    """Spot-checks in a stint for which a payload needs the fewest executions.

    Where two votes or more are needed, a sixth of a stint's other answers is counted on to have been confirmed by
    the votes of others by the time that matters. One check in ten leases is the least: it finds the crudest early.
    """
    best, cost = stint // 2, math.inf
    for checks in range(max(1, round(stint / 10)), stint // 2 + 1):
        share = 1 - checks / stint
        for votes in range(1, MOST_VOTES + 1):
            confirmed = votes * (stint - checks) / 6 if votes > 1 else 0.0
            if odds**votes * falsified_share(votes * checks + confirmed) <= error_rate * share:
                if votes / share < cost:
                    best, cost = checks, votes / share
                break
    return best
