"""How large the values are that a unit makes when it is loaded, where that follows from constants. Executes nothing."""

import ast
import math
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

MOST_BITS: Final = 128
"""Larger numbers are not worked out."""
_ITEM_BYTES: Final = 8
_CONTAINERS: Final = {"list": "list", "tuple": "tuple", "set": "set", "frozenset": "set", "sorted": "list"}
_BUFFERS: Final = frozenset({"bytes", "bytearray"})
_ARRAYS: Final = frozenset({"numpy.zeros", "numpy.ones", "numpy.empty", "numpy.full"})
_UNIQUE: Final = frozenset({"set", "frozenset", "dict.fromkeys"})
_PASSED_ON: Final = frozenset({"enumerate", "reversed", "iter"})
_OPERATORS: Final[Mapping[type[ast.operator], Callable[[int, int], int]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
}
_LATER: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.GeneratorExp)
"""What is in these is not computed when the module is."""

Dotted = Callable[[ast.expr], str | None]
"""What a call's target is called, with its module."""


class Made(NamedTuple):
    """A value that is made: where, what it is ("a list of 10 items"), and how many bytes it takes at least."""

    line: int
    what: str
    bytes: int


def made(statements: Iterable[ast.stmt], dotted: Dotted) -> Iterator[Made]:
    """The values of known size that these statements of a module make, the outermost ones."""
    body = list(statements)
    sizes = _Sizes(_constants(body), dotted)
    pending: list[ast.AST] = [*reversed(body)]
    while pending:
        node = pending.pop()
        found = sizes.made(node) if isinstance(node, ast.expr) else None
        if found is not None:
            yield found
        elif not isinstance(node, _LATER):
            pending += ast.iter_child_nodes(node)


def _constants(body: Iterable[ast.stmt]) -> dict[str, int]:
    """Names of whole numbers: those that are bound once."""
    bound = Counter(
        node.id
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    )
    constants: dict[str, int] = {}
    for statement in body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if bound[name] == 1:
                number = _number(value, constants)
                if number is not None:
                    constants[name] = number
    return constants


