"""Couplings between neighbours, from a file."""

from pathlib import Path


def read(path: Path) -> list[int]:
    """The couplings."""
    return [int(cell) for cell in path.read_text().split(",")]


def lowest(energies):
    """The lowest of some energies."""
    return min(energies)
