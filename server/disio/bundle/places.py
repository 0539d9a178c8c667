"""Where things stand: inside an installed package, or in a checkout of the repository."""

from pathlib import Path

import disio

PACKAGE = Path(disio.__file__).parent
CHECKOUT_NAMES = {"bundle": Path("pyodide_bundle", "dist"), "worker": Path("worker")}


def asset(name: str) -> Path:
    """The folder of an asset: ``disio/_assets/NAME`` if it is there, else the checkout's.

    Args:
        name: ``"bundle"`` or ``"worker"``.
    """
    installed = PACKAGE / "_assets" / name
    return installed if installed.is_dir() else PACKAGE.parent.parent / CHECKOUT_NAMES[name]


def bundle_sources() -> Path | None:
    """The checkout's ``pyodide_bundle``, from which a bundle is built; ``None`` in an installed package."""
    folder = PACKAGE.parent.parent / "pyodide_bundle"
    return folder if (folder / "package.json").is_file() else None
