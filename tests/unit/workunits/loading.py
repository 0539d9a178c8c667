"""Work units are plain modules outside of any package: here they are loaded by path, as any researcher's test would."""

import importlib.util
from pathlib import Path
from types import ModuleType

WORKUNITS = Path(__file__).parents[3] / "workunits"


def unit_module(name: str) -> ModuleType:
    """The module of a unit in ``workunits/``."""
    spec = importlib.util.spec_from_file_location(f"workunit_{name}", WORKUNITS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
