"""Files of tasks over real HTTP: put piece by piece, refused when altered, named by a task's kit."""

import hashlib
from typing import Any

import httpx
import pytest

from .conftest import UNIT

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTENT = bytes(range(256)) * 20_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


async def find(http: httpx.AsyncClient, sha256: str) -> tuple[str, int]:
    """Which manager would own the task, and how much of the file it has."""
    told = (await http.post("/api/files", json={"files": [sha256]})).json()
    return told["manager"], told["received"][sha256]


async def put(
    http: httpx.AsyncClient, content: bytes, sha256: str, offset: int, *, manager: str, size: int
) -> httpx.Response:
    """Put a piece."""
    where = {"size": size, "offset": offset, "manager": manager}
    return await http.put(f"/api/files/{sha256}", params=where, content=content)


def kit(size: int) -> dict[str, Any]:
    """A kit with the file as shared data."""
    return {"data": {"table": {"sha256": SHA256, "size": size}}}


async def test_a_file_is_put_in_pieces_and_named_by_a_task(http: httpx.AsyncClient) -> None:
    """An upload that broke off goes on where it was; a task may name the file once it is whole, with its size."""
    manager, received = await find(http, SHA256)
    assert received == 0
    task = {"source": UNIT, "kit": kit(len(CONTENT)), "manager": manager}
    early = await http.post("/api/tasks", json=task)
    assert (early.status_code, early.json()["error"]) == (409, "conflict")
    half = len(CONTENT) // 2
    first = await put(http, CONTENT[:half], SHA256, 0, manager=manager, size=len(CONTENT))
    assert first.json()["received"] == {SHA256: half}
    assert await find(http, SHA256) == (manager, half)
    wrong = await put(http, CONTENT[:10], SHA256, 5, manager=manager, size=len(CONTENT))
    assert wrong.json()["received"] == {SHA256: half}
    last = await put(http, CONTENT[half:], SHA256, half, manager=manager, size=len(CONTENT))
    assert last.json()["received"] == {SHA256: len(CONTENT)}
    other = await http.post("/api/tasks", json={**task, "kit": kit(7)})
    assert other.status_code == 409
    made = await http.post("/api/tasks", json=task)
    assert made.status_code == 201, made.text
    assert (await http.get(f"/api/tasks/{made.json()['id']}/kit")).json() == kit(len(CONTENT))
    assert (await http.get(f"/api/tasks/{made.json()['id']}/lock")).status_code == 404


async def test_an_altered_file_is_refused(http: httpx.AsyncClient) -> None:
    """What is not what its name says is not kept."""
    sha256 = hashlib.sha256(b"right").hexdigest()
    manager, _ = await find(http, sha256)
    told = await put(http, b"wrong", sha256, 0, manager=manager, size=5)
    assert (told.status_code, told.json()["error"]) == (422, "altered")
    assert await find(http, sha256) == (manager, 0)


@pytest.mark.parametrize("sha256", ["0" * 63, "Z" * 64, "..%2f..%2fetc"])
async def test_names_that_are_no_hashes_are_refused(http: httpx.AsyncClient, sha256: str) -> None:
    """Neither short, nor other letters, nor paths."""
    manager, _ = await find(http, SHA256)
    told = await put(http, b"x", sha256, 0, manager=manager, size=1)
    assert told.status_code in (400, 404)
    assert (await http.post("/api/files", json={"files": [sha256]})).status_code == 400


async def test_dependencies_that_nobody_resolved_are_refused(http: httpx.AsyncClient) -> None:
    """The form and bare requests resolve nothing; the error says who does."""
    source = '# /// script\n# dependencies = ["numpy"]\n# ///\n' + UNIT
    told = await http.post("/api/tasks", json={"source": source})
    assert (told.status_code, told.json()["error"]) == (422, "unit")
    assert "`disio submit` or disio.Client" in told.json()["message"]
