"""A trial as a JUnit report, which CI services show: a suite for each place, a case for each payload."""

import re
from typing import Final
from xml.etree import ElementTree as ET

from disio.testing.trial import Outcome, Trial, Tried

_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(trial: Trial) -> bytes:
    """The report, as XML in UTF-8."""
    root = ET.Element("testsuites", name=f"disio test {trial.unit.filename}")
    for place in trial.tried:
        _suite(root, trial, place)
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _suite(root: ET.Element, trial: Trial, place: Tried) -> None:
    different = set(trial.different(place))
    failed = sum(bool(outcome.failure) or outcome.index in different for outcome in place.outcomes)
    suite = ET.SubElement(root, "testsuite", name=place.place, tests=str(len(place.outcomes)), failures=str(failed))
    suite.set("time", f"{place.seconds:.3f}")
    properties = ET.SubElement(suite, "properties")
    for name in ("version", "boot_ms", "load_ms", "memory_bytes"):
        value = getattr(place, name)
        if value is not None:
            ET.SubElement(properties, "property", name=name, value=str(value))
    native = {outcome.index: outcome for outcome in trial.tried[0].outcomes}
    for outcome in place.outcomes:
        case = ET.SubElement(suite, "testcase", name=f"payload {outcome.index}", time=f"{outcome.ms / 1000:.6f}")
        case.set("classname", f"{trial.unit.name}.{place.place}")
        if outcome.index in different:
            _failure(
                case, f"differs from this machine's: {_said(outcome)}, not {_said(native[outcome.index])}", outcome
            )
        elif outcome.failure:
            _failure(case, outcome.failure.splitlines()[0], outcome)
        if outcome.log:
            ET.SubElement(case, "system-out").text = _clean(outcome.log)


def _said(outcome: Outcome) -> str:
    return outcome.failure.splitlines()[0] if outcome.failure else repr(outcome.value)[:200]


def _failure(case: ET.Element, message: str, outcome: Outcome) -> None:
    ET.SubElement(case, "failure", message=_clean(message)).text = _clean(outcome.failure)


def _clean(text: str) -> str:
    """Without characters that XML has no way to write."""
    return _NO_XML.sub("\ufffd", text)
