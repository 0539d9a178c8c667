"""What a benchmark found: figures, the targets they are held against, and how both are printed."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console
from rich.table import Table

Bound = tuple[Literal[">=", "<="], float]


@dataclass
class Report:
    """Figures by name, with units in the name (``_ms``, ``_per_s``, ``_ratio``), and their targets."""

    title: str
    figures: dict[str, float] = field(default_factory=dict)
    targets: dict[str, Bound] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, value: float, target: Bound | None = None) -> None:
        """Add one figure, and the bound it has to keep if it has one."""
        self.figures[name] = value
        if target is not None:
            self.targets[name] = target

    def meets(self, name: str) -> bool:
        """Whether a figure keeps its bound; one without a bound does."""
        if name not in self.targets:
            return True
        comparison, bound = self.targets[name]
        value = self.figures[name]
        return value >= bound if comparison == ">=" else value <= bound

    @property
    def ok(self) -> bool:
        """Whether every target is met."""
        return all(self.meets(name) for name in self.targets)

    def as_json(self) -> str:
        """One JSON object: figures, targets, ok, notes."""
        targets = {name: list(bound) for name, bound in self.targets.items()}
        return json.dumps({"figures": self.figures, "targets": targets, "ok": self.ok, "notes": self.notes})

    def print(self, console: Console) -> None:
        """A table for people."""
        table = Table(title=self.title, title_justify="left")
        table.add_column("figure")
        table.add_column("measured", justify="right")
        table.add_column("target", justify="right")
        table.add_column("")
        for name, value in self.figures.items():
            bound = self.targets.get(name)
            verdict = "" if bound is None else "[green]met[/]" if self.meets(name) else "[red]missed[/]"
            table.add_row(name, readable(value), "" if bound is None else f"{bound[0]} {bound[1]:g}", verdict)
        console.print(table)
        for note in self.notes:
            console.print(f"[dim]{note}[/]")


def readable(value: float) -> str:
    """A number with as many digits as mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(values: Sequence[float]) -> str:
    """Median, least and greatest of repeated measurements."""
    return f"median {readable(statistics.median(values))} ({readable(min(values))} to {readable(max(values))})"
