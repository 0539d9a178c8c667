"""The codec and the runner in CPython compiled to WebAssembly, as browsers run them (here under Node)."""

import json
import subprocess
from pathlib import Path

import pytest

from disio.assets import bundle_sources
from disio.bundle.pyodide import core_folder
from disio.bundle.snapshot import find_node
from disio.bundle.stdlib import shipped_files
from disio.errors import BundleError, CodecError
from disio.unit import codec
from tests.fixtures.codec_cases import run_cases

FIXTURES = Path(__file__).parents[2] / "fixtures"
PUT = """
from pathlib import Path
for name, text in {files!r}.items():
    path = Path("/sources", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the program in ``codec_in_pyodide.py`` found."""
    sources, node = bundle_sources(), find_node()
    if sources is None or node is None:
        pytest.skip("no checkout, or no Node.js")
    try:
        core = core_folder(sources, sources.parent / ".cache" / "bundle" / "pyodide")
    except BundleError as error:
        pytest.skip(f"no Pyodide: {error}")
    files = {name: path.read_text() for name, path in shipped_files().items()}
    files["codec_cases.py"] = (FIXTURES / "codec_cases.py").read_text()
    program = tmp_path_factory.mktemp("pyodide") / "program.py"
    program.write_text(PUT.format(files=files) + (FIXTURES / "codec_in_pyodide.py").read_text())
    command = [node, sources / "boot.mjs", core, program, "--plain"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])["answer"]
    return answer


def test_same_cases(told: dict[str, object]) -> None:
    """The seeded cases pass, and just as many hostile bytes are refused as natively."""
    assert told["refused"] == run_cases(codec, CodecError, seed=20, count=1500)


def test_nothing_ends_the_interpreter(told: dict[str, object]) -> None:
    """Deep JSON and endless recursion are errors; the deepest value that is allowed makes the round trip."""
    assert told["deep"] == "value: too many containers inside each other"
    assert told["nested"] == [True, True, True, True]
    assert '"message": "RecursionError: maximum recursion depth exceeded' in str(told["recursion"])
