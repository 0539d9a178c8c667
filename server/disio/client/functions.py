"""Functions as source: what must travel so that a function of this program can be called by a volunteer.

A *program* is a codec value:

- ``entry``: a reference to the function.
- ``definitions``: functions and classes, each after those that it needs: ``key``, ``kind`` (def, lambda, class),
  ``space`` (the module it is of), ``name``, ``qualname``, ``file``, ``line``, ``text``, ``free`` (references by
  variable), ``defaults``, ``kwdefaults``.
- ``spaces``: references by name, by module: the globals that the definitions use.
- ``modules``: whole modules of the user's own that are imported: ``file``, ``text``, ``package``.

A *reference* is a list: ``value`` and a codec value; ``module`` and a name; ``attribute``, a module's name and a path
in it; ``made`` and a definition's key (and a path in it); ``bound``, a reference and a method's name; ``partial``, a
reference, arguments, named arguments; ``cached``, a reference and the parameters of ``functools.lru_cache``.

Bytecode never travels, as the browser runs another Python; nothing is pickled.
"""

import dis
import functools
import hashlib
import inspect
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from disio.client.origins import Origin, exists, imports_of, module_source, origin_of
from disio.client.texts import Text, TravelError, class_text, function_text
from disio.errors import CodecError
from disio.unit import codec

Reference = list[Any]

_IMMUTABLE: Final = (type(None), bool, int, float, complex, str, bytes)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A variable as it was when its value was taken: it may be another by now."""

    get: Callable[[], Any]
    value: Any
    data: bytes | None

    @property
    def same(self) -> bool:
        try:
            now = self.get()
            return now is self.value and (self.data is None or codec.encode(now) == self.data)
        except (LookupError, ValueError, CodecError):
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A function with all that it needs. ``exceptions`` are the exception classes among that, by module and name."""

    value: dict[str, Any] = field(repr=False)
    digest: str
    name: str
    exceptions: dict[tuple[str, str], type[BaseException]]
    seen: list[_Seen] = field(repr=False)

    @property
    def current(self) -> bool:
        """Whether all variables that it uses are what they were."""
        return all(seen.same for seen in self.seen)


def program_of(function: Callable[..., Any], packages: Collection[str] = ()) -> Program:
    """What must travel of a function.

    Args:
        function: a function, lambda, class, ``functools.partial``, or a builtin.
        packages: names of distributions that volunteers have, besides the standard library.

    Raises:
        TravelError: it uses something that cannot travel; says what, and what to do.
    """
    name = getattr(function, "__qualname__", None) or type(function).__name__
    if not callable(function):
        raise TravelError(f"{function!r} cannot be called")
    gathering = _Gathering(packages)
    entry = gathering.refer(function, name)
    value = {
        "entry": entry,
        "definitions": gathering.definitions,
        "spaces": gathering.spaces,
        "modules": gathering.modules,
    }
    return Program(
        value=value,
        digest=hashlib.sha256(codec.encode(value)).hexdigest()[:32],
        name=name,
        exceptions=gathering.exceptions,
        seen=gathering.seen,
    )


