"""Wrong answers accepted, and executions paid for each payload, with colluding saboteurs among the volunteers.

A simulation that drives the real jury (``disio.task.jury``). The peer is first-to-m voting, without checks and
blacklisting, with the smallest m that reaches the same error.
"""

import argparse
import math
from dataclasses import dataclass

from rich.console import Console

from bench.report import Report
from bench.sabotage import KINDS, TABS, VISIT, Found, Kind, simulate
from bench.trust_grid import measure_grid
from disio.task.credibility import Rules

PAYLOADS = 20_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Case:
    """A share of bad visits, the error rate that is stated, and the executions that are allowed."""

    bad: float
    error_rate: float
    executions: float

    @property
    def name(self) -> str:
        """Short, for figures."""
        return f"bad_{self.bad * 100:g}pct_error_{self.error_rate:g}"


CASES = (Case(0.2, 1e-4, 5.0), Case(0.05, 1e-4, 3.0), Case(0.01, 1e-3, 1.9))

Scene = tuple[Kind, tuple[float, ...], int]
"""What saboteurs do, the rates, and how often each is repeated."""

FULL: tuple[Scene, ...] = (
    ("each", (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0), 1),
    ("concerted", (0.02, 0.05, 0.1, 0.3), 2),
    ("turncoat", (0.05, 0.2, 1.0), 2),
    ("renamed", (0.05, 0.3), 2),
    ("moved", (0.05, 0.3), 2),
    ("plotting", (0.1, 0.3, 1.0), 2),
)
QUICK: tuple[Scene, ...] = (("each", (0.1,), 1), ("concerted", (0.05,), 1))


def first_to(bad: float, error_rate: float) -> tuple[int, float]:
    """First-to-m voting against colluders: the smallest m that keeps the error rate, and its mean executions."""
    votes = 1
    while wrong_first(votes, bad) > error_rate:
        votes += 1
    lengths = range(votes, 2 * votes)
    chances = [
        math.comb(length - 1, votes - 1)
        * (bad**votes * (1 - bad) ** (length - votes) + (1 - bad) ** votes * bad ** (length - votes))
        for length in lengths
    ]
    return votes, sum(length * chance for length, chance in zip(lengths, chances, strict=True))


def wrong_first(votes: int, bad: float) -> float:
    """Probability that the wrong answer has so many votes before the right one has."""
    return sum(math.comb(votes - 1 + good, good) * bad**votes * (1 - bad) ** good for good in range(votes))


def at_most(count: int, payloads: int) -> float:
    """Upper confidence bound of a rate of which ``count`` cases were seen (Poisson, one-sided)."""
    low, high = float(count), count + 10.0 * math.sqrt(count + 1) + 10
    for _ in range(60):
        mean = (low + high) / 2
        below = sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))
        low, high = (mean, high) if below > 1 - CONFIDENCE else (low, mean)
    return high / payloads


async def measure(options: argparse.Namespace, console: Console) -> Report:
    """Every case against every kind of saboteur; quick: fewer rates, and two kinds."""
    report = Report(f"trust: visits of {VISIT} payloads, {TABS} at a time, {PAYLOADS:,} payloads")
    for case in CASES:
        for kind, rates, repeats in QUICK if options.quick else FULL:
            runs = []
            for rate in rates:
                for repeat in range(repeats if case.error_rate < 1e-3 else 1):
                    seed = 1000 * repeat + round(100 * rate)
                    rules = Rules(error_rate=case.error_rate, assume_bad=case.bad)
                    found = simulate(rules, case.bad, kind, rate, payloads=PAYLOADS, seed=seed)
                    runs.append(found)
                    console.print(
                        f"{case.bad:4.0%} bad, {case.error_rate:g} stated, {kind:9} {rate:4}: "
                        f"{found.executions / found.payloads:.2f} executions, {found.wrong} wrong "
                        f"({found.ever_wrong} at any time), {found.caught} saboteurs and {found.wronged} honest "
                        "visits blacklisted",
                        style="dim",
                    )
            _add(report, case, kind, runs)
        votes, executions = first_to(case.bad, case.error_rate)
        report.add(f"{case.name}_first_to_{votes}_executions", executions)
    await _measure_manager(report, 300 if options.quick else 2000, console)
    report.notes += [f"{kind}: {text}" for kind, text in KINDS.items()]
    report.notes.append(
        "executions: the mean at the sabotage rate that costs most, checks counted; error: wrong answers that stood "
        f"at the end, all rates together; error_upper: its {CONFIDENCE:.0%} confidence bound"
    )
    return report


async def _measure_manager(report: Report, payloads: int, console: Console) -> None:
    """The same rules in a real manager, through its socket, with the saboteurs of the first case."""
    bad, stated, rate = 0.2, 1e-3, 0.1
    console.print(f"a real manager: {payloads:,} payloads, {bad:.0%} bad", style="dim")
    checking = {"error_rate": stated, "assume_bad": bad}
    found = await measure_grid(checking, bad, rate, payloads=payloads, seed=1)
    votes, executions = first_to(bad, stated)
    report.add("manager_executions", found.executions / found.payloads)
    report.add("manager_wrong", float(found.wrong), ("<=", math.ceil(stated * payloads)))
    report.add("manager_blacklisted", float(found.blacklisted))
    report.add(f"manager_first_to_{votes}_executions", executions)


def _add(report: Report, case: Case, kind: Kind, runs: list[Found]) -> None:
    payloads = sum(run.payloads for run in runs)
    wrong = sum(run.wrong for run in runs)
    name = f"{case.name}_{kind}"
    most = max(run.executions / run.payloads for run in runs)
    report.add(f"{name}_executions", most, ("<=", case.executions) if kind == "each" else None)
    report.add(f"{name}_error", wrong / payloads, ("<=", case.error_rate))
    enough = at_most(0, payloads) <= case.error_rate / 2
    report.add(f"{name}_error_upper", at_most(wrong, payloads), ("<=", case.error_rate) if enough else None)
