"""What will go wrong with a unit in browsers, seen from its source: warnings, each with its reason. Executes nothing.

Only code that ``run`` or ``show`` can reach by name is looked at, and what the module does when it is imported; the
part below ``if __name__ == "__main__":`` is its author's own. ``split`` and ``agree`` run on the manager, in no
browser: only modules that will be missing there are told.
"""

import ast
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal

from disio.unit.contract import Unit
from disio.unit.sizes import made

Kind = Literal["blocking", "threads", "processes", "network", "files", "globals", "chance", "time", "order", "imports"]

HUGE_ITEMS: Final = 5_000
"""A literal with more items than this is better a payload or a data file."""
HUGE_CHARACTERS: Final = 100_000
HUGE_BYTES: Final = 8_000_000
"""A larger value that every worker makes as it loads the unit is better made in ``run``, or a data file."""
_VOLUNTEERS_ROOTS: Final = ("run", "show")
_MANAGERS_ROOTS: Final = ("split", "agree")

_CALLS: Final[tuple[tuple[Kind, tuple[str, ...], str], ...]] = (
    (
        "blocking",
        ("time.sleep", "input", "asyncio.run", "signal.pause"),
        "keeps a visitor's machine waiting; a payload should only compute",
    ),
    (
        "threads",
        ("threading.*", "_thread.*", "concurrent.futures.Thread*", "queue.Queue", "multiprocessing.pool.Thread*"),
        "there are no threads in a browser's Python; make payloads smaller, each worker computes its own",
    ),
    (
        "processes",
        ("subprocess.*", "multiprocessing.*", "concurrent.futures.Process*", "os.system", "os.popen", "os.fork*",
         "os.exec*", "os.spawn*", "os.posix_spawn*"),
        "a browser starts no processes",
    ),
    (
        "network",
        ("socket.*", "ssl.*", "urllib.request.*", "http.client.*", "ftplib.*", "smtplib.*", "requests.*", "httpx.*",
         "aiohttp.*", "urllib3.*", "websockets.*", "js.fetch", "js.XMLHttpRequest*", "js.WebSocket*", "pyodide.http.*"),
        "volunteers compute without any network; put what is needed into payloads, parameters or a data file",
    ),
    (
        "chance",
        ("random.SystemRandom", "secrets.*", "os.urandom", "os.getrandom", "uuid.uuid1", "uuid.uuid4", "uuid.uuid7",
         "numpy.random.rand*", "numpy.random.normal", "numpy.random.uniform", "numpy.random.choice",
         "numpy.random.shuffle", "numpy.random.permutation", "numpy.random.poisson", "numpy.random.standard_normal"),
        "gives every volunteer another answer, so no two agree; draw from ctx.rng, or seed with a number from it",
    ),
    (
        "time",
        ("time.time*", "time.monotonic*", "time.perf_counter*", "time.localtime", "time.ctime", "time.strftime",
         "time.process_time*", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today",
         "datetime.date.today"),
        "differs from volunteer to volunteer; an answer that depends on it never agrees with another",
    ),
    (
        "order",
        ("id", "hash"),
        "differs from run to run (addresses, seeds of hashes); compare or sort values themselves",
    ),
)  # fmt: skip
_NOT_IN_BROWSERS: Final = frozenset(
    {"curses", "dbm", "ensurepip", "fcntl", "idlelib", "msvcrt", "resource", "termios", "tkinter", "turtle", "venv"}
)
"""Modules of the standard library that Pyodide leaves out (its documentation: "Python compatibility")."""
_SEEDABLE: Final = frozenset(
    {
        *("random.Random", "numpy.random.default_rng", "numpy.random.RandomState", "numpy.random.SeedSequence"),
        "numpy.random.seed",
    }
)
_ALWAYS_THERE: Final = frozenset({"disio", "js", "pyodide", "pyodide_js", "_pyodide", "disio_unit"})
_SETS: Final = frozenset({"set", "frozenset"})
_ORDERED_BY: Final = frozenset({"list", "tuple", "enumerate", "iter", "next"})


@dataclass(frozen=True, slots=True, order=True)
class Warning:  # noqa: A001 - what it is; nobody imports it without its module
    """One place in a unit that will not do in browsers what it does at home."""

    line: int
    kind: Kind
    what: str
    """The code in question, in short."""
    why: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}: {self.why}"


def lint(unit: Unit) -> list[Warning]:
    """Warnings about a unit, by line; none of them keeps it from being submitted."""
    tree = ast.parse(unit.source, unit.filename)
    names = _imports(tree)
    found: set[Warning] = set()
    executed, definitions = _parts(tree)
    for one in made(executed, lambda node: _dotted(node, names)):
        if one.bytes > HUGE_BYTES:
            why = "is made by every worker before its first payload; make what is needed in run, or send a data file"
            found.add(Warning(one.line, "globals", one.what, why))
    stated = bool(unit.metadata.dependencies or unit.metadata.packages)
    defined = dict.fromkeys(definitions, "")
    functions = list(_reachable(_VOLUNTEERS_ROOTS, executed, definitions))
    # Only functions are asked: after a seed at import, draws depend on which payloads the same worker had before.
    seeds = {function: line for function in functions if (line := _seeds_numpy(function, names))}
    for statement in [*executed, *functions]:
        seeded_from = seeds.get(statement, 0 if seeds and statement in functions else math.inf)
        own = {**names, **defined, **dict.fromkeys(_parameters(statement), "")}
        for node in ast.walk(statement):
            found.update(one for one in _look_at(node, own) if not (_is_numpys_own(one) and one.line >= seeded_from))
    for statement in [*executed, *functions, *_reachable(_MANAGERS_ROOTS, (), definitions)]:
        if not isinstance(statement, ast.Try):  # it has another way where the module is missing
            found.update(one for node in ast.walk(statement) for one in _missing_modules(node, stated=stated))
    return sorted(found)


