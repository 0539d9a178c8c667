"""Parts of files."""

import httpx
import pytest

from .conftest import wasm


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=5-", (5, None)),
        ("bytes=-5", (-5, None)),
        ("Bytes=-99999999999", (0, None)),
        ("bytes=7-99999999999", (7, None)),
    ],
)
async def test_part_of_a_file(http: httpx.AsyncClient, asked: str, part: tuple[int, int | None]) -> None:
    """One range of bytes is sent as a part of the plain file: from a place, up to one, or the last so many."""
    sha256, size = wasm()
    whole = (await http.get(f"/files/{sha256}")).content
    answer = await http.get(f"/files/{sha256}", headers={"range": asked, "accept-encoding": "gzip"})
    assert (answer.status_code, answer.content == whole[slice(*part)]) == (206, True)
    begin, end, _ = slice(*part).indices(size)
    assert answer.headers["content-range"] == f"bytes {begin}-{end - 1}/{size}"
    assert answer.headers["accept-ranges"] == "bytes"
    tag = answer.headers["etag"]
    assert (await http.get(f"/files/{sha256}", headers={"range": asked, "if-range": tag})).status_code == 206
    other = await http.get(f"/files/{sha256}", headers={"range": asked, "if-range": tag.replace('"', '"0')})
    assert (other.status_code, len(other.content)) == (200, size)


@pytest.mark.parametrize(
    "asked", ["lines=1-2", "bytes=0-0,2-3", "bytes=5-2", "bytes=a-b", "bytes=-", "bytes", "=", "bytes=0-" + "9" * 400]
)
async def test_ranges_that_are_not_served(http: httpx.AsyncClient, asked: str) -> None:
    """Other units, several ranges and bad ones are ignored: the file comes whole."""
    sha256, size = wasm()
    answer = await http.get(f"/files/{sha256}", headers={"range": asked})
    assert (answer.status_code, len(answer.content)) == (200, size)
    assert "content-range" not in answer.headers


@pytest.mark.parametrize("asked", ["bytes=9999999999-", "bytes=-0"])
async def test_part_that_a_file_has_not(http: httpx.AsyncClient, asked: str) -> None:
    """A range beyond the end is refused with the file's size."""
    sha256, size = wasm()
    answer = await http.get(f"/files/{sha256}", headers={"range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")
