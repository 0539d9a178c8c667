"""The threat model names a test for every claim; each of them exists, and it names no fewer than it should."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(test_\w+)`")


def tests() -> set[str]:
    """The names of all tests in Python."""
    return {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }


def test_every_claim_names_a_test_that_exists() -> None:
    """No test that the threat model names is missing."""
    named = set(NAMED.findall((ROOT / "docs" / "threat-model.md").read_text()))
    assert len(named) > 30
    assert named - tests() == set()


def test_every_promise_is_followed_by_a_test() -> None:
    """What a list says that somebody cannot do has a test's name beside it."""
    text = (ROOT / "docs" / "threat-model.md").read_text()
    lists = re.findall(r"It cannot:\n\n((?:- .*\n)+)", text)
    claims = [claim for listed in lists for claim in listed.splitlines()]
    assert len(claims) > 10
    assert [claim for claim in claims if not NAMED.search(claim)] == []
