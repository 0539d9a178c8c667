"""Where downloaded and prepared packages are kept on a researcher's machine, from one submission to the next."""

import os
from pathlib import Path
from typing import Final

import platformdirs

VARIABLE: Final = "DISIO_CACHE"


def cache_folder() -> Path:
    """The folder that ``DISIO_CACHE`` names, else the user's. Everything in it can be deleted at any time."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen).absolute() if chosen else platformdirs.user_cache_path("disio")
