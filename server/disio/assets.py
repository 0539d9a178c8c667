"""Files that are no Python: the browser side, the built bundle, the example work units.

In a wheel they lie inside the package (``disio/_assets``), in a checkout where they are written.
"""

from pathlib import Path
from typing import Final, Literal

AssetName = Literal["worker", "bundle", "node", "workunits"]

_PACKAGE: Final = Path(__file__).parent
_CHECKOUT: Final = _PACKAGE.parents[1]
_IN_CHECKOUT: Final[dict[AssetName, str]] = {
    "worker": "worker",
    "bundle": "pyodide_bundle/dist",
    "node": "pyodide_bundle/node",
    "workunits": "workunits",
}


def asset(name: AssetName) -> Path:
    """The folder of an asset: the package's copy if there is one, else the checkout's."""
    packaged = _PACKAGE / "_assets" / name
    return packaged if packaged.is_dir() else _CHECKOUT / _IN_CHECKOUT[name]


def bundle_sources() -> Path | None:
    """The checkout's ``pyodide_bundle``, from which a bundle is built; None in an installed package."""
    folder = _CHECKOUT / "pyodide_bundle"
    return folder if (folder / "package.json").is_file() else None
