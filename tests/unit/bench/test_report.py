"""What a benchmark reports, and when it counts as kept."""

import io
import json

from rich.console import Console

from bench.report import Report, readable, spread


def test_targets() -> None:
    """A report is ok when every figure with a target keeps it; the JSON says all of it."""
    report = Report("speed")
    report.add("rate_per_s", 3000.0, (">=", 3000))
    report.add("boot_ratio", 0.2, ("<=", 0.20))
    report.add("peer_per_s", 1.0)
    assert report.ok
    assert json.loads(report.as_json()) == {
        "figures": {"rate_per_s": 3000.0, "boot_ratio": 0.2, "peer_per_s": 1.0},
        "targets": {"rate_per_s": [">=", 3000], "boot_ratio": ["<=", 0.2]},
        "ok": True,
        "notes": [],
    }


def test_a_missed_target_is_told() -> None:
    """One missed target is enough for the report not to be ok, and the table names it."""
    report = Report("speed")
    report.add("rate_per_s", 2999.0, (">=", 3000))
    assert not report.ok
    text = io.StringIO()
    report.print(Console(file=text, width=100))
    assert "missed" in text.getvalue()


def test_numbers_for_people() -> None:
    """Numbers are written with as many digits as mean something, repeated ones with their spread."""
    assert [readable(value) for value in (27945.3, 0.19365, 12.3456)] == ["27,945", "0.194", "12.3"]
    assert spread([3.0, 1.0, 2.0]) == "median 2 (1 to 3)"
