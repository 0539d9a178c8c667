"""Work units are plain modules outside of any package: here they are loaded by path, as any researcher's test would."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

WORKUNITS = Path(__file__).parents[3] / "workunits"
SMALL: dict[str, dict[str, Any]] = {
    "pi_digits": {"digits": 64},
    "mandelbrot": {"width": 24, "height": 16, "iterations": 50},
    "percolation": {"rows": 6, "trials": 400},
    "epidemic_sweep": {"beta": [0.3], "gamma": [0.1, 0.2]},
}
"""Parameters for each unit with which it takes next to no time."""


def unit_module(name: str) -> ModuleType:
    """The module of a unit in ``workunits/``."""
    return unit_at(WORKUNITS / f"{name}.py")


def unit_at(path: Path) -> ModuleType:
    """The module of a unit in this file."""
    spec = importlib.util.spec_from_file_location(f"workunit_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
