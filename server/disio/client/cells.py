"""Classes of notebook cells: which cell a class was defined in, where Python itself does not keep that."""

import ast
import functools
import inspect
import linecache
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

_MISSING = object()
NO_FILES: Final = ("<string>", "<stdin>", "<unknown>")
"""Everything read by exec() or from standard input shares these names."""


def cells(space: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and source of every cell, those run last first, as IPython and Python's own prompt keep them.

    Args:
        space: the globals of the cells; IPython keeps there what was run, in order.
    """
    ran = {str(text).strip(): at for at, text in enumerate(space.get("In", ()))}
    kept: list[tuple[int, int, str, str]] = []
    for at, (name, entry) in enumerate(list(linecache.cache.items())):
        if len(entry) == 4 and entry[1] is None and name not in NO_FILES:  # None: it is no file, or not of this time
            source = "".join(entry[2])
            kept.append((ran.get(source.strip(), -1), at, name, source))
    for _, _, name, source in sorted(kept, reverse=True):
        yield name, source


def class_in(value: type, sources: Iterable[tuple[str, str]], space: Mapping[str, Any]) -> tuple[str, str] | None:
    """Name and source of the cell that defines a class at its top: of those that may, the likest, run last."""
    best: tuple[int, tuple[str, str]] | None = None
    for name, source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            continue
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name == value.__name__ and _may_be(node, value, name, space):
                unlike = _unlikeness(node, value)
                if best is None or unlike < best[0]:
                    best = unlike, (name, source)
    return best[1] if best is not None else None


def _may_be(node: ast.ClassDef, value: type, name: str, space: Mapping[str, Any]) -> bool:
    """Whether a definition is of a class's shape: its bases, its own methods where they are, all that it binds."""
    first = vars(value).get("__firstlineno__")  # since Python 3.13
    if first is not None and first != min([node.lineno, *(one.lineno for one in node.decorator_list)]):
        return False
    bases = vars(value).get("__orig_bases__", value.__bases__)
    written = node.bases or [ast.Name("object", ast.Load())]
    if len(written) != len(bases) or not all(_is(*pair, space) for pair in zip(written, bases, strict=True)):
        return False
    known = vars(value).keys() | vars(value).get("__dataclass_fields__", {}).keys()
    methods = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef) and not one.decorator_list}
    for called, method in methods.items():
        code = getattr(vars(value).get(_mangled(called, node.name)), "__code__", None)
        place = (code.co_filename, code.co_firstlineno) if code is not None and code.co_name == called else None
        if place is not None and place != (name, method.lineno):  # None: a class decorator has put another there
            return False
    plain = {_mangled(called, node.name) for called in (*methods, *_constants(node))}
    return plain.issubset(known | {"_ignore_", "_order_"})  # an Enum uses these up


def _unlikeness(node: ast.ClassDef, value: type) -> int:
    """How many things of a class are not as a definition has them; decorators and later assignments change some."""
    own = vars(value)
    bound = {_mangled(name, node.name) for name in _bound(node)}
    public = {name for name in own if not (name.startswith("__") and name.endswith("__"))}
    count = len({name for name in bound if name not in own}) + len(public - bound)
    for name, constant in _constants(node).items():
        kept = own.get(_mangled(name, node.name), _MISSING)
        field = own.get("__dataclass_fields__", {}).get(name)
        default = own.get("_field_defaults", {}).get(name, _MISSING)
        shown = [kept, getattr(kept, "value", _MISSING), getattr(field, "default", _MISSING), default]
        count += not any(type(one) is type(constant) and one == constant for one in shown)
    try:
        annotated = set(inspect.get_annotations(value))
    except NameError:
        return count
    text = ast.get_docstring(node)
    return count + len(annotated ^ _annotated(node)) + (text is not None and text != inspect.getdoc(value))


def _is(node: ast.expr, base: object, space: Mapping[str, Any]) -> bool:
    """Whether a base is what is written; one that was defined anew since has the same name at least."""
    written = ast.unparse(node)
    try:
        found = functools.reduce(getattr, written.split(".")[1:], space[written.split(".", maxsplit=1)[0]])
    except (KeyError, AttributeError):
        found = None
    origin = getattr(base, "__origin__", base)
    names = {getattr(one, "__name__", "") for one in (base, origin)}
    return found is base or written.partition("[")[0].split(".")[-1] in names or not _plain(node)


def _plain(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute)


def _mangled(name: str, owner: str) -> str:
    return f"_{owner.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name


def _bound(node: ast.ClassDef) -> set[str]:
    found = {one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    for one in node.body:
        if isinstance(one, ast.Assign | ast.AnnAssign | ast.For | ast.With | ast.If):
            found |= {
                each.id for each in ast.walk(one) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            }
    return found


def _constants(node: ast.ClassDef) -> dict[str, Any]:
    """Names that a class body gives a constant, by the last one."""
    found: dict[str, Any] = {}
    for one in node.body:
        if isinstance(one, ast.Assign | ast.AnnAssign) and isinstance(one.value, ast.Constant):
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            found |= {target.id: one.value.value for target in targets if isinstance(target, ast.Name)}
    return found


def _annotated(node: ast.ClassDef) -> set[str]:
    return {one.target.id for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)}
