"""What a unit prints, caught and bounded."""

import io
from typing import Final

MARK: Final = "\n[... cut: the log is full]\n"


class Capture(io.TextIOBase):
    """A text stream that keeps the first ``limit`` bytes (in UTF-8) of what is written until it is taken."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit
        self._pieces: list[str] = []
        self._room = limit
        self._cut = False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Always UTF-8."""
        return "utf-8"

    @property
    def used(self) -> bool:
        """Whether anything was written since the last :meth:`take`."""
        return self._cut or bool(self._pieces)

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str, /) -> int:
        """Keep the text, or the part of it that there is room for."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self._cut or not text:
            return len(text)
        size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if size > self._room:
            piece = text[: self._room].encode("utf-8", "replace")[: self._room]
            self._cut, self._room = True, 0
            self._pieces.append(piece.decode("utf-8", "ignore"))
        else:
            self._room -= size
            self._pieces.append(text)
        return len(text)

    def take(self) -> str:
        """What was kept, with a mark at its end if something was cut; the stream begins anew."""
        # Lone surrogates cannot travel as UTF-8.
        text = "".join(self._pieces).encode("utf-8", "replace").decode()
        if self._cut:
            text += MARK
        self._pieces.clear()
        self._room, self._cut = self._limit, False
        return text
