"""Who may talk to the dashboard."""

import pytest

from disio.dashboard.security import ForbiddenError, check_host, check_origin, is_loopback


@pytest.mark.parametrize(
    "host", ["127.0.0.1:7700", "localhost", "LOCALHOST:1", "[::1]:7700", "127.8.9.1", "a.localhost"]
)
def test_this_machines_names_are_answered(host: str) -> None:
    """Every name that can only mean this machine is let in."""
    check_host(host, frozenset())


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil.example:80", "[", "@"]
)
def test_other_names_are_refused_unless_allowed(host: str) -> None:
    """A name that somebody else could have pointed here is refused."""
    with pytest.raises((ForbiddenError, ValueError)):
        check_host(host, frozenset({"grid.example.org"}))
    check_host("grid.example.org:443", frozenset({"grid.example.org"}))


@pytest.mark.parametrize(
    ("origin", "site"),
    [(None, None), ("http://127.0.0.1:7700", "same-origin"), ("http://127.0.0.1:7700", None), (None, "none")],
)
def test_programs_and_the_dashboards_own_pages_may_change_things(origin: str | None, site: str | None) -> None:
    """A program sends no origin, the dashboard's own page its own one."""
    check_origin("POST", "127.0.0.1:7700", origin, site)


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        ("https://evil.example", "cross-site"),
        ("http://127.0.0.1:7701", "same-site"),
        ("http://127.0.0.1:7701", None),
        ("null", None),
        (None, "cross-site"),
    ],
)
def test_other_pages_may_not(origin: str | None, site: str | None) -> None:
    """Another origin, another port of this machine included, may look but not change."""
    with pytest.raises(ForbiddenError):
        check_origin("POST", "127.0.0.1:7700", origin, site)
    check_origin("GET", "127.0.0.1:7700", origin, site)


def test_loopback() -> None:
    """Loopback is told from addresses that others can reach."""
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("example.org")
