"""Data directories on this machine, and whose they are: for ``disio doctor`` and ``disio backup``."""

from pathlib import Path
from typing import Final

import platformdirs

from disio.checkup import Kind, kind_of
from disio.distributor.checkup import DISTRIBUTOR
from disio.errors import UsageError
from disio.manager.store.checkup import MANAGER

KINDS: Final = (MANAGER, DISTRIBUTOR)


def find(data: Path | None, *, option: str) -> list[tuple[Path, Kind]]:
    """Data directories at a place, or right below it (as `disio up` has them), and whose they are.

    ``option``: how the command is told of another place.

    Raises:
        UsageError: there is none.
    """
    chosen = (data or platformdirs.user_data_path("disio")).absolute()
    if not chosen.is_dir():
        raise UsageError(
            f"there is no directory {chosen}; name the one that a manager, a distributor or `disio up` has: {option}"
        )
    places = [chosen, *sorted(place for place in chosen.iterdir() if place.is_dir())]
    found = [(place, kind) for place in places if (kind := kind_of(place, KINDS)) is not None]
    if not found:
        raise UsageError(
            f"{chosen} has no data of Disio in it: neither {MANAGER.database} nor {DISTRIBUTOR.database}; "
            f"name the directory that was given to `disio up`, or to that process, with --data: {option}"
        )
    return found
