"""Calls of a Python program's functions.

The work unit of an executor: functions come as source, with what they use, and are put together here. A payload is
``[digest, program, calls]`` (``functions.py`` makes programs, and says what they are). An answer has ``[0, value]`` or
``[1, error]`` for each call. The runner seeds ``random`` for each payload, as its name stands here.
"""

import ast
import errno
import functools
import importlib
import importlib.abc
import importlib.util
import linecache
import sys
import traceback
from collections.abc import Callable
from types import CodeType
from typing import Any

from disio.unit.codec import encode

_KEPT = 16  # programs whose functions are kept from one payload to the next, with what they remember

_functions: dict[str, Callable[..., Any]] = {}
_initialized: list[bool] = []
_sources: dict[str, dict[str, Any]] = {}  # the program's own modules that may be imported


def run(payload: Any, ctx: Any) -> list[Any]:
    """Make the calls of one payload, one after the other."""
    digest, program, calls = payload
    if not _initialized:
        first = ctx.params["initializer"]
        if first is not None:
            _function(first[0], first[1])(*first[2])
        _initialized.append(True)
    function = _function(digest, program)
    return [_call(function, args, kwargs) for args, kwargs in calls]


def _call(function: Callable[..., Any], args: Any, kwargs: Any) -> list[Any]:
    try:
        return [0, function(*args, **kwargs)]
    except BaseException as error:  # SystemExit and KeyboardInterrupt are the call's own too
        return [1, _told(error)]


def _told(error: BaseException) -> dict[str, Any]:
    kind = type(error)
    trace = error.__traceback__.tb_next if error.__traceback__ else None
    args = list(error.args)
    try:
        encode(args)
    except Exception:  # they cannot travel; the message can
        args = [str(error)]
    told = {"module": kind.__module__, "name": kind.__qualname__, "args": args, "notes": [], "errno": None}
    notes = getattr(error, "__notes__", ())
    if isinstance(notes, list | tuple):
        told["notes"] = [note for note in notes if isinstance(note, str)]
    if isinstance(error, OSError):  # its number is another on other systems
        told["errno"] = errno.errorcode.get(error.errno) if isinstance(error.errno, int) else None
    return {**told, "traceback": "".join(traceback.format_exception(kind, error, trace))}


def _function(digest: str, program: Any) -> Callable[..., Any]:
    if digest not in _functions:
        while len(_functions) >= _KEPT:
            del _functions[next(iter(_functions))]
        _functions[digest] = _Program(program).function
    return _functions[digest]


class _Program:
    """Puts a function together: definitions, in the order in which they need each other, in the modules they are of."""

    def __init__(self, program: dict[str, Any]) -> None:
        _offer(program["modules"])
        self._made: dict[str, Any] = {}
        self._spaces: dict[str, dict[str, Any]] = {name: {"__name__": name} for name in program["spaces"]}
        self._unbound = [
            (self._spaces[space], name, reference)
            for space, names in program["spaces"].items()
            for name, reference in names.items()
        ]
        self._bind()
        for definition in program["definitions"]:
            self._made[definition["key"]] = self._make(definition)
            self._bind()
        for definition in program["definitions"]:
            self._fill(definition)
        self.function: Callable[..., Any] = self._resolve(program["entry"])

    def _bind(self) -> None:
        """Give every name its value that has one by now."""
        self._unbound = [each for each in self._unbound if not self._try(*each)]

    def _try(self, space: dict[str, Any], name: str, reference: Any) -> bool:
        try:
            space[name] = self._resolve(reference)
        except KeyError:
            return False
        return True

    def _make(self, definition: dict[str, Any]) -> Any:
        space = self._spaces[definition["space"]]
        scope: dict[str, Any] = {}
        exec(_compiled(definition), space, scope)  # noqa: S102 - what units are for
        made = scope["__made__"](*[None] * len(definition["free"]))
        if definition["kind"] != "class":
            made.__defaults__ = tuple(map(self._resolve, definition["defaults"])) or None
            made.__kwdefaults__ = {name: self._resolve(value) for name, value in definition["kwdefaults"].items()}
            made.__name__ = definition["name"]
            made.__code__ = made.__code__.replace(co_name=made.__name__, co_qualname=definition["qualname"])
        made.__qualname__ = definition["qualname"]
        return made

    def _fill(self, definition: dict[str, Any]) -> None:
        """Closures see their variables once everything is made: functions may refer to each other."""
        if definition["free"]:
            made = self._made[definition["key"]]
            for name, cell in zip(made.__code__.co_freevars, made.__closure__, strict=True):
                cell.cell_contents = self._resolve(definition["free"][name])

    def _resolve(self, reference: Any) -> Any:
        """The value that a reference stands for; a KeyError if it is not made yet."""
        kind, *rest = reference
        resolved: Any
        match kind:
            case "value":
                (resolved,) = rest
            case "module":
                resolved = importlib.import_module(rest[0])
            case "attribute":
                resolved = functools.reduce(getattr, rest[1].split("."), importlib.import_module(rest[0]))
            case "made":
                resolved = functools.reduce(getattr, rest[1:], self._made[rest[0]])
            case "bound":
                resolved = getattr(self._resolve(rest[0]), rest[1])
            case "cached":
                resolved = functools.lru_cache(**rest[1])(self._resolve(rest[0]))
            case "partial":
                named = {name: self._resolve(value) for name, value in rest[2].items()}
                resolved = functools.partial(self._resolve(rest[0]), *map(self._resolve, rest[1]), **named)
            case _:
                raise ValueError(f"a program with {kind!r} is of another version of Disio")
        return resolved


