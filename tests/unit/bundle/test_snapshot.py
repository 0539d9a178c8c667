"""The memory snapshot, made and restored under a real Node."""

import ast
import runpy
import zipfile
from pathlib import Path
from types import CodeType

import pytest
import zstandard

from disio.bundle.compress import WINDOW_LOG, compress
from disio.bundle.snapshot import SNAPSHOT, make_snapshot, prove
from disio.errors import BundleError
from disio.unit import runner

pytestmark = pytest.mark.timeout(120)


def test_a_restored_interpreter_computes(named_files: Path, sources: Path, node: str) -> None:
    """The runner computes in it, catches what a unit raises and prints; later imports find their files."""
    answer = prove(node, sources, named_files).answer
    assert answer.outcomes == [0, 0, 1]
    assert answer.answers[:2] == [2, 3]
    assert isinstance(answer.answers[2], dict)
    assert answer.answers[2]["message"] == "ValueError: three"
    assert 'File "add_one.py", line 8, in run\n    raise ValueError("three")' in answer.answers[2]["traceback"]
    assert answer.logs == ["computing 1\n", "computing 2\n", "computing 3\n"]
    assert answer.left == 0


def test_plain_start_gives_the_same_answers(named_files: Path, sources: Path, node: str) -> None:
    """The same files start without the snapshot as well, with fewer modules inside, and the same order of sets."""
    restored, plain = prove(node, sources, named_files), prove(node, sources, named_files, plain=True)
    assert plain.answer.answers == restored.answer.answers
    assert plain.answer.hash_seed == restored.answer.hash_seed
    assert plain.answer.modules < restored.answer.modules


def test_the_snapshot_is_the_same_each_time(named_files: Path, sources: Path, node: str) -> None:
    """Chance, the clock and this machine's paths leave no trace, so a bundle can be checked by building it again."""
    first = (named_files / SNAPSHOT).read_bytes()
    made = make_snapshot(node, sources, named_files)
    assert (named_files / SNAPSHOT).read_bytes() == first
    assert made.size == len(first) <= made.memory
    assert made.size % 4 == 0
    assert str(sources.parent).encode() not in first


def test_a_preload_that_fails_is_told(named_files: Path, sources: Path, node: str, tmp_path: Path) -> None:
    """Python's own error comes out, in one line."""
    broken = tmp_path / "sources"
    (broken / "node").mkdir(parents=True)
    for script in ("make_snapshot.mjs", "node/scrub.mjs", "node/sparse.mjs"):
        (broken / script).write_bytes((sources / script).read_bytes())
    (broken / "node" / "preload.py").write_text("import nothing_of_that_name\n")
    kept = (named_files / SNAPSHOT).read_bytes()
    with pytest.raises(
        BundleError, match=r"cannot be made .*ModuleNotFoundError: No module named 'nothing_of_that_name'$"
    ):
        make_snapshot(node, broken, named_files)
    assert (named_files / SNAPSHOT).read_bytes() == kept


def test_a_preload_that_needs_too_much_memory_is_told(
    named_files: Path, sources: Path, node: str, tmp_path: Path
) -> None:
    """A snapshot that could not be restored is not made."""
    broken = tmp_path / "sources"
    (broken / "node").mkdir(parents=True)
    for script in ("make_snapshot.mjs", "node/scrub.mjs", "node/sparse.mjs"):
        (broken / script).write_bytes((sources / script).read_bytes())
    (broken / "node" / "preload.py").write_text("import builtins\nbuiltins.ballast = bytearray(64_000_000)\n")
    with pytest.raises(BundleError, match=r"more than the initial .* bytes of memory"):
        make_snapshot(node, broken, named_files)


def test_the_standard_library_is_slim(named_files: Path) -> None:
    """Comments and docstrings are gone; what is left of each line stands where it stood."""
    with zipfile.ZipFile(named_files / "python_stdlib.zip") as packed:
        source = packed.read("disio/unit/runner.py").decode()
    whole = Path(runner.__file__).read_text()
    assert source.startswith('""\n')
    assert "# " not in source
    assert len(source.splitlines()) == len(whole.splitlines())
    compiled, expected = (compile(text, "runner.py", "exec", optimize=2) for text in (source, whole))
    assert [(code.co_name, code.co_firstlineno, list(code.co_lines())) for code in codes(compiled)] == [
        (code.co_name, code.co_firstlineno, list(code.co_lines())) for code in codes(expected)
    ]


def codes(code: CodeType) -> list[CodeType]:
    """A code object and all that are inside it."""
    return [code, *(inner for const in code.co_consts if isinstance(const, CodeType) for inner in codes(const))]


def test_slim_sources_mean_the_same(core: Path, sources: Path) -> None:
    """On every module that this Python can read: the same syntax tree, but for texts that are statements."""
    slim = runpy.run_path(str(sources / "slim.py"))["slim"]
    compared = 0
    with zipfile.ZipFile(core / "python_stdlib.zip") as library:
        for name in sorted(library.namelist())[::4]:
            source = library.read(name).decode()
            try:
                before = ast.parse(source)
            except SyntaxError:
                continue  # newer than this Python
            if name.endswith(".py"):
                assert ast.dump(Undocumented().visit(before)) == ast.dump(ast.parse(slim(source))), name
                compared += 1
    assert compared > 100


class Undocumented(ast.NodeTransformer):
    """Makes every statement that is nothing but text an empty text."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value = ""
        return node


def test_zstd_frames_fit_into_browsers() -> None:
    """RFC 9659: a window of at most 8 MB, however long the file."""
    data = bytes(range(256)) * 50_000
    assert zstandard.get_frame_parameters(compress(data, "zstd")).window_size <= 2**WINDOW_LOG == 8 * 1024 * 1024
