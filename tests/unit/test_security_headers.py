"""The pages of distributor and dashboard, graded by the rules of Mozilla's HTTP Observatory.

The rules are those of https://developer.mozilla.org/en-US/observatory/docs/tests_and_scoring (the checker itself,
``@mdn/mdn-http-observatory``, scans public hosts only). A grade of A+ is 100 points and more; what is taken off here
for one page would be taken off there.
"""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from disio.testing import Grid

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = ("/", "/bridge.html", "/cell.html")


def directives(policy: str) -> dict[str, list[str]]:
    """A content security policy by directive."""
    return {name: rest for name, *rest in (part.split() for part in policy.split(";") if part.strip())}


def points(headers: httpx.Headers, *, https: bool, framed: bool) -> tuple[int, list[str]]:
    """The Observatory's points for one page's headers, and what was taken off."""
    score, off = 100, []

    def take(number: int, why: str) -> None:
        nonlocal score
        score -= number
        off.append(why)

    policy = directives(headers.get("content-security-policy", ""))
    scripts = policy.get("script-src", policy.get("default-src", ["*"]))
    if not policy:
        take(25, "no content security policy")
    if any(word in scripts for word in ("'unsafe-inline'", "*", "data:", "https:", "http:")):
        take(20, "scripts from anywhere")
    if "'unsafe-eval'" in scripts:
        take(10, "unsafe-eval")
    if policy.get("default-src") == ["'none'"] and not off:
        score += 10
    if headers.get("x-content-type-options") != "nosniff":
        take(5, "no nosniff")
    if headers.get("referrer-policy") in (
        "no-referrer",
        "same-origin",
        "strict-origin",
        "strict-origin-when-cross-origin",
    ):
        score += 5
    if "frame-ancestors" not in policy and "x-frame-options" not in headers and not framed:
        take(20, "may be framed")
    if "set-cookie" in headers and not re.search("httponly", headers["set-cookie"], re.IGNORECASE):
        take(30, "cookies for scripts")
    if headers.get("access-control-allow-origin") == "*" and "access-control-allow-credentials" in headers:
        take(50, "credentials across origins")
    if https and not re.search(r"max-age=\d{8,}", headers.get("strict-transport-security", "")):
        take(20, "no HSTS")
    return score, off


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grid]:
    """A grid whose distributor is reached by HTTPS, as far as it knows."""
    options = ("--url", "https://compute.example.org")
    async with Grid(tmp_path_factory.mktemp("grid"), distributor_options=options, trust_loopback=False) as opened:
        yield opened


@pytest.mark.parametrize("path", PAGES)
async def test_a_distributors_pages(grid: Grid, path: str) -> None:
    """Each page and frame of a distributor is graded A+; its frames are made to be framed, its own page may not be."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{grid.distributors[0].port}", trust_env=False) as http:
        answer = await http.get(path)
    score, off = points(answer.headers, https=True, framed=path != "/")
    assert (answer.status_code, off) == (200, [])
    assert score >= 100
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/new", "/api/tasks", "/nothing/here"])
async def test_the_dashboards_pages(grid: Grid, path: str) -> None:
    """Each page of the dashboard, errors too, is graded A+ and may be framed by nobody."""
    assert grid.dashboard is not None
    async with httpx.AsyncClient(base_url=grid.dashboard.ready["url"], trust_env=False) as http:
        answer = await http.get(path)
    score, off = points(answer.headers, https=False, framed=False)
    assert off == []
    assert score >= 100


async def test_the_rules_find_something() -> None:
    """A page with nothing set is graded badly, so these rules can fail."""
    score, off = points(httpx.Headers({"set-cookie": "a=b"}), https=True, framed=False)
    assert score < 25
    assert len(off) == 6
