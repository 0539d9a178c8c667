"""What a bundle is built from, and whether one was built from what is here."""

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from disio.assets import bundle_sources
from disio.bundle.manifest import Bundle
from disio.bundle.stdlib import shipped_files

SCRIPTS: Final = ("slim.mjs", "slim.py", "make_snapshot.mjs", "node/scrub.mjs", "node/sparse.mjs", "node/preload.py")
_MODULES: Final = ("build", "compress", "pyodide", "snapshot", "sources", "stdlib")
"""Those of this folder by which it is made."""


def outdated(bundle: Bundle) -> str:
    """What to say of a bundle that was built from other sources than this checkout has; empty: nothing is wrong.

    An installed Disio has no sources, and the bundle that it was packed with.
    """
    sources = bundle_sources()
    if sources is None or bundle.manifest.sources == source_digest(sources):
        return ""
    return (
        "the bundle was built from other sources than this checkout has, so browsers run older (or newer) code than "
        "it; build it anew with: disio bundle build"
    )


def source_digest(sources: Path) -> str:
    """A digest of everything that a bundle is made from, its recipe included."""
    recipe = [sources / name for name in ("package.json", "core.sha256", *SCRIPTS)]
    recipe += [Path(__file__).with_name(f"{name}.py") for name in _MODULES]
    named = [(path.name, path) for path in recipe] + sorted(shipped_files().items())
    hashes = [(name, hashlib.sha256(path.read_bytes()).hexdigest()) for name, path in named]
    return hashlib.sha256(msgspec.json.encode(hashes)).hexdigest()
