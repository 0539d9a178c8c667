"""Where modules come from: whether volunteers have them, can get them, or must be sent them."""

import ast
import functools
import importlib.metadata
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Origin:
    """``standard``: of the standard library; ``package``: of the installed distributions named; ``own``: the user's."""

    kind: Literal["standard", "package", "own"]
    distributions: frozenset[str] = frozenset()


@functools.cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@functools.cache
def _installed_in() -> tuple[Path, ...]:
    return tuple(Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib"))


def exists(name: str) -> bool:
    """Whether there is a module of this name, loaded or not."""
    try:
        return name in sys.modules or importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def _file_of(name: str) -> str | None:
    if name in sys.modules:
        return getattr(sys.modules[name], "__file__", None)
    spec = importlib.util.find_spec(name) if exists(name) else None
    return spec.origin if spec is not None else None


def origin_of(name: str) -> Origin:
    """Where a module comes from, by its name and by where its file is."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top == "builtins":
        # The tests of the standard library are not in browsers.
        return Origin("own") if top == "test" else Origin("standard")
    file = _file_of(name)
    if file is None or name == "__main__":
        return Origin("own")
    path = Path(file).resolve()
    if any(path.is_relative_to(place) for place in _installed_in()):
        return Origin("package", frozenset(one.lower().replace("_", "-") for one in _distributions().get(top, [top])))
    return Origin("own")


def module_source(name: str) -> dict[str, Any]:
    """A module of the user's own as it travels: ``file``, ``text``, ``package``.

    Raises:
        OSError: it has no source that can be read.
    """
    module = sys.modules[name] if name in sys.modules else importlib.import_module(name)
    file = getattr(module, "__file__", None)
    if file is None:
        if hasattr(module, "__path__"):  # a namespace package
            return {"file": name, "text": "", "package": True}
        raise OSError("it has no file")
    if not file.endswith(".py"):
        raise OSError(f"{file} is no Python source")
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise OSError(f"{file} is not UTF-8: {error}") from None
    return {"file": Path(file).name, "text": text, "package": hasattr(module, "__path__")}


def imports_of(text: str, name: str, *, package: bool) -> Iterator[str]:
    """Modules that a module's text imports.

    Args:
        text: of the module.
        name: of the module.
        package: whether it is a package's ``__init__``.
    """
    home = name if package else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(text)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = (
                importlib.util.resolve_name("." * node.level + (node.module or ""), home) if node.level else node.module
            )
            names = [base or "", *(f"{base}.{alias.name}" for alias in node.names)]
        yield from filter(exists, names)
