"""The loader as it is served: in the visitor's language, with what the tasks are for, in less than 3 kB."""

import asyncio
import gzip
import html
import json
import re
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import LanguageAccept

from disio.assets import asset
from disio.distributor.loader import Loader, shorten
from disio.errors import BundleError
from disio.wire import grid

from .conftest import Distributor, ScriptedManager

LOADER = Loader.read(asset("worker"))
LANGUAGES = ("de", "en", "es", "fr", "ja", "zh")
LONG = [
    "Hexadecimal digits of pi, each range computed without the digits before it.",
    "A picture of the Mandelbrot set: each payload is some rows of it.",
    "How fast does an epidemic spread where nobody is careful?",
]


HARD = ["".join(chr(0x4E00 + (start + n * 7919) % 20_000) for n in range(100)) for start in (0, 1)]
"""Hardly to be compressed."""


def said(script: bytes) -> dict[str, object]:
    """What the distributor has put into a loader."""
    found = re.search(r"\}\)\((\{.*\})\);\s*$", script.decode(), re.DOTALL)
    assert found is not None
    table: dict[str, object] = json.loads(found[1])
    return table


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "purposes", [(), LONG, ["漢" * 200, "字" * 200], ["<script>" * 30, "&" * 300], HARD, ["\x00" * 200, "\x01" * 200]]
)
def test_less_than_3_kb(language: str, purposes: list[str]) -> None:
    """With the question in any language and the longest purposes it is less than 3 kB, however it is served."""
    content = LOADER.current(language, purposes)
    assert set(content.encodings) >= {"gzip", "br"}
    for form in content.encodings.values():
        assert isinstance(form, bytes)
        assert len(form) < 3000
    assert isinstance(content.encodings["gzip"], bytes)
    assert gzip.decompress(content.encodings["gzip"]) == content.plain


def test_every_language_says_everything() -> None:
    """All languages have the same words, none is empty, and the question names what for, how much and how long."""
    words = {language: json.loads((asset("worker") / f"words/{language}.json").read_text()) for language in LANGUAGES}
    for language in LANGUAGES:
        for part in ("question", "panel"):
            assert words[language][part].keys() == words["en"][part].keys()
            assert all(words[language][part].values())
        for place in ("{0}", "{1}", "{2}"):
            assert words[language]["question"]["text"].count(place) == 1


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("", "de;q=0", "en"),
        ("", "de;q=0,fr;q=0.1", "fr"),
        ("", "de-AT, en;q=0.5", "de"),
        ("", "it, fr-CA;q=0.8, en;q=0.5", "fr"),
        ("", "pt", "en"),
        ("", "", "en"),
        ("", "*", "en"),
        ("zh-Hant", "de", "zh"),
        ("JA", "", "ja"),
        ("it", "de", "en"),
        ("../../x", "de", "en"),
    ],
)
def test_language(asked: str, accepted: str, language: str) -> None:
    """The tag's language wins, then the browser's first one that we have, then English."""
    weights = [part.strip().partition(";q=") for part in accepted.split(",") if part]
    header = LanguageAccept([(name, float(weight or 1)) for name, _, weight in weights])
    assert LOADER.language(asked, header) == language


def purposes_in(language: str, purposes: list[str]) -> object:
    """What the question of a loader says that it is for."""
    content = LOADER.current(language, purposes).plain
    assert isinstance(content, bytes)
    return said(content)["purposes"]


def test_purposes_are_short() -> None:
    """Two descriptions are shown, nothing twice, whole where there is room; else to where their sentence may end."""
    assert purposes_in("en", [LONG[0], LONG[0], *LONG]) == (
        "Hexadecimal digits of pi, each range computed without the digits before it"
        "; A picture of the Mandelbrot set: each payload is some rows of it"
    )
    assert purposes_in("de", LONG) == "Hexadecimal digits of pi; A picture of the Mandelbrot set"
    assert purposes_in("ja", LONG) == "Hexadecimal digits of pi"
    assert purposes_in("de", [LONG[0] + "\nMore of it."]) == LONG[0].rstrip(".")


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_room_for_purposes(language: str) -> None:
    """However hard they are to compress, one is shown in every language; short ones are shown both."""
    shown = purposes_in(language, HARD)
    assert isinstance(shown, str)
    first = shown.split("; ")[0]
    assert len(first) >= 7
    assert HARD[0].startswith(first.rstrip("…"))
    assert purposes_in(language, ["Malaria drugs.", "Ice ages."]) == "Malaria drugs; Ice ages"


