"""The work units that come with Disio, to start from."""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from disio.assets import asset
from disio.errors import UnitError
from disio.unit.contract import load_unit


@dataclass(frozen=True, kw_only=True)
class Example:
    """A work unit to start from: its first words, and its parameters with their defaults as JSON."""

    name: str
    title: str
    summary: str
    source: str
    params: str


def find_examples() -> list[Example]:
    """All work units that come with this installation, by name."""
    examples = []
    for path in sorted(asset("workunits").glob("*.py")):
        source = path.read_text(encoding="utf-8")
        try:
            unit = load_unit(source, path.name)
        except UnitError:
            continue
        examples.append(
            Example(
                name=path.stem,
                title=unit.metadata.title or path.stem.replace("_", " "),
                summary=unit.description.partition("\n")[0],
                source=source,
                params=json.dumps(dict(default_parameters(source)), indent=2),
            )
        )
    return examples


def default_parameters(source: str) -> Iterator[tuple[str, Any]]:
    """Parameters that a unit names with a default: in a literal ``DEFAULTS``, or as ``params.get("name", default)``."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="DEFAULTS")], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name(id="DEFAULTS"), value=ast.expr() as value)
            ):
                yield from _literals(value)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="params"), attr="get"),
                args=[ast.Constant(value=str(name)), default],
            ):
                found = _literal(default, None)
                if found is not None:
                    yield name, found


def _literals(node: ast.expr) -> Iterator[tuple[str, Any]]:
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            found = _literal(value, None)
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and found is not None:
                yield key.value, found


def _literal(node: ast.expr, otherwise: Any) -> Any:
    try:
        value = ast.literal_eval(node)
        json.dumps(value)
    except (ValueError, TypeError):
        return otherwise
    return value
