"""Stands for compiled packages that this machine does not have, so that a unit can be executed for its ``split``.

What only ``run`` uses is never missed. What ``split`` or ``reduce`` uses is an error that says what to do.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

from disio.errors import UnitError


def stand_in(names: Iterable[str]) -> None:
    """Let these top-level modules be imported where they are not installed."""
    sys.meta_path.append(_Finder(frozenset(names)))


class _Absent:
    """An attribute of a package that is not here: it can be named and inherited from, and used for nothing else."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> "_Absent":
        if name.startswith("__"):
            raise AttributeError(name)
        return _Absent(f"{self._name}.{name}")

    def __call__(self, *_: Any, **__: Any) -> Any:
        package = self._name.partition(".")[0]
        raise UnitError(
            f"{self._name} is not available where split and reduce run: install {package} beside the manager, "
            "or use it in run alone"
        )

    def __mro_entries__(self, _: Any) -> tuple[type, ...]:
        return (_AbsentBase,)


class _AbsentBase:
    def __init_subclass__(cls, **_: Any) -> None:
        """Whatever the base that is not here would have taken."""


class _AbsentModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Absent(f"{self.__name__}.{name}")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Asked last, so that what is installed is used."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        top = fullname.partition(".")[0]
        absent = top in self._names and (top == fullname or isinstance(sys.modules.get(top), _AbsentModule))
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True) if absent else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _AbsentModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to execute."""
