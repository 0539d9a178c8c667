"""A dashboard that wants tokens: who is let in, as whom, and what everybody may see."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from disio.client import AsyncClient
from disio.dashboard.login import COOKIE
from disio.dashboard.researchers import Researchers
from disio.errors import DisioError, UsageError
from disio.testing import Grid

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def researchers(tmp_path_factory: pytest.TempPathFactory) -> Researchers:
    """Where the tokens are."""
    return Researchers(tmp_path_factory.mktemp("tokens") / "researchers.json")


@pytest.fixture(scope="module")
def token(researchers: Researchers) -> str:
    """Ada's."""
    return researchers.add("ada")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory, researchers: Researchers, token: str) -> AsyncIterator[str]:
    """A dashboard that listens on every address, beside a manager."""
    assert token
    async with Grid(tmp_path_factory.mktemp("grid"), distributors=0, dashboard=False) as grid:
        manager = str(grid.managers[0].ready["address"])
        options = ["--host", "0.0.0.0", "--port", "0", "--researchers", str(researchers.path)]
        process = await grid.spawn(["dashboard", *options, "--manager", manager, "--no-discover"], "open")
        yield f"http://127.0.0.1:{process.port}"


async def test_programs_need_a_token(url: str, token: str) -> None:
    """Without one, or with a wrong one, the API answers 401; with one it knows whose task it is."""
    async with httpx.AsyncClient(base_url=url) as http:
        for headers in (
            {},
            {"Authorization": "Bearer disio_wrong"},
            {"Authorization": token},
            {"Cookie": f"{COOKIE}=x"},
        ):
            for path in ("/api/tasks", "/api/grid", "/metrics", "/api/openapi.json"):
                told = await http.get(path, headers=headers)
                assert told.status_code == 401, path
                if path.startswith("/api/"):
                    assert told.json()["error"] == "unauthorized"
                    void = headers and headers.get("Authorization") != token
                    expected = "nobody has this token; it may have been revoked" if void else "set DISIO_TOKEN"
                    assert expected in told.json()["message"]
                    assert told.headers["www-authenticate"].startswith("Bearer")
        assert (await http.get("/api/health")).status_code == 200
    async with AsyncClient(url, token=token) as client:
        task = await client.submit(source="def run(p): return p", params={"stop": 1})
        assert task.owner == "ada"
    async with AsyncClient(url) as client:
        with pytest.raises(DisioError, match="DISIO_TOKEN"):
            await client.tasks()


async def test_people_log_in_by_a_page(url: str, token: str) -> None:
    """A page leads to the login and back; the cookie is for this site's own pages only; logging out ends it."""
    async with httpx.AsyncClient(base_url=url) as http:
        told = await http.get("/new?example=pi")
        assert (told.status_code, told.headers["location"]) == (303, "/login?next=/new%3Fexample%3Dpi")
        page = await http.get(told.headers["location"])
        assert 'name="token"' in page.text
        assert (await http.get("/static/dashboard.css")).status_code == 200
        wrong = await http.post("/login", data={"token": "disio_no", "next": "/new"})
        assert (wrong.status_code, "Nobody has this token" in wrong.text) == (401, True)
        for target, inside in (
            ("/new", "/new"),
            ("https://evil.example/", "/"),
            ("//evil.example", "/"),
            ("/\\evil", "/"),
        ):
            right = await http.post("/login", data={"token": token, "next": target})
            assert (right.status_code, right.headers["location"]) == (303, inside)
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        page = await http.get("/")
        assert (page.status_code, "Log out ada" in page.text) == (200, True)
        foreign = await http.post("/logout", headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403
        await http.post("/logout")
        assert (await http.get("/")).status_code == 303


async def test_a_revoked_token_is_void_at_once(url: str, researchers: Researchers) -> None:
    """Whoever's token is revoked is out, whoever gets a new one loses the old one; nothing is restarted."""
    first = researchers.add("bob")
    async with httpx.AsyncClient(base_url=url) as http:

        async def status(token: str) -> int:
            return (await http.get("/api/tasks", headers={"Authorization": f"Bearer {token}"})).status_code

        assert await status(first) == 200
        second = researchers.add("bob")
        assert (await status(first), await status(second)) == (401, 200)
        researchers.revoke("bob")
        assert await status(second) == 401


async def test_a_token_comes_from_the_environment_or_a_private_file(
    url: str, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DISIO_TOKEN, or a line of a file which nobody else may read, for this dashboard only."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "disio" / "tokens"
    file.parent.mkdir()
    file.write_text(f"# mine\nhttp://elsewhere:1 disio_other\n{url}/ {token}\n")
    file.chmod(0o600)
    async with AsyncClient(url) as client:
        assert await client.tasks() is not None
    file.chmod(0o644)
    if os.name == "posix":
        with pytest.raises(UsageError, match="chmod 600"):
            AsyncClient(url)
    file.unlink()
    monkeypatch.setenv("DISIO_TOKEN", token)
    async with AsyncClient(url) as client:
        assert await client.tasks() is not None
    monkeypatch.setenv("DISIO_TOKEN", "two words")
    with pytest.raises(UsageError, match="no token"):
        AsyncClient(url)
