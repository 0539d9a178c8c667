"""Disio: volunteer computing in Python, in the browser."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from disio.client import AsyncClient, Client, Executor
    from disio.sweeps import grid, zipped

__version__ = "0.1.0"
__all__ = ["AsyncClient", "Client", "Executor", "__version__", "grid", "zipped"]


def __getattr__(name: str) -> Any:
    # Only when asked for: this package is shipped into browsers as well, where there is no client.
    if name in __all__:
        return getattr(import_module("disio.sweeps" if name in ("grid", "zipped") else "disio.client"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
