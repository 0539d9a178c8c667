"""The loader's source in few bytes, without what a browser does not need: comments, blanks, long names of its own."""

import re
from collections.abc import Iterator
from itertools import product
from string import ascii_letters
from typing import Final

import rcssmin
import rjsmin

_STYLE: Final = re.compile(r"(?<=replaceSync\(`)(.*?)(?=`)", re.DOTALL)
_TEXT: Final = re.compile(r"""("[^"\\]*"|'[^'\\]*'|`[^`\\]*`|(?<=[(,=!:?&|+;{])/(?:\\.|[^/\\\n])+/)""")
"""A string, a template, a regular expression."""
_PLACE: Final = re.compile(r"(?<=\$\{)([^{}]*)(?=\})")
"""A template's code."""
_NEEDLESS: Final = re.compile(r",(?=[)\]}])|;(?=\})")
_WORD: Final = re.compile(r"[A-Za-z_$][\w$]*")
_DECLARED: Final = re.compile(
    r"\b(?:const|let) (\w+)|(?:\bconst|\()\[([\w,]+)\]|\bfunction (\w+)\(([\w,]*)\)|\(([\w,]+)\)=>"
)
_LIST: Final = re.compile(r"[(\[][\w$,. ]+[)\]]")
"""Of names: it has no keys."""
_PUBLIC: Final = re.compile(r"(?<!\.\.)(?<=\.)[\w$]+|[\w$]+(?=:)|(?<=[{,])[\w$]+(?=[,}])")
"""A member, a key, or what may be a key and its value in one."""


def minify(script: str) -> str:
    """The same classic script in fewer bytes.

    Names are shortened that it declares, where they are names of nothing else anywhere in it. The script has no empty
    statements; its templates hold no other templates, strings or braces in their places; escapes stand in regular
    expressions only.
    """
    short = _STYLE.sub(lambda style: rcssmin.cssmin(style[1]), rjsmin.jsmin(script))
    taken = set(_WORD.findall(short))
    fresh = (name for size in (1, 2) for name in map("".join, product(ascii_letters, repeat=size)) if name not in taken)
    renamed = dict(zip(_own(short), fresh, strict=False))

    def shorter(code: str) -> str:
        return _WORD.sub(lambda word: renamed.get(word[0], word[0]), _NEEDLESS.sub("", code))

    return "".join(shorter(part) if is_code else part for is_code, part in _parts(short))


def _own(script: str) -> list[str]:
    """Names that the script declares and that stand for nothing else in it."""
    code = " 0 ".join(part for is_code, part in _parts(script) if is_code)
    declared = {name for groups in _DECLARED.findall(code) for name in ",".join(groups).split(",") if name}
    keyless = _LIST.sub(lambda names: names[0].replace(",", " "), code)
    return sorted(declared - set(_PUBLIC.findall(keyless)))


def _parts(script: str) -> Iterator[tuple[bool, str]]:
    """The script cut into code and text; whether it is code, and what."""
    for index, part in enumerate(_TEXT.split(script)):
        if part.startswith("`"):
            yield from ((place % 2 == 1, piece) for place, piece in enumerate(_PLACE.split(part)))
        else:
            yield index % 2 == 0, part
