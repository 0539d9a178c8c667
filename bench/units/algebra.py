"""Imports something heavy, and says how long that took."""
# /// script
# dependencies = ["sympy"]
# ///

import time

BEGAN = time.perf_counter()

import sympy  # type: ignore[import-not-found]  # noqa: E402 - measured

IMPORT_MS = (time.perf_counter() - BEGAN) * 1000


def run(payload: int) -> str:
    """A factored polynomial; how long the import took is printed."""
    print(IMPORT_MS)
    return str(sympy.factor(sympy.Symbol("x") ** payload - 1))
