"""A trial as a JUnit report."""

from xml.etree import ElementTree as ET

from disio.testing.junit import junit
from disio.testing.trial import Outcome, Trial, Tried
from disio.unit.contract import load_unit

UNIT = load_unit("def run(payload):\n    return payload\n", "unit.py")


def tried(place: str, *outcomes: Outcome) -> Tried:
    """A place with these outcomes."""
    return Tried(place=place, version="1", outcomes=list(outcomes), seconds=1.0, boot_ms=5.0, memory_bytes=1)


def test_a_suite_for_each_place_and_a_case_for_each_payload() -> None:
    """What failed or differs is a failure with its text and what was printed; odd characters are no harm."""
    same = Outcome(index=0, data=b"1", ms=1.0, log="hello\x00")
    failed = Outcome(index=1, failure="ValueError: no\nTraceback ...", ms=1.0)
    native = tried("native", same, failed, Outcome(index=2, data=b"2", ms=1.0))
    browser = tried("chromium", same, failed, Outcome(index=2, data=b"3", ms=1.0))
    trial = Trial(unit=UNIT, tried=[native, browser])
    assert (trial.ok, trial.different(native), trial.different(browser)) == (False, [], [2])
    root = ET.fromstring(junit(trial))
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in root] == [
        ("native", "3", "1"),
        ("chromium", "3", "2"),
    ]
    case = root.find("testsuite[@name='chromium']/testcase[@name='payload 2']/failure")
    assert case is not None
    assert case.get("message") == "differs from this machine's: 3, not 2"
    assert [printed.text for printed in root.iter("system-out")] == ["hello\ufffd"] * 2


def test_a_trial_without_differences_is_fine() -> None:
    """Failures of both sides are failures all the same."""
    right = Outcome(index=0, data=b"1", ms=1.0)
    wrong = Outcome(index=0, failure="x", ms=1.0)
    assert Trial(unit=UNIT, tried=[tried("native", right), tried("chromium", right)]).ok
    assert not Trial(unit=UNIT, tried=[tried("native", wrong), tried("chromium", wrong)]).ok


def test_a_units_own_agree_decides_what_differs() -> None:
    """With agree, answers of other bytes may count as the same; a failure is never the same as an answer."""
    native = tried("native", Outcome(index=0, data=b"1.0", ms=1.0), Outcome(index=1, data=b"1.0", ms=1.0))
    browser = tried("chromium", Outcome(index=0, data=b"1.1", ms=1.0), Outcome(index=1, failure="x", ms=1.0))
    trial = Trial(unit=UNIT, tried=[native, browser], agree=lambda one, other: one[:1] == other[:1])
    assert trial.different(browser) == [1]
