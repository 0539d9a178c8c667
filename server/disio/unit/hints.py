"""What to say of a name that there is not."""

from collections.abc import Sequence
from difflib import get_close_matches


def hint(name: str, known: Sequence[str]) -> str:
    """The known name that was probably meant, or all of them."""
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
