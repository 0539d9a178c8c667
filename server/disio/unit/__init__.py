"""A work unit, and how one payload of it is computed: in the browser and on CPython, by the same code.

Stdlib only (Python >= 3.11): these files are shipped into the browser as they are.
"""

from disio.unit.codec import TooLargeError, check, decode, encode, to_jsonable
from disio.unit.context import Context, Hooks
from disio.unit.contract import Metadata, Unit, default_split, load_unit
from disio.unit.params import parse_pairs, parse_params
from disio.unit.runner import Session, open_unit

__all__ = [
    "Context",
    "Hooks",
    "Metadata",
    "Session",
    "TooLargeError",
    "Unit",
    "check",
    "decode",
    "default_split",
    "encode",
    "load_unit",
    "open_unit",
    "parse_pairs",
    "parse_params",
    "to_jsonable",
]
