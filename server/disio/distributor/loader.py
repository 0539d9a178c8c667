"""The loader, for a visitor's language: ``worker/loader.js`` with the question's words and what for, in few bytes."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from werkzeug.datastructures import LanguageAccept

from disio.distributor.files import Content
from disio.distributor.minify import minify
from disio.errors import BundleError

DEFAULT_LANGUAGE: Final = "en"
MAX_PURPOSES: Final = 2
MAX_PURPOSE_BYTES: Final = 40
"""With these the whole loader stays under 3 kB, compressed, in every language."""
_STOPS: Final = (". ", ": ", "; ", ", ", " (", "。", "、")
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
        shorter = minify(script)
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
        wanted = (language.lower().partition("-")[0] for language in accepted.values())
        return next((language for language in wanted if language in known), DEFAULT_LANGUAGE)

    def current(self, language: str, purposes: Iterable[str]) -> Content:
        """The loader that says what is computed just now."""
        return _said(self.script, language, json.dumps(self.words[language]), _shown(purposes))


def _shown(purposes: Iterable[str]) -> tuple[str, ...]:
    shown: list[str] = []
    for purpose in purposes:
        line = purpose.strip().partition("\n")[0].strip().rstrip(".")
        if len(line.encode(errors="replace")) > MAX_PURPOSE_BYTES:
            line = _shorter(line.encode(errors="replace")[: MAX_PURPOSE_BYTES - 3].decode(errors="ignore"))
        if line and line not in shown:
            shown.append(line)
    return tuple(shown[:MAX_PURPOSES])


def _shorter(cut: str) -> str:
    """The beginning of a sentence up to the last place where it can be ended, or to its last whole word."""
    for stop in _STOPS:
        if len(whole := cut.rpartition(stop)[0]) > len(cut) // 3:
            return whole
    return (cut.rpartition(" ")[0] or cut) + " …"


@lru_cache(maxsize=64)
def _said(script: str, language: str, words: str, purposes: tuple[str, ...]) -> Content:
    return _content(script, language, json.loads(words), purposes)


def _content(script: str, language: str, words: Mapping[str, str], purposes: Sequence[str]) -> Content:
    said: dict[str, Any] = {"language": language, **words, "purposes": purposes}
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return Content.of(script.replace(_PLACE, text).encode(errors="replace"), _TYPE)
