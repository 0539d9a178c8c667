"""From chosen wheels to what browsers load: packs with bytecode, proof that they import, a snapshot with them imported.

Bytecode, proof and snapshot are made by an interpreter of the bundle under Node. Without Node packs have no bytecode,
nothing is proven, and browsers import everything anew: slower, and the same results. Made files are kept in a cache.
"""

import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from disio.assets import asset
from disio.bundle.distribution import Distribution
from disio.bundle.manifest import Bundle, load
from disio.bundle.packs import LIBRARIES, SITE, is_pure, modules, pack, unpack, wheel_contents
from disio.bundle.resolving import Chosen
from disio.bundle.snapshot import find_node, run_node
from disio.errors import UnitError

PACK_FORMAT: Final = 1
"""Goes up when packs of the same wheel change."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A package as a pack in the cache."""

    name: str
    version: str
    path: Path
    sha256: str
    size: int
    modules: frozenset[str]
    """What it can be imported by."""
    pure: bool


@dataclass(frozen=True, slots=True)
class Imported:
    """A snapshot with a task's packages imported; None if there is none, and ``why`` not."""

    snapshot: Path | None
    sha256: str = ""
    why: str = ""


class Workshop:
    """Makes packs and snapshots for a bundle.

    Args:
        bundle: the bundle whose interpreters will load them.
        cache: the folder in which everything is kept.
    """

    def __init__(self, bundle: Bundle, cache: Path) -> None:
        self._bundle = bundle
        self._cache = cache
        self._node = find_node()
        cache.mkdir(parents=True, exist_ok=True)

    @property
    def node(self) -> str | None:
        """The Node that is used; None: there is none."""
        return self._node

    def packs(self, chosen: Sequence[Chosen], distribution: Distribution) -> list[Packed]:
        """Packs of these packages, in their order."""
        drafts = []
        for package in chosen:
            library = package.locked is not None and package.locked.install_dir == "dynlib"
            root = LIBRARIES if library else SITE.format(version=distribution.python_version)
            drafts.append((package.name, package.version, root, package.sha256, package.wheel))
        return self._made(
            [(name, version, self._key(root, sha256), root, wheel) for name, version, root, sha256, wheel in drafts]
        )

    def pack_of(self, name: str, contents: dict[str, bytes], distribution: Distribution) -> Packed:
        """A pack of files that are no wheel: a unit's own folder."""
        root = SITE.format(version=distribution.python_version)
        data = pack(root, contents)
        return self._made([(name, "", self._key(root, hashlib.sha256(data).hexdigest()), root, data)])[0]

    def imported(
        self,
        packed: Sequence[Packed],
        imports: Sequence[str],
        surely: Mapping[str, str] | None = None,
        *,
        wanted: bool = True,
    ) -> Imported:
        """Prove that a unit's imports work with these packages, and keep a snapshot in which they are done, if wanted.

        Args:
            packed: its packages.
            imports: what it imports. What is in none of the packages it may know how to do without,
            surely: but for these; with where in the unit each is imported.
            wanted: whether to make a snapshot.

        Raises:
            UnitError: an import fails; the message has its traceback, or where the import of a package stands that the
                unit does not state.
        """
        surely = surely or {}
        if self._node is None:
            return Imported(None, why="there is no Node.js 18 or newer on this machine")
        there = {module for package in packed for module in package.modules}
        names = [name for name in imports if name in surely or name.partition(".")[0] in there]
        pure = {module for package in packed if package.pure for module in package.modules}
        can = [name for name in names if wanted and name.partition(".")[0] in pure]
        key = hashlib.sha256(
            json.dumps([self._bundle.id, PACK_FORMAT, [one.sha256 for one in packed], names, can]).encode()
        ).hexdigest()
        told, snapshot = self._cache / f"{key}.json", self._cache / f"{key}.snapshot"
        with FileLock(self._cache / f"{key}.lock"):
            if not told.is_file():
                job = {
                    "packs": [str(one.path) for one in packed],
                    "pure": can,
                    "imports": names,
                    "snapshot": str(snapshot) if can else None,
                }
                answer = self._run(job)
                if answer["error"]:
                    name, _, trace = answer["error"].partition("\n")
                    top = name.partition(".")[0]
                    if top not in there and re.search(rf"(?m)^ModuleNotFoundError: .*'{top}'", trace):
                        raise UnitError(f"{surely[name]}: {_absent(top)}")
                    raise UnitError(f"{name} cannot be imported in a browser's interpreter:\n{trace.rstrip()}")
                sha256 = hashlib.sha256(snapshot.read_bytes()).hexdigest() if answer["snapshot"] else ""
                told.write_text(json.dumps(sha256))
        sha256 = json.loads(told.read_text())
        if sha256 and snapshot.is_file():
            return Imported(snapshot, sha256)
        why = "nothing to import is pure Python, or none is wanted" if not can else "its imports load compiled code"
        return Imported(None, why=why)

    def _key(self, root: str, sha256: str) -> str:
        compiled = "compiled" if self._node else "plain"
        facts = [PACK_FORMAT, root, sha256, self._bundle.manifest.pyodide, compiled]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _made(self, drafts: Sequence[tuple[str, str, str, str, Path | bytes]]) -> list[Packed]:
        with FileLock(self._cache / "packs.lock"), tempfile.TemporaryDirectory(dir=self._cache) as scratch:
            waiting = []
            for _, _, key, root, source in drafts:
                target = self._cache / f"{key}.pack"
                if target.is_file() and target.with_suffix(".json").is_file():
                    continue
                plain = Path(scratch) / f"{key}.plain"
                plain.write_bytes(source if isinstance(source, bytes) else pack(root, wheel_contents(source)))
                waiting.append((plain, Path(scratch) / f"{key}.compiled", target))
            if waiting and self._node:
                self._run({"compile": [[str(plain), str(made)] for plain, made, _ in waiting]})
            for plain, made, target in waiting:
                _note(made if self._node else plain, target)
        return [self._packed(name, version, self._cache / f"{key}.pack") for name, version, key, _, _ in drafts]

    def _packed(self, name: str, version: str, path: Path) -> Packed:
        facts = json.loads(path.with_suffix(".json").read_text())
        found = frozenset(facts["modules"])
        return Packed(name, version, path, facts["sha256"], facts["size"], found, facts["pure"])

    def _run(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self._node is not None  # noqa: S101 - asked before
        with tempfile.TemporaryDirectory(prefix="disio-kit-") as folder:
            files, task = Path(folder) / "files", Path(folder) / "job.json"
            load(self._bundle.root).write_named(files)
            task.write_text(json.dumps(job))
            told = run_node(self._node, "The packages cannot be prepared", [asset("node") / "kit.mjs", files, task])
        answer: dict[str, Any] = json.loads(told)
        return answer


def _absent(module: str) -> str:
    """What to do about an import that nothing has."""
    if module in sys.stdlib_module_names:
        return f"import {module} fails: a browser's Python does not have it"
    return (
        f"import {module} is of none of the unit's packages and no part of Python; state its package in the unit's "
        f'PEP 723 block, like dependencies = ["{module}"]'
    )


def _note(made: Path, target: Path) -> None:
    """Move a pack to its place, and keep beside it what is asked of it again and again."""
    data = made.read_bytes()
    names = unpack(data)
    sha256 = hashlib.sha256(data).hexdigest()
    facts = {"sha256": sha256, "size": len(data), "modules": sorted(modules(names)), "pure": is_pure(names)}
    target.with_suffix(".json").write_text(json.dumps(facts))
    made.replace(target)