# ---- what is looked at -----------------------------------------------------------------------


def _reachable(
    roots: Iterable[str], executed: Sequence[ast.stmt], definitions: Mapping[str, ast.stmt]
) -> Iterator[ast.stmt]:
    """The functions and classes that can be reached by name from these roots, or from what importing executes."""
    pending = [name for name in roots if name in definitions]
    pending += [name for statement in executed for name in _names_in(statement) if name in definitions]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            yield definitions[name]
            pending += [other for other in _names_in(definitions[name]) if other in definitions]


def _parts(tree: ast.Module) -> tuple[list[ast.stmt], dict[str, ast.stmt]]:
    """What importing the module executes, and what it defines."""
    definitions: dict[str, ast.stmt] = {}
    executed: list[ast.stmt] = []
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            definitions[statement.name] = statement
        elif not _is_main_guard(statement):
            executed.append(statement)
    return executed, definitions


def _parameters(statement: ast.stmt) -> list[str]:
    """What a function's parameters are called: they hide modules and builtins of the same names."""
    if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    arguments = statement.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return [one.arg for one in every if one is not None]


def _is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in _names_in(statement.test)


def _names_in(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _imports(tree: ast.Module) -> dict[str, str]:
    """What the module's imports bind: the local name, and what it stands for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                names[bound] = alias.name if alias.asname else bound
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


# ---- what is found ---------------------------------------------------------------------------


def _look_at(node: ast.AST, names: dict[str, str]) -> Iterator[Warning]:
    if isinstance(node, ast.Call):
        yield from _call(node, names)
    elif isinstance(node, ast.For | ast.comprehension) and _is_set(node.iter, names):
        line = node.iter.lineno
        yield Warning(line, "order", "a loop over a set", "may take another order elsewhere; loop over sorted(...)")
    elif isinstance(node, ast.List | ast.Tuple | ast.Set) and len(node.elts) > HUGE_ITEMS:
        yield _huge(node.lineno, f"a literal with {len(node.elts):,} items")
    elif isinstance(node, ast.Dict) and len(node.keys) > HUGE_ITEMS:
        yield _huge(node.lineno, f"a literal with {len(node.keys):,} entries")
    elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and len(node.value) > HUGE_CHARACTERS:
        yield _huge(node.lineno, f"a literal of {len(node.value):,} characters")


def _missing_modules(node: ast.AST, *, stated: bool) -> Iterator[Warning]:
    """Imports that will fail. Which module is of which package is not known here: one dependency excuses all."""
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        modules = [node.module]
    else:
        return
    for module in modules:
        name = module.partition(".")[0]
        if name in _NOT_IN_BROWSERS:
            yield Warning(node.lineno, "imports", f"import {name}", "a browser's Python does not have it")
        elif not stated and name not in sys.stdlib_module_names and name not in _ALWAYS_THERE:
            why = f'is no part of Python; state its package above: # /// script, # dependencies = ["{name}"], # ///'
            yield Warning(node.lineno, "imports", f"import {name}", why)


def _huge(line: int, what: str) -> Warning:
    why = "is parsed by every worker again; put it into payloads, parameters or a data file"
    return Warning(line, "globals", what, why)


def _call(node: ast.Call, names: dict[str, str]) -> Iterator[Warning]:
    called = _dotted(node.func, names)
    if called is None:
        return
    for kind, patterns, why in _CALLS:
        if any(fnmatchcase(called, pattern) for pattern in patterns):
            yield Warning(node.lineno, kind, f"{called}()", why)
            return
    if called in _SEEDABLE and not node.args and not node.keywords:
        why = "without a seed gives every volunteer another answer; seed it with a number from ctx.rng"
        yield Warning(node.lineno, "chance", f"{called}()", why)
    elif called in ("open", "io.open", "pathlib.Path.open") and _reads_a_named_file(node):
        why = "finds none of your files in a browser; send the file with the task (--data), see ctx.data"
        yield Warning(node.lineno, "files", f"{called}()", why)
    elif called in _ORDERED_BY and node.args and _is_set(node.args[0], names):
        yield Warning(node.lineno, "order", f"{called}() of a set", "may take another order elsewhere; use sorted(...)")


def _seeds_numpy(function: ast.stmt, names: dict[str, str]) -> int | None:
    """The first line in which a function seeds NumPy's one generator for all, with something."""
    calls = (node for node in ast.walk(function) if isinstance(node, ast.Call) and node.args)
    return min((call.lineno for call in calls if _dotted(call.func, names) == "numpy.random.seed"), default=None)


def _is_numpys_own(warning: Warning) -> bool:
    """A draw from NumPy's one generator for all."""
    called = warning.what.removesuffix("()")
    return called.startswith("numpy.random.") and called not in _SEEDABLE


def _reads_a_named_file(node: ast.Call) -> bool:
    if not node.args or not isinstance(node.args[0], ast.Constant):
        return False
    modes: Iterable[ast.expr] = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "mode")]
    return all(isinstance(mode, ast.Constant) and "r" in str(mode.value) for mode in modes)


def _is_set(node: ast.expr, names: dict[str, str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    return isinstance(node, ast.Call) and _dotted(node.func, names) in _SETS


def _dotted(node: ast.expr, names: dict[str, str]) -> str | None:
    """What a call's target is called, with the module that it comes from; None if that cannot be told."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    first = names.get(node.id, node.id if not parts else None) or None  # empty: it is the unit's own
    return None if first is None else ".".join([first, *reversed(parts)])