def _compiled(definition: dict[str, Any]) -> CodeType:
    """Code that defines ``__made__``, which makes the definition with its free variables as arguments."""
    text, first = definition["text"], definition["line"]
    _show(definition["file"], first, text)
    if definition["kind"] == "lambda":
        node: Any = ast.parse(f"({text}\n)", mode="eval").body
        returned: ast.expr = node
        body: list[ast.stmt] = []
    else:
        # A definition from within a block keeps its indentation: text over several lines must stay as it is.
        shift = text[:1].isspace()
        tree = ast.parse(f"if 1:\n{text}" if shift else text)
        ast.increment_lineno(tree, -shift)
        node = tree.body[0].body[0] if shift else tree.body[0]  # type: ignore[attr-defined]
        if definition["kind"] == "def":
            node.name = "__function__"  # its own name is that of a global, or of a variable of its closure
        returned = ast.Name(node.name, ast.Load())
        body = [node]
    if definition["kind"] != "class":
        _strip(node)
    ast.increment_lineno(node, first - 1)
    arguments = ast.arguments([], [ast.arg(name) for name in definition["free"]], None, [], [], None, [])
    maker = ast.FunctionDef("__made__", arguments, [*body, ast.Return(returned)], [], None)
    if sys.version_info >= (3, 12):
        maker.type_params = []
    return compile(ast.fix_missing_locations(ast.Module([maker], [])), definition["file"], "exec", dont_inherit=True)


def _strip(node: Any) -> None:
    """Leave out what was evaluated where the function was defined: decorators, defaults, annotations."""
    if not isinstance(node, ast.Lambda):
        node.decorator_list, node.returns = [], None
    arguments = node.args
    arguments.defaults = [ast.Constant(None) for _ in arguments.defaults]
    arguments.kw_defaults = [default and ast.Constant(None) for default in arguments.kw_defaults]
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    for argument in filter(None, every):
        argument.annotation = None


def _show(file: str, first: int, text: str) -> None:
    """Have tracebacks show these lines of a file."""
    known = linecache.cache.get(file)
    lines = list(known[2]) if known is not None and len(known) == 4 else []
    new = text.splitlines(keepends=True)
    lines += ["\n"] * (first - 1 + len(new) - len(lines))
    lines[first - 1 : first - 1 + len(new)] = new
    linecache.cache[file] = (0, None, lines, file)


def _offer(modules: dict[str, dict[str, Any]]) -> None:
    """Let modules be imported; one whose source is another than before is imported anew."""
    for name, module in modules.items():
        if _sources.get(name) != module:
            _sources[name] = module
            sys.modules.pop(name, None)
            _show(module["file"], 1, module["text"])


class _Finder:
    """Finds the program's own modules, before any others."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        """The spec of one of these modules; None for all others."""
        del path, target
        module = _sources.get(name)
        if module is None:
            return None
        return importlib.util.spec_from_loader(name, _Loader(module), is_package=module["package"])


class _Loader(importlib.abc.Loader):
    """Executes one of the program's own modules."""

    def __init__(self, module: dict[str, Any]) -> None:
        self._module = module

    def create_module(self, spec: Any) -> None:
        """As usual."""
        del spec

    def exec_module(self, module: Any) -> None:
        """Execute its source."""
        code = compile(self._module["text"], self._module["file"], "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 - what units are for


sys.meta_path.insert(0, _Finder)