@pytest.mark.parametrize(
    ("line", "most", "shown"),
    [
        ("Folding proteins", 40, "Folding proteins"),
        ("How fast does an epidemic spread where nobody is careful?", 41, "How fast does an epidemic spread where…"),
        ("How fast does an epidemic spread, and why, where nobody cares", 40, "How fast does an epidemic spread"),
        ("Donaudampfschifffahrtsgesellschaft", 24, "Donaudampfschifffahrt…"),
        ("CPU 日本語の文字列はどこでも切れますから", 30, "CPU 日本語の文字列…"),
        ("日本語の文字列はどこでも切れます。長い", 24, "日本語の文字列…"),
        ("x" * 19 + "e\u0301" * 9, 24, "x" * 19 + "\u00e9…"),
        ("x" * 18 + "q\u0301" * 9, 24, "x" * 18 + "q\u0301…"),
        ("ab cd \U0001f468\u200d\U0001f469\u200d\U0001f467 ef", 20, "ab cd…"),
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7\U0001f1ef\U0001f1f5 x", 20, "…"),
    ],
)
def test_shortened_between_words(line: str, most: int, shown: str) -> None:
    """A line that is too long ends where its sentence may, or between two words, never inside a character."""
    assert shorten(line, most) == shown


@given(st.text(min_size=1, max_size=200), st.sampled_from([24, 40, 60, 80]))
def test_shortened_to_so_many_bytes(line: str, most: int) -> None:
    """Whatever it says, a shortened line is as short as it has to be."""
    assert len(shorten(line, most).encode(errors="replace")) <= most


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.text(max_size=300), max_size=5))
def test_purposes_are_only_text(purposes: list[str]) -> None:
    """Whatever a task says of itself, the script around it stays the same."""
    script = LOADER.current("en", purposes).plain
    assert isinstance(script, bytes)
    head = LOADER.script.partition("DISIO_SAID")[0].encode()
    assert script.startswith(head)
    assert b"<" not in script[len(head) :]
    assert set(said(script)) == {"language", "purposes", *LOADER.words["en"]}


def test_damaged(tmp_path: Path) -> None:
    """A loader without its place for words is not served."""
    (tmp_path / "loader.js").write_text("alert(1)")
    with pytest.raises(BundleError, match="incomplete"):
        Loader.read(tmp_path)


async def test_over_http(distributor: Distributor) -> None:
    """The tag's script comes in the browser's language; a cache is told that it differs, and asks again each time."""
    async with httpx.AsyncClient(base_url=distributor.url, trust_env=False) as http:
        german = await http.get("/disio.js", headers={"accept-language": "de-CH, en;q=0.7"})
        assert said(german.content)["language"] == "de"
        assert german.headers["vary"] == "Accept-Encoding, Accept-Language"
        assert german.headers["cache-control"] == "no-cache"
        assert said((await http.get("/disio.js?lang=fr")).content)["language"] == "fr"
        english = await http.get("/disio.js", headers={"accept-language": "en"})
        assert english.headers["etag"] != german.headers["etag"]


async def test_what_for(distributor: Distributor, manager: ScriptedManager) -> None:
    """What a manager says that its tasks are for stands in the next loader."""

    async def until(purposes: str) -> None:
        found: object = None
        while found != purposes:
            found = said((await http.get("/disio.js")).content)["purposes"]

    async with httpx.AsyncClient(base_url=distributor.url, trust_env=False) as http, asyncio.timeout(30):
        await until("")
        await manager.send(grid.Purposes(["Folding proteins."]))
        await until("Folding proteins")
        await manager.send(grid.Purposes([]))
        await until("")


async def test_pinned(distributor: Distributor) -> None:
    """The pinned loader is named by its hash, cached for ever, readable across origins: fit for an integrity check."""
    pinned = LOADER.pinned["de"]
    async with httpx.AsyncClient(base_url=distributor.url, trust_env=False) as http:
        answer = await http.get(f"/files/{pinned.sha256}")
        assert answer.content == pinned.plain
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert "immutable" in answer.headers["cache-control"]
        page = html.unescape((await http.get("/")).text)
        assert f'src="{distributor.url}/files/{pinned.sha256}" integrity="{LOADER.integrity("de")}"' in page
        assert answer.headers["access-control-allow-origin"] == "*"
        assert said(answer.content)["purposes"] == ""
