"""What a work unit is: read from its source text without executing any of it.

The text is parsed, never run: whoever submits a unit gets its errors at once, and the manager never
executes a stranger's module to learn what it offers. Metadata is a PEP 723 block.
"""

import ast
import hashlib
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isfinite
from typing import Any, Final

from disio.errors import UnitError
from disio.unit.checking import CHECKING, Checking, read_checking
from disio.unit.hints import hint

MAX_SOURCE_BYTES: Final = 1024 * 1024
"""Limit of a unit's source text; data belongs into payloads and parameters."""
MAX_PAYLOADS: Final = 2**53
DEFAULT_TIMEOUT: Final = 60.0
"""Seconds of computing that one payload may take when the unit does not say."""
MAX_TIMEOUT: Final = 86_400.0

_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
_REQUIREMENT = re.compile(r"\s*[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\s*(\[[^\]]*\])?\s*([(<>=!~;@].*)?", re.DOTALL)
_HOMEPAGE = re.compile(r"https://[\w.-]+(:\d{1,5})?([/?#][^\s\\]*)?")
_SIGNATURES = {
    "run": (1, 2, "run(payload) or run(payload, ctx)"),
    "split": (1, 1, "split(params)"),
    "agree": (2, 2, "agree(a, b)"),
    "reduce": (2, 2, "reduce(results, params)"),
    "show": (1, 1, "show(result)"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a unit's PEP 723 block says, with defaults for what it does not say."""

    title: str = ""
    """A name for people; empty: the file's name."""
    homepage: str = ""
    """The project's page, where visitors can read more; empty: none."""
    timeout: float = DEFAULT_TIMEOUT
    """Seconds of computing that one payload may take."""
    dependencies: tuple[str, ...] = ()
    """Packages that ``run`` imports (PEP 508), to be loaded before the unit in the browser."""
    requires_python: str = ""
    checking: Checking = field(default_factory=Checking)
    """What it asks of the checking of answers."""
    packages: tuple[str, ...] = ()
    """The researcher's own packages: paths of folders or wheels, beside the unit's file."""
    snapshot: bool = True
    """Whether pure-Python packages may come imported, in a snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A work unit's source, and what can be said of it without executing it."""

    name: str
    filename: str
    description: str
    """The module's docstring: what visitors and the dashboard are shown."""
    source: str = field(repr=False)
    sha256: str
    """Of the source in UTF-8: the unit's name as a file."""
    metadata: Metadata
    has_split: bool
    has_agree: bool
    has_reduce: bool


def load_unit(source: str | bytes, filename: str) -> Unit:
    """A unit from its source text. Executes nothing.

    Args:
        source: the module's text, or its bytes in UTF-8.
        filename: the module's file name (of a path, the last part counts); its stem is the unit's name.

    Raises:
        UnitError: no Python, no ``run``, a signature that cannot be called, or metadata that cannot be used.
    """
    filename = re.split(r"[/\\]", filename)[-1] or "unit.py"
    text = _text(source, filename)
    try:
        tree = ast.parse(text, filename)
    except SyntaxError as error:
        shown = f": {error.text.strip()[:80]}" if error.text and error.text.strip() else ""
        raise UnitError(f"{filename}, line {error.lineno or 1}: {error.msg}{shown}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnitError(f"{filename} cannot be parsed: {error}") from None
    defined = dict(_definitions(tree.body))
    if not tree.body:
        raise UnitError(f"{filename} is empty; a work unit is a Python module with a function run(payload)")
    if "run" not in defined:
        guess = get_close_matches("run", defined, 1, 0.5)
        hint = f" (it has {guess[0]})" if guess else ""
        raise UnitError(f"{filename} has no function run(payload){hint}; run is what volunteers compute")
    for name in _SIGNATURES.keys() & defined.keys():
        _check_signature(filename, name, defined[name])
    return Unit(
        name=filename.removesuffix(".py"),
        filename=filename,
        description=ast.get_docstring(tree) or "",
        source=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        metadata=read_metadata(text, filename),
        has_split="split" in defined,
        has_agree="agree" in defined,
        has_reduce="reduce" in defined,
    )


def _text(source: str | bytes, filename: str) -> str:
    try:
        text = source if isinstance(source, str) else source.decode("utf-8-sig")
        size = len(text.encode())
    except UnicodeError as error:
        raise UnitError(f"{filename} is not UTF-8 text ({error}); save it as UTF-8") from None
    if size > MAX_SOURCE_BYTES:
        raise UnitError(
            f"{filename} has {size:,} bytes; a unit's source may have {MAX_SOURCE_BYTES:,}. "
            "Move its data into payloads or parameters."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _definitions(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """Names that the module's top level binds, with the statement that does; branches included."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, statement
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (((alias.asname or alias.name), statement) for alias in names)
            case ast.Assign(targets=targets):
                for target in targets:
                    yield from ((node.id, statement) for node in ast.walk(target) if isinstance(node, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                yield name, statement
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                for part in ("body", "orelse", "finalbody"):
                    yield from _definitions(getattr(statement, part, []))
                for handler in getattr(statement, "handlers", []):
                    yield from _definitions(handler.body)


def _check_signature(filename: str, name: str, statement: ast.stmt) -> None:
    fewest, most, form = _SIGNATURES[name]
    place = f"{filename}, line {statement.lineno}"
    if isinstance(statement, ast.AsyncFunctionDef):
        raise UnitError(f"{place}: {name} is async; write a plain function: def {form}")
    if isinstance(statement, ast.ClassDef):
        raise UnitError(f"{place}: {name} is a class; write a function: def {form}")
    if not isinstance(statement, ast.FunctionDef):
        return  # imported or assigned: only running the module tells
    arguments = statement.args
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    needs_keyword = any(default is None for default in arguments.kw_defaults)
    if needs_keyword or required > most or (len(positional) < fewest and arguments.vararg is None):
        raise UnitError(f"{place}: {name} is called with {_count(fewest, most)}; write def {form}")


def _count(fewest: int, most: int) -> str:
    number = str(fewest) if fewest == most else f"{fewest} or {most}"
    return f"{number} positional argument{'' if most == 1 else 's'}"


def takes_context(parameters: Sequence[tuple[str, bool]]) -> bool:
    """Whether ``run`` is to be given the context.

    It is when its second positional parameter has no default, or is called ``ctx`` or ``context``; other
    parameters with defaults keep them.

    Args:
        parameters: name, and whether there is a default, of each positional parameter.
    """
    if len(parameters) < 2:
        return False
    name, has_default = parameters[1]
    return not has_default or name in ("ctx", "context")


def read_metadata(source: str, filename: str = "unit.py") -> Metadata:
    """The metadata of a unit's source: its PEP 723 block, or the defaults.

    Raises:
        UnitError: no TOML, an unknown key, or a value that cannot be used.
    """
    blocks = [match for match in _BLOCK.finditer(source) if match["type"] == "script"]
    if len(blocks) > 1:
        raise UnitError(f"{filename} has {len(blocks)} '# /// script' blocks; put everything into one")
    if not blocks:
        if re.search(r"(?m)^# /// script\s*$", source):
            raise UnitError(f"{filename}: the '# /// script' block does not end; close it with a line '# ///'")
        return Metadata()
    lines = blocks[0]["content"].splitlines()
    try:
        table = tomllib.loads("\n".join(line[2:] for line in lines))
    except tomllib.TOMLDecodeError as error:
        raise UnitError(f"{filename}: the '# /// script' block is no TOML: {error}") from None
    tool = table.get("tool", {})
    disio = tool.get("disio", {}) if isinstance(tool, dict) else {}
    if not isinstance(tool, dict) or not isinstance(disio, dict):
        raise UnitError(f"{filename}: tool and tool.disio are tables; write [tool.disio]")
    _refuse_unknown(filename, "", table, ("dependencies", "requires-python", "tool"))
    _refuse_unknown(filename, "tool.disio.", disio, ("title", "homepage", "timeout", "packages", "snapshot", *CHECKING))
    asked = {name: value for name, value in disio.items() if name in CHECKING}
    return Metadata(
        title=_one_line(filename, "tool.disio.title", disio.get("title", "")),
        homepage=_homepage(filename, disio.get("homepage", "")),
        timeout=_timeout(filename, disio.get("timeout", DEFAULT_TIMEOUT)),
        dependencies=_dependencies(filename, table.get("dependencies", [])),
        packages=_packages(filename, disio.get("packages", [])),
        snapshot=_yes_or_no(filename, "tool.disio.snapshot", disio.get("snapshot", True)),
        requires_python=_one_line(filename, "requires-python", table.get("requires-python", "")),
        checking=read_checking(asked, f"{filename}: tool.disio."),
    )


def _refuse_unknown(filename: str, prefix: str, table: dict[str, Any], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise UnitError(f"{filename}: unknown metadata {prefix}{key}; {hint(key, known)}")


def _one_line(filename: str, key: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > 200 or not (value.isprintable() or not value):
        raise UnitError(f"{filename}: {key} must be one line of text, at most 200 characters")
    return value


def _homepage(filename: str, value: Any) -> str:
    if _one_line(filename, "tool.disio.homepage", value) and not _HOMEPAGE.fullmatch(value):
        raise UnitError(
            f"{filename}: tool.disio.homepage is {value[:80]!r}; "
            "it must be the address of a page that begins with https://, like 'https://example.org/project'"
        )
    return str(value)


def _timeout(filename: str, value: Any) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not isfinite(value)
        or not 0 < value <= MAX_TIMEOUT
    ):
        raise UnitError(f"{filename}: tool.disio.timeout must be seconds, more than 0 and at most {MAX_TIMEOUT:.0f}")
    return float(value)


def _dependencies(filename: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > 100:
        raise UnitError(f"{filename}: dependencies must be a list of at most 100 package names")
    for requirement in value:
        if not isinstance(requirement, str) or len(requirement) > 300 or not _REQUIREMENT.fullmatch(requirement):
            raise UnitError(f"{filename}: dependencies has {str(requirement)[:80]!r}; write it like 'numpy>=2'")
        if "@" in requirement.partition(";")[0]:  # an address, which browsers could not load it from
            raise UnitError(
                f"{filename}: dependency {requirement[:80]!r} names an address; name folders and wheels of yours in "
                "[tool.disio] packages = ['./model'], and all else by name and version"
            )
    return tuple(value)


def _yes_or_no(filename: str, key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UnitError(f"{filename}: {key} must be true or false")
    return value


def _packages(filename: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > 100 or not all(isinstance(path, str) and path for path in value):
        raise UnitError(f"{filename}: tool.disio.packages must be a list of paths of folders or wheels, like './model'")
    return tuple(value)


def default_split(params: Any) -> Sequence[Any]:
    """The payloads of a task whose unit has no ``split``.

    ``{"payloads": [...]}`` gives the items of that list; ``{"stop": n}``, with ``start`` (0) and ``step``
    (1) if wanted, gives the ints of that range.

    Raises:
        UnitError: neither is there, or not as it should be.
    """
    if isinstance(params, dict) and "payloads" in params:
        payloads = params["payloads"]
        if not isinstance(payloads, list | tuple):
            raise UnitError(f"the parameter payloads is of type {type(payloads).__name__}; it must be a list")
        return payloads
    if isinstance(params, dict) and "stop" in params:
        bounds = {name: params.get(name, default) for name, default in (("start", 0), ("stop", 0), ("step", 1))}
        for name, value in bounds.items():
            if type(value) is not int:
                raise UnitError(f"the parameter {name} is {str(value)[:40]!r}; it must be a whole number")
        if bounds["step"] == 0:
            raise UnitError("the parameter step is 0; it must not be")
        payloads = range(bounds["start"], bounds["stop"], bounds["step"])
        if payloads and (payloads[-1] - payloads[0]) // bounds["step"] >= MAX_PAYLOADS:
            raise UnitError(f"start, stop and step give more than {MAX_PAYLOADS:,} payloads")
        return payloads
    raise UnitError(
        "the unit has no split(params), and the parameters name no payloads: "
        "give payloads (a list), or stop (a number, with start and step if wanted; disio submit UNIT.py -p stop=100), "
        "or write split"
    )
