"""What all messages of the grid have in common."""

from typing import Annotated

from msgspec import Meta, Struct

After = Annotated[int, Meta(ge=-1, le=2**63 - 1)]
"""An index to go on after; -1: from the start."""
Index = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Limit = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Since = Annotated[int, Meta(ge=-1, le=2**63 - 1)]
"""A version that the caller knows; -1: none."""


class Message(Struct, tag_field="type"):
    """Base of everything that crosses a grid link."""
