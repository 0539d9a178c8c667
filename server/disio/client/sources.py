"""Where a unit comes from: a file, a text, a folder that is a package, or a project with a ``pyproject.toml``."""

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec

from disio.bundle.distribution import Distribution, as_locked
from disio.bundle.own_packages import project_table
from disio.bundle.packs import folder_contents, wheel_contents
from disio.bundle.preparing import Packed
from disio.bundle.resolving import Chosen
from disio.client import core
from disio.errors import UnitError, UsageError
from disio.unit.contract import read_metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSource:
    """A unit's text, and the package that it is a module of, if it is one."""

    source: str
    filename: str = "unit.py"
    beside: Path = field(default_factory=Path)
    """The folder that paths in the unit's metadata begin in."""
    module: str = ""
    """Its dotted name inside its package."""
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """Its package's files, if that is a plain folder."""
    project: Path | None = None
    """Its package's folder, if that is built by a build backend."""

    @property
    def folder(self) -> bool:
        """Whether it is a module of a package."""
        return bool(self.contents) or self.project is not None

    @property
    def name(self) -> str:
        """What to call the task, if nobody says: the package's name, or nothing."""
        return self.module.partition(".")[0]

    def imports(self) -> list[str]:
        """The modules that it imports, by their absolute names, in their order; each once."""
        texts = [self.source]
        texts += [data.decode("utf-8", "replace") for name, data in self.contents.items() if name.endswith(".py")]
        nodes = (node for text in texts for node in ast.walk(_parsed(text)))
        return self._others(name for node in nodes for name in _imported(node))

    def surely_imports(self) -> dict[str, str]:
        """Of these, what its own text cannot do without, as it stands at the top, under no condition; and where."""
        places: dict[str, str] = {}
        for node in _parsed(self.source).body:
            for name in _imported(node):
                places.setdefault(name, f"{self.filename}, line {node.lineno}")
        return {name: places[name] for name in self._others(places)}

    def _others(self, names: Iterable[str]) -> list[str]:
        own = self.name
        return [name for name in dict.fromkeys(names) if not own or name.partition(".")[0] != own]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])  # a template, or for another Python: importing it will tell


def read(unit: str | PathLike[str] | None, source: str | None, filename: str | None) -> UnitSource:
    """A unit from what a client is given: a file or folder, or a text.

    Raises:
        UsageError: neither or both are given, or it cannot be read.
        UnitError: the folder is no package.
    """
    if (unit is None) == (source is None):
        raise UsageError("give the unit's file or its source, one of the two")
    if source is not None:
        return UnitSource(source=source, filename=filename or "unit.py", beside=Path.cwd())
    path = Path(unit or "")
    if not path.is_dir():
        return UnitSource(source=core.read_source(path), filename=filename or path.name, beside=path.absolute().parent)
    path = path.absolute()
    if (path / "pyproject.toml").is_file():
        return _project(path)
    if not (path / "__init__.py").is_file():
        raise UnitError(f"{path} is no package: it has neither an __init__.py nor a pyproject.toml")
    if not path.name.isidentifier():
        raise UnitError(f"{path.name!r} is no name for a package; rename the folder: letters, digits and _")
    text = core.read_source(path / "__init__.py")
    return UnitSource(
        source=text, filename="__init__.py", beside=path, module=path.name, contents=folder_contents(path)
    )


def _project(folder: Path) -> UnitSource:
    """A project whose wheel is yet to be built; the module's text is looked for where projects have it."""
    table = project_table(folder)
    project = table.get("project", {})
    disio = table.get("tool", {}).get("disio", {})
    name = disio.get("unit") or re.sub(r"[-_.]+", "_", str(project.get("name", folder.name))).lower()
    parts = str(name).split(".")
    places = [base / Path(*parts) for base in (folder / "src", folder)]
    files = [file for place in places for file in (place / "__init__.py", place.with_suffix(".py"))]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise UnitError(
            f"{folder} has no module {name}; name the module with run(payload) in its pyproject.toml: "
            '[tool.disio] unit = "package.module"'
        )
    text = core.read_source(found)
    if read_metadata(text, found.name) == read_metadata(""):
        text += _block(project, {key: value for key, value in disio.items() if key != "unit"})
    return UnitSource(source=text, filename=found.name, beside=folder, module=str(name), project=folder)


def _block(project: Mapping[str, Any], disio: Mapping[str, Any]) -> str:
    """What a project's table says, as the metadata of a unit: at its end, where it moves no line."""
    lines = [f"dependencies = {json.dumps(list(project.get('dependencies', [])))}"]
    if disio:
        lines += ["[tool.disio]", *(f"{key} = {json.dumps(value)}" for key, value in disio.items())]
    return "\n\n# /// script\n" + "".join(f"# {line}\n" for line in lines) + "# ///\n"


def of_wheel(unit: UnitSource, wheel: Path) -> UnitSource:
    """A project's unit, once its wheel is built: the wheel has the module.

    Raises:
        UnitError: it has not.
    """
    path = unit.module.replace(".", "/")
    names = wheel_contents(wheel)
    if not any(name in names for name in (f"{path}.py", f"{path}/__init__.py")):
        raise UnitError(f"{wheel.name} has no module {unit.module}; see that its build backend takes it in")
    return replace(unit)


def write_lock(chosen: Sequence[Chosen], packed: Sequence[Packed], distribution: Distribution, cache: Path) -> Path:
    """How packages were resolved, in pyodide-lock's format, as a file in the cache."""
    packages: dict[str, Any] = {}
    for package, made in zip(chosen, packed, strict=True):
        packages[package.name] = (
            as_locked(package.locked)
            if package.locked is not None
            else {
                "name": package.name,
                "version": package.version,
                "file_name": package.wheel.name,
                "install_dir": "site",
                "sha256": package.sha256,
                "package_type": "package",
                "imports": sorted(made.modules),
                "depends": [],
                "unvendored_tests": False,
            }
        )
    lock = {"info": distribution.info, "packages": dict(sorted(packages.items()))}
    text = msgspec.json.format(msgspec.json.encode(lock), indent=2)
    path = cache / "locks" / f"{hashlib.sha256(text).hexdigest()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return path
