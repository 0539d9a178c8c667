"""The loader, for a visitor's language: ``worker/loader.js`` with the question's words and what for, in few bytes."""

import base64
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import rcssmin
import rjsmin
from werkzeug.datastructures import LanguageAccept

from disio.distributor.files import Content
from disio.errors import BundleError

DEFAULT_LANGUAGE: Final = "en"
MAX_BYTES: Final = 2999
"""Of the whole loader, compressed in any way: purposes are given what the words of its language leave."""
_PURPOSES: Final = ((2, 80), (2, 60), (2, 40), (1, 60), (1, 40), (1, 24))
"""How many, and bytes of each: the first that fit."""
_LINE: Final = 200
_STOPS: Final = (". ", ": ", "; ", ", ", " (", "。", "、")
_ELLIPSIS: Final = "…"
_LOOSE: Final = " ,;:(-\N{EN DASH}\N{EM DASH}"
_STYLE: Final = re.compile(r"(?<=replaceSync\(`)(.*?)(?=`)", re.DOTALL)
_PLACE: Final = "DISIO_SAID"
_TYPE: Final = "text/javascript; charset=utf-8"


@dataclass(frozen=True)
class Loader:
    """The loader's forms: one for each language, with or without the purposes of the moment."""

    script: str
    words: Mapping[str, Mapping[str, str]]
    pinned: Mapping[str, Content]
    """Without purposes, by language: the same bytes until the next release, for Subresource Integrity."""
    by_hash: Mapping[str, Content]

    @classmethod
    def read(cls, folder: Path) -> "Loader":
        """From the folder ``worker``.

        Raises:
            BundleError: the loader's source or its words are missing or damaged.
        """
        script = (folder / "loader.js").read_text("utf-8")
        words = {path.stem: path.read_bytes() for path in sorted((folder / "words").glob("*.json"))}
        if script.count(_PLACE) != 1 or DEFAULT_LANGUAGE not in words:
            raise BundleError(f"{folder} is damaged: this installation of Disio is incomplete; install it anew")
        shorter = _STYLE.sub(lambda style: rcssmin.cssmin(style[1]), rjsmin.jsmin(script))
        questions = {language: json.loads(text)["question"] for language, text in words.items()}
        pinned = {language: _content(shorter, language, said, ()) for language, said in questions.items()}
        return cls(shorter, questions, pinned, {content.sha256: content for content in pinned.values()})

    def integrity(self, language: str) -> str:
        """What a tag says so that no other bytes than the pinned ones are run."""
        return "sha256-" + base64.b64encode(bytes.fromhex(self.pinned[language].sha256)).decode()

    def language(self, asked: str, accepted: LanguageAccept) -> str:
        """The language to ask in: the one that the tag's address names, else what the browser prefers."""
        known = list(self.words)
        named = asked.lower().partition("-")[0]
        if named:
            return named if named in known else DEFAULT_LANGUAGE
        wanted = (language.lower().partition("-")[0] for language, quality in accepted if quality > 0)
        return next((language for language in wanted if language in known), DEFAULT_LANGUAGE)

    def current(self, language: str, purposes: Iterable[str]) -> Content:
        """The loader that says what is computed just now."""
        lines = (purpose.strip().partition("\n")[0].strip().rstrip(".")[:_LINE] for purpose in purposes)
        first = tuple(islice(dict.fromkeys(filter(None, lines)), _PURPOSES[0][0]))
        return _said(self.script, language, json.dumps(self.words[language]), first)


@lru_cache(maxsize=64)
def _said(script: str, language: str, words: str, lines: tuple[str, ...]) -> Content:
    for count, most in _PURPOSES if lines else ():
        purposes = dict.fromkeys(shorten(line, most) for line in lines[:count])
        content = _content(script, language, json.loads(words), purposes)
        gzip = content.encodings["gzip"]  # the largest form
        if isinstance(gzip, bytes) and len(gzip) <= MAX_BYTES:
            return content
    return _content(script, language, json.loads(words), ())


def _content(script: str, language: str, words: Mapping[str, str], purposes: Iterable[str]) -> Content:
    said: dict[str, Any] = {"language": language, **words, "purposes": "; ".join(purposes)}
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return Content.of(script.replace(_PLACE, text).encode(errors="replace"), _TYPE, dense=True)


def shorten(line: str, most: int) -> str:
    """A line of at most so many bytes: to where its sentence may end, or between two words, with an ellipsis."""
    line = unicodedata.normalize("NFC", line)
    if len(line.encode(errors="replace")) <= most:
        return line
    room = len(line.encode(errors="replace")[: most - len(_ELLIPSIS.encode())].decode(errors="ignore"))
    for stop in _STOPS:
        if len(whole := line[:room].rpartition(stop)[0]) > room // 3:
            return whole
    places = [place for place in range(1, room + 1) if _between_characters(line, place)]
    words = [place for place in places if line[place] == " " or _is_wide(line[place - 1]) or _is_wide(line[place])]
    return line[: (words or places or [0])[-1]].rstrip(_LOOSE) + _ELLIPSIS


def _between_characters(line: str, place: int) -> bool:
    """Whether what is seen as one stays whole: marks, and parts of an emoji, belong to what is before them."""
    return unicodedata.category(line[place])[0] in "LNPZ" and line[place - 1] != "\N{ZERO WIDTH JOINER}"


def _is_wide(character: str) -> bool:
    """Of Chinese, Japanese and Korean, which may be parted anywhere."""
    return unicodedata.east_asian_width(character) == "W" and character.isalpha()
