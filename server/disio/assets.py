"""Files that are no Python: the browser side, the built bundle, the example work units.

In a wheel they lie inside the package (``disio/_assets``), in a checkout where they are written.
"""

from pathlib import Path
from typing import Final, Literal

AssetName = Literal["worker", "bundle", "workunits"]

_PACKAGE: Final = Path(__file__).parent
_CHECKOUT: Final[dict[str, str]] = {
    "worker": "worker",
    "bundle": "pyodide_bundle/dist",
    "workunits": "workunits",
}


def asset(name: AssetName) -> Path:
    """The folder of an asset: the package's copy if there is one, else the checkout's."""
    packaged = _PACKAGE / "_assets" / name
    return packaged if packaged.is_dir() else _PACKAGE.parents[1] / _CHECKOUT[name]