def _number(node: ast.expr, constants: Mapping[str, int]) -> int | None:
    """A whole number, if it follows from constants and is of ordinary size."""
    number = None
    match node:
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            number = value
        case ast.Name(id=name):
            number = constants.get(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            positive = _number(operand, constants)
            number = None if positive is None else -positive
        case ast.Call(func=ast.Name(id="int"), args=[ast.Constant(value=float() as value)], keywords=[]):
            number = int(value) if abs(value) < 2.0**MOST_BITS else None
        case ast.BinOp(left=left, op=op, right=right):
            one, other = _number(left, constants), _number(right, constants)
            number = None if one is None or other is None else _computed(one, op, other)
    return number


def _computed(one: int, op: ast.operator, other: int) -> int | None:
    compute = _OPERATORS.get(type(op))
    if compute is None or max(one.bit_length(), other.bit_length()) > MOST_BITS:
        return None
    if isinstance(op, ast.Pow | ast.LShift) and not 0 <= other * max(one.bit_length(), 1) <= MOST_BITS:
        return None
    return None if isinstance(op, ast.FloorDiv) and not other else compute(one, other)


class _Sizes:
    """Sizes of expressions."""

    def __init__(self, constants: Mapping[str, int], dotted: Dotted) -> None:
        self._constants = constants
        self._dotted = dotted

    def made(self, node: ast.expr) -> Made | None:
        """What an expression makes, if it is one that makes something of a size that can be told."""
        match node:
            case ast.BinOp(op=ast.Mult() | ast.Add()):
                kind = self._kind(node)
                length = self._length(node)
            case ast.ListComp() | ast.DictComp():
                kind = "list" if isinstance(node, ast.ListComp) else "dict"
                length = self._length(node)
            case ast.Call():
                called = self._dotted(node.func) or ""
                kind = "bytes" if called in _BUFFERS else "array" if called.startswith("numpy.") else ""
                kind = kind or ("dict" if called == "dict.fromkeys" else _CONTAINERS.get(called, ""))
                length = self._length(node) if kind else None
            case _:
                return None
        if not kind or length is None:
            return None
        what = {"bytes": f"a value of {length:,} bytes", "text": f"a text of {length:,} characters"}.get(kind)
        size = length if what or (kind == "array" and _of_some_type(node)) else length * _ITEM_BYTES
        return Made(node.lineno, what or f"{'an' if kind == 'array' else 'a'} {kind} of {length:,} items", size)

    def _kind(self, node: ast.expr) -> str:
        """What sequence an expression is, as far as it matters here; empty if it is none."""
        kind = ""
        match node:
            case ast.BinOp(left=left, right=right):
                kind = self._kind(left) or self._kind(right)
            case ast.Constant(value=str()):
                kind = "text"
            case ast.Constant(value=bytes()):
                kind = "bytes"
            case ast.List() | ast.ListComp():
                kind = "list"
            case ast.Tuple():
                kind = "tuple"
            case ast.Call() if self.made(node) is not None:
                called = self._dotted(node.func) or ""
                kind = "bytes" if called in _BUFFERS else _CONTAINERS.get(called, "")
        return kind

    def _length(self, node: ast.expr) -> int | None:
        """How many items an expression has, or would give."""
        length = None
        match node:
            case ast.Constant(value=str() | bytes() as value):
                length = len(value)
            case ast.List(elts=items) | ast.Tuple(elts=items):
                length = None if any(isinstance(item, ast.Starred) for item in items) else len(items)
            case ast.BinOp(left=left, op=ast.Mult(), right=right) if self._kind(node):
                sequence, times = (left, right) if self._kind(left) else (right, left)
                length = _product([self._length(sequence), self._number(times)])
            case ast.BinOp(left=left, op=ast.Add(), right=right) if self._kind(left) and self._kind(right):
                one, other = self._length(left), self._length(right)
                length = None if one is None or other is None else one + other
            case ast.DictComp(
                key=ast.Name(id=key), generators=[ast.comprehension(target=ast.Name(id=name), ifs=[]) as loop]
            ):
                length = self._length(loop.iter) if key == name and self._is_range(loop.iter) else None
            case ast.ListComp(generators=loops) | ast.GeneratorExp(generators=loops):
                known = not any(loop.ifs for loop in loops)
                length = _product([self._length(loop.iter) for loop in loops]) if known else None
            case ast.Call(func=func, args=[first, *_] as args):
                length = self._length_of_call(self._dotted(func) or "", first, args)
        return length

    def _length_of_call(self, called: str, first: ast.expr, args: list[ast.expr]) -> int | None:
        length = None
        if called in ("range", "numpy.arange"):
            bounds = [self._number(bound) for bound in args[:3]]
            whole = [bound for bound in bounds if bound is not None]
            length = _range_length(whole) if len(whole) == len(bounds) else None
        elif called in _ARRAYS:
            shape = first.elts if isinstance(first, ast.Tuple | ast.List) else [first]
            length = _product([self._number(one) for one in shape])
        elif called in _BUFFERS and (size := self._number(first)) is not None:
            length = max(size, 0)
        elif called in _UNIQUE:  # what is there twice counts once
            length = self._length(first) if self._is_range(first) else None
        elif called in _BUFFERS | _PASSED_ON | _CONTAINERS.keys():
            length = self._length(first)
        return length

    def _is_range(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and self._dotted(node.func) == "range"

    def _number(self, node: ast.expr) -> int | None:
        return _number(node, self._constants)


def _of_some_type(node: ast.expr) -> bool:
    """Whether a call says what the items of its array are: they may then be of one byte."""
    return isinstance(node, ast.Call) and (len(node.args) > 1 or any(word.arg == "dtype" for word in node.keywords))


def _product(numbers: list[int | None]) -> int | None:
    whole = [max(number, 0) for number in numbers if number is not None]
    return math.prod(whole) if len(whole) == len(numbers) else None


def _range_length(bounds: list[int]) -> int | None:
    if len(bounds) == 3 and not bounds[2]:
        return None
    numbers = range(*bounds)  # not len(): that is limited
    return max(0, -((numbers.start - numbers.stop) // numbers.step))
