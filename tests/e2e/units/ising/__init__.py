"""A unit that is a package: several modules, and a file beside them."""

from pathlib import Path

from . import couplings
from .model import energy


def split(params):
    """One payload for each configuration."""
    return range(params["count"])


def run(payload):
    """The energy of one configuration, by the table of the package."""
    return energy(payload, couplings.read(Path(__file__).parent / "tables" / "couplings.csv"))


def reduce(results, params):
    """The lowest energy, by a function of the package."""
    return couplings.lowest(results)
