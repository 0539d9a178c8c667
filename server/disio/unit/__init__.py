"""A work unit, and how one payload of it is computed: in the browser and on CPython, by the same code.

Stdlib only (Python >= 3.11): these files are shipped into the browser as they are.
"""

from disio.unit.codec import TooLargeError, check, decode, encode, to_jsonable

__all__ = ["TooLargeError", "check", "decode", "encode", "to_jsonable"]
