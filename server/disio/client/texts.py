"""The text of functions and classes of this program: from files, scripts, notebook cells."""

import ast
import functools
import inspect
import linecache
import symtable
import sys
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Literal

from disio.client.cells import NO_FILES, cells, class_in
from disio.errors import DisioError


class TravelError(DisioError):
    """A function cannot travel to volunteers; says which part of it, and why."""

    code = "travel"
    http_status = 422


@dataclass(frozen=True, slots=True)
class Text:
    """A definition's own lines, without decorators, indented as they were. ``names``: what a class uses."""

    kind: Literal["def", "lambda", "class"]
    file: str
    line: int
    text: str
    names: tuple[str, ...] = ()

    @property
    def described(self) -> dict[str, Any]:
        """As it stands in a program."""
        return {"file": Path(self.file).name, "line": self.line, "text": self.text}


def function_text(function: FunctionType) -> Text:
    """The text of a function or lambda.

    Raises:
        TravelError: it is not to be found, or has been changed since.
    """
    code = function.__code__
    source = _source(code.co_filename, function.__globals__, function.__qualname__)
    wanted: type = ast.Lambda if code.co_name == "<lambda>" else ast.FunctionDef
    found: list[Any] = [node for node in ast.walk(_tree(source, code.co_filename)) if _is(node, wanted, code)]
    if not found:
        raise TravelError(
            f"{function.__qualname__} is not where it was in {code.co_filename}: the file was changed after it "
            "was loaded; load it again"
        )
    node = min(found, key=lambda one: one.end_lineno - one.lineno)
    if isinstance(node, ast.Lambda):
        return Text("lambda", code.co_filename, node.lineno, ast.get_source_segment(source, node) or "")
    lines = source.splitlines(keepends=True)[node.lineno - 1 : node.end_lineno]
    return Text("def", code.co_filename, node.lineno, "".join(lines))


def class_text(value: type) -> Text:
    """The text of a class at the top of its module, with its decorators, and the names that it uses.

    Raises:
        TravelError: it is not to be found.
    """
    module = sys.modules.get(value.__module__)
    space = vars(module) if module else {}
    try:
        file = inspect.getfile(value)
    except (TypeError, OSError):
        file = getattr(module, "__file__", None) or ""
    if file:
        source = _source(file, space, value.__qualname__)
    else:
        file, source = _class_source(value, space)
    found = [
        node for node in _tree(source, file).body if isinstance(node, ast.ClassDef) and node.name == value.__name__
    ]
    if not found:
        raise TravelError(f"the class {value.__qualname__} is not at the top of {file}; define it there")
    node = found[-1]
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    lines = source.splitlines(keepends=True)[first - 1 : node.end_lineno]
    text = "".join(lines)
    return Text("class", file, first, text, tuple(sorted(_globals_in(node, text) - {node.name})))


def _globals_in(node: ast.ClassDef, text: str) -> set[str]:
    """Names of globals that a class uses; builtins are among them, what its body binds before using it is not."""
    whole = symtable.symtable(text, "<class>", "exec")
    found = {one.get_name() for one in whole.get_symbols() if one.is_referenced()}  # by decorators and bases
    inner = list(whole.get_children())
    for table in inner:
        inner += table.get_children()
        found |= {one.get_name() for one in table.get_symbols() if one.is_referenced() and one.is_global()}
    bound: set[str] = set()
    for statement in node.body:  # limit = limit takes the global one
        names = [one for one in ast.walk(statement) if isinstance(one, ast.Name)]
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            used = {one.id for one in names if isinstance(one.ctx, ast.Load)}
            stored = {one.id for one in names if isinstance(one.ctx, ast.Store)}
            found |= (used & stored) - bound
            bound |= stored
    return found


def _class_source(value: type, space: dict[str, Any]) -> tuple[str, str]:
    """File and source of a class whose module has no file, as in a notebook: of a cell, or where its methods are."""
    methods = [one.__code__.co_filename for one in vars(value).values() if isinstance(one, FunctionType)]
    files = [(file, "".join(linecache.getlines(file))) for file in dict.fromkeys(methods) if file not in NO_FILES]
    found = class_in(value, [*cells(space), *files], space)
    if found is None:
        raise TravelError(
            f"the source of the class {value.__qualname__} is not to be found: classes travel as source; "
            "define it at the top of a notebook cell, a script or a module"
        )
    return found


def _source(file: str, space: dict[str, Any], name: str) -> str:
    linecache.checkcache(file)
    # What is cached under such names may be another's.
    lines = [] if file in NO_FILES else linecache.getlines(file, space)
    if not lines:
        raise TravelError(
            f"the source of {name} is not to be found ({file}): functions travel as source; "
            "write it in a file, a script or a notebook"
        )
    return "".join(lines)


@functools.lru_cache(maxsize=64)
def _tree(source: str, file: str) -> ast.Module:
    try:
        return ast.parse(source, file)
    except SyntaxError as error:
        raise TravelError(f"{file} cannot be parsed any more: {error}; load it again") from None


def _is(node: ast.AST, wanted: type, code: CodeType) -> bool:
    """Whether a node of a file is what some code was compiled from."""
    if not isinstance(node, wanted) or not isinstance(node, ast.Lambda | ast.FunctionDef):
        return False
    arguments = node.args
    named = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    if list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) != named:
        return False
    if isinstance(node, ast.FunctionDef):
        first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
        return node.name == code.co_name and first == code.co_firstlineno
    return _covers(node.body, code)


def _covers(body: ast.expr, code: CodeType) -> bool:
    """Whether a lambda's body stands where its code says that it comes from."""
    start, end = (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)
    begins, ends = [], []
    for line, end_line, column, end_column in code.co_positions():
        if line and end_line and end_column and column is not None:
            begins.append((line, column))
            ends.append((end_line, end_column))
    return bool(begins) and min(begins) == start and max(ends) == end