class _Gathering:
    """Follows everything that a function uses."""

    def __init__(self, packages: Collection[str]) -> None:
        self.definitions: list[dict[str, Any]] = []
        self.spaces: dict[str, dict[str, Reference]] = {}
        self.modules: dict[str, dict[str, Any]] = {}
        self.exceptions: dict[tuple[str, str], type[BaseException]] = {}
        self.seen: list[_Seen] = []
        self._packages = packages
        self._keys: dict[int, str] = {}
        self._kept: list[Any] = []  # so that no id is used twice

    def refer(self, value: Any, where: str) -> Reference:
        """A reference to a value; ``where`` says to people what uses it."""
        match value:
            case ModuleType():
                self._need(value.__name__, where)
                reference: Reference = ["module", value.__name__]
            case type():
                reference = self._class(value, where)
            case FunctionType():
                reference = self._function(value, where)
            case MethodType() | BuiltinFunctionType() if not isinstance(value.__self__, ModuleType | None):
                reference = self._bound(value, where)
            case partial():
                args = [self.refer(one, where) for one in value.args]
                named = {name: self.refer(one, where) for name, one in value.keywords.items()}
                reference = ["partial", self.refer(value.func, where), args, named]
            case functools._lru_cache_wrapper():
                reference = ["cached", self.refer(value.__wrapped__, where), value.cache_parameters()]
            case _:
                reference = self._other(value, where)
        return reference

    def _other(self, value: Any, where: str) -> Reference:
        module, path = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        if callable(value) and isinstance(module, str) and isinstance(path, str) and _found(module, path) is value:
            return self._attribute(module, path, where)
        return self._value(value, where)

    def _value(self, value: Any, where: str) -> Reference:
        try:
            codec.encode(value)
        except CodecError as error:
            raise TravelError(
                f"{where} cannot travel: {error}; pass it as an argument, or make it in the function"
            ) from None
        return ["value", value]

    def _attribute(self, module: str, path: str, where: str) -> Reference:
        self._need(module, where)
        return ["attribute", module, path]

    def _need(self, name: str, where: str) -> Origin:
        """A module that is to be imported: either volunteers have it, or it travels whole."""
        origin = origin_of(name)
        if origin.kind == "package" and not origin.distributions & {_normal(p) for p in self._packages}:
            wanted = min(origin.distributions, default=name)
            raise TravelError(
                f"{where} uses the module {name}, which volunteers do not have; "
                f"name its package: Executor(dependencies=[{wanted!r}])"
            )
        if origin.kind == "own" and name not in self.modules:
            try:
                self.modules[name] = module = module_source(name)
            except OSError as error:
                raise TravelError(f"{where} uses the module {name}, whose source cannot be read: {error}") from None
            for other in imports_of(module["text"], name, package=module["package"]):
                self._need(other, f"module {name}")
            if "." in name:
                self._need(name.rpartition(".")[0], where)
        return origin

    def _bound(self, value: Any, where: str) -> Reference:
        try:
            owner = self.refer(value.__self__, where)
        except TravelError:
            kind = type(value.__self__).__name__
            raise TravelError(
                f"{where} is a method of a {kind}, which cannot travel; make the object in a function, and call that"
            ) from None
        return ["bound", owner, value.__name__]

    def _class(self, value: type, where: str) -> Reference:
        module, path = value.__module__, value.__qualname__
        if origin_of(module).kind != "own":
            return self._attribute(module, path, where)
        if issubclass(value, BaseException):
            self.exceptions[module, path] = value
        if id(value) in self._keys:
            return ["made", self._keys[id(value)]]
        if "<locals>" in path:
            raise TravelError(f"the class {path} is made in a function; define it at the top of its module")
        outer, *inner = path.split(".")
        if inner:
            return [*self._class(_found(module, outer), where), *inner]
        text = class_text(value)
        key = self._remember(value)
        for name in text.names:
            self._global(name, sys.modules[module].__dict__, module, f"class {path}")
        self._define(key, value, text)
        return ["made", key]

    def _function(self, function: FunctionType, where: str) -> Reference:
        module, path = function.__module__ or "", function.__qualname__
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TravelError(f"{path} is async; volunteers call plain functions")
        if origin_of(module).kind != "own" and _found(module, path) is function:
            return self._attribute(module, path, where)
        if id(function) in self._keys:
            return ["made", self._keys[id(function)]]
        outer, _, inner = path.partition(".")
        if inner and "<locals>" not in path and isinstance(_found(module, outer), type):
            return [*self._class(_found(module, outer), where), *inner.split(".")]
        text = function_text(function)
        key = self._remember(function)
        for name in sorted(_globals_of(function.__code__)):
            self._global(name, function.__globals__, module, path)
        for name in _imports_in(function.__code__):
            self._need(name, path)
        free = {}
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            free[name] = self._variable(partial(getattr, cell, "cell_contents"), f"{path}'s variable {name}")
        defaults = [self.refer(value, f"a default of {path}") for value in function.__defaults__ or ()]
        kwdefaults = {
            name: self.refer(value, f"the default of {path}'s {name}")
            for name, value in (function.__kwdefaults__ or {}).items()
        }
        self._define(key, function, text, free=free, defaults=defaults, kwdefaults=kwdefaults)
        return ["made", key]

    def _global(self, name: str, space: dict[str, Any], module: str, where: str) -> None:
        names = self.spaces.setdefault(module, {})
        if name in space and name not in names:
            names[name] = ["value", None]  # a function that uses itself comes here again
            names[name] = self._variable(partial(space.__getitem__, name), f"{where}'s global {name}")

    def _variable(self, get: Callable[[], Any], where: str) -> Reference:
        try:
            value = get()
        except ValueError:
            raise TravelError(f"{where} has no value yet") from None
        reference = self.refer(value, where)
        mutable = reference[0] == "value" and not isinstance(value, _IMMUTABLE)
        self.seen.append(_Seen(get, value, codec.encode(value) if mutable else None))
        return reference

    def _remember(self, value: Any) -> str:
        key = self._keys[id(value)] = str(len(self._keys))
        self._kept.append(value)
        return key

    def _define(self, key: str, value: type | FunctionType, text: Text, **parts: Any) -> None:
        self.spaces.setdefault(value.__module__, {})
        named = {"key": key, "kind": text.kind, "space": value.__module__, "name": value.__name__}
        rest = {"free": {}, "defaults": [], "kwdefaults": {}, **parts}
        self.definitions.append({**named, "qualname": value.__qualname__, **text.described, **rest})


def _found(module: str, path: str) -> Any:
    """What stands at a path of a module that is loaded; None if nothing does."""
    try:
        return functools.reduce(getattr, path.split("."), sys.modules[module])
    except (KeyError, AttributeError):
        return None


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _globals_of(code: CodeType) -> set[str]:
    """Names of globals that code uses; builtins are among them, what the body of a class in it has bound is not."""
    found: set[str] = set()
    for one in _codes(code):
        bound: set[str] = set()
        for instruction in dis.get_instructions(one):
            if instruction.opname == "STORE_NAME":
                bound.add(instruction.argval)
            elif instruction.opname == "LOAD_GLOBAL" or (
                instruction.opname == "LOAD_NAME" and instruction.argval not in bound
            ):
                found.add(instruction.argval)
    return found


def _imports_in(code: CodeType) -> set[str]:
    """Modules that code imports when it is called."""
    found: set[str] = set()
    for one in _codes(code):
        module = ""
        for instruction in dis.get_instructions(one):
            if instruction.opname == "IMPORT_NAME":
                module = instruction.argval
                found.add(module)
            elif instruction.opname == "IMPORT_FROM":
                found.add(f"{module}.{instruction.argval}")
    return {name for name in found if exists(name)}


def _normal(requirement: str) -> str:
    """The distribution that a requirement names."""
    name = requirement
    for mark in "[<>=!~;@ (":
        name = name.partition(mark)[0]
    return name.strip().lower().replace("_", "-").replace(".", "-")
