"""Packages of units: resolved by real pip, checked, packed; how that fails, before anything is queued."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from disio.bundle import load, own_packages, packs
from disio.bundle.distribution import MIRROR, Distribution
from disio.bundle.manifest import DISTRIBUTION
from disio.bundle.resolving import resolve
from disio.client import kits, sources
from disio.errors import AlteredError, BundleError, UnitError, UsageError
from tests.packages import use_cache
from tests.unit.bundle import wheels

SHARED_MEMORY = bytes.fromhex("0061736d01000000020f0103656e76066d656d6f72790203010a")
OWN_MEMORY = bytes.fromhex("0061736d01000000020f0103656e76066d656d6f72790201010a")
"""WebAssembly modules that import a memory, with and without threads."""


@pytest.fixture
def distribution(tmp_path: Path) -> Distribution:
    """The distribution of the bundle, with an empty cache."""
    try:
        return Distribution(load(only=(DISTRIBUTION,)), tmp_path / "distribution")
    except BundleError as error:
        pytest.skip(f"no bundle: {error}")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    use_cache(monkeypatch)
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # what is tested here needs none


def unit(folder: Path, dependencies: str, body: str = "def run(payload): return payload\n", more: str = "") -> Path:
    """A unit's file."""
    path = folder / "unit.py"
    path.write_text(f"# /// script\n# dependencies = [{dependencies}]\n{more}# ///\n{body}")
    return path


def test_numpy_of_the_distribution_needs_no_resolver(
    distribution: Distribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is compiled in the distribution comes from the mirror, by the hash in Pyodide's lock file."""
    try:
        (chosen,) = resolve(["NumPy>=2", "colorama; sys_platform == 'win32'"], [], distribution, tmp_path)
    except BundleError as error:
        pytest.skip(f"no mirror: {error}")
    assert (chosen.name, chosen.locked) == ("numpy", distribution.find("numpy"))
    monkeypatch.setenv(MIRROR, str(tmp_path / "nowhere"))
    assert resolve(["numpy"], [], distribution, tmp_path)[0].wheel == chosen.wheel, "it is in the cache by now"


def test_an_altered_mirror_is_refused(
    distribution: Distribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is not what the lock says is never used."""
    package = distribution.find("numpy")
    assert package is not None
    (tmp_path / package.file_name).write_bytes(b"PK not the wheel")
    monkeypatch.setenv(MIRROR, str(tmp_path))
    with pytest.raises(AlteredError, match=r"numpy-2.* is not Pyodide's numpy .*its hash is another"):
        resolve(["numpy"], [], distribution, tmp_path)


def test_a_mirror_that_is_none_is_told(
    distribution: Distribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the variable."""
    monkeypatch.setenv(MIRROR, str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=f"{MIRROR} is .*neither a folder nor"):
        distribution.fetch(next(iter(distribution.compiled)))


@pytest.mark.parametrize(
    ("requirement", "message"),
    [
        ("disio-has-no-such-package", r"No matching distribution found for disio-has-no-such-package"),
        ("numpy<1", r"No matching distribution found for numpy<1"),
        ("numpy >== 1", r"cannot be read"),
    ],
)
def test_what_cannot_be_met_is_told_in_pips_words(
    distribution: Distribution, tmp_path: Path, requirement: str, message: str
) -> None:
    """Neither a package that does not exist nor a version without wheel gets anywhere."""
    with pytest.raises(UnitError, match=message):
        resolve([requirement], [], distribution, tmp_path)


def test_a_conflict_is_told(distribution: Distribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two packages that cannot both be had, and one that wants another numpy than the distribution's."""
    one = wheels.wheel(tmp_path, "one", needs=("shared==1.0",))
    two = wheels.wheel(tmp_path, "two", needs=("shared<1.0",))
    wheels.wheel(tmp_path, "shared")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    target = tmp_path / "target"
    with pytest.raises(UnitError, match=r"(?i)conflict"):
        resolve([], [one, two], distribution, target)
    old = wheels.wheel(tmp_path, "old", needs=("numpy<2",))
    with pytest.raises(UnitError, match=r"(?is)numpy.*compiled packages have the versions of its lock"):
        resolve([], [old], distribution, target)


def test_threads_are_refused(distribution: Distribution, tmp_path: Path) -> None:
    """A module that wants shared memory was built with threads; the same without is fine."""
    tag = f"cp314-cp314-{distribution.platform}"
    threads = wheels.wheel(tmp_path, "threads", tag=tag, files={"threads/_fast.so": SHARED_MEMORY})
    assert own_packages.uses_threads(SHARED_MEMORY)
    assert not own_packages.uses_threads(OWN_MEMORY)
    with pytest.raises(UnitError, match=r"threads/_fast.so in threads-1.0.* was built with threads"):
        own_packages.check(threads, distribution)


@pytest.mark.parametrize(
    ("tag", "files", "message"),
    [
        ("cp314-cp314-linux_x86_64", None, "not for browsers"),
        ("cp313-cp313-pyemscripten_2026_0_wasm32", None, "not for browsers"),
        ("cp314-cp314-pyemscripten_2026_0_wasm32", {"x/_fast.so": b"\x7fELF"}, "no WebAssembly"),
    ],
)
def test_wheels_for_elsewhere_are_refused(
    distribution: Distribution, tmp_path: Path, tag: str, files: dict[str, bytes] | None, message: str
) -> None:
    """Tag and content are both looked at."""
    with pytest.raises(UnitError, match=message):
        own_packages.check(wheels.wheel(tmp_path, "x", tag=tag, files=files), distribution)


def test_own_project_is_built_by_its_backend(tmp_path: Path) -> None:
    """A folder that a unit names is built, packed and imported as browsers will; its data files come along."""
    wheels.project(tmp_path / "model")
    path = unit(
        tmp_path, "", "import model\ndef run(payload): return model.VALUE\n", '# [tool.disio]\n# packages = ["model"]\n'
    )
    prepared = kits.prepare(sources.read(path, None, None))
    (pack,) = prepared.kit.packs
    contents = packs.unpack(prepared.files[pack.sha256].read_bytes())
    assert contents["model/tables/numbers.csv"] == b"1,2,3\n"
    assert prepared.kit.lock is not None
    assert b'"model-1.0-py3-none-any.whl"' in prepared.files[prepared.kit.lock.sha256].read_bytes()
    assert any(name.endswith("inner.cpython-314.pyc") for name in contents) == kits.has_node()


def test_a_project_is_a_unit(tmp_path: Path) -> None:
    """Its module has run; what its table says stands at the end of the module's text."""
    text = '"""About."""\nfrom .inner import VALUE\ndef run(payload): return VALUE\n'
    prepared = kits.prepare(sources.read(wheels.project(tmp_path / "model", unit=text), None, None))
    assert prepared.kit.module == prepared.unit.name == "model"
    assert prepared.unit.source.startswith(text)
    assert "# timeout = 7\n" in prepared.unit.source


def test_compiled_code_of_ones_own_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distribution: Distribution
) -> None:
    """Without the toolchain the error names it."""
    monkeypatch.setenv("PATH", os.defpath)
    wheels.project(tmp_path / "model", tag="cp313-cp313-linux_x86_64")
    with pytest.raises(UnitError, match=r"has compiled code .*missing for that: .*emcc"):
        own_packages.build(tmp_path / "model", distribution, tmp_path)


def test_what_pyodide_build_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is run for real, as far as it gets where Pyodide's headers cannot be fetched."""
    pytest.importorskip("pyodide_cli", reason="pyodide-build is not installed (it needs Python 3.12 or newer)")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    wheels.project(tmp_path / "model")
    with pytest.raises(UnitError, match=r"(?s)model cannot be built into a wheel:.*cross-build-env.*127.0.0.1"):
        own_packages.run_pyodide_build(tmp_path / "model", tmp_path / "target")


def test_a_build_that_fails_is_told(tmp_path: Path, distribution: Distribution) -> None:
    """With what the build backend says."""
    wheels.project(tmp_path / "model")
    (tmp_path / "model" / "backend.py").write_text("raise SystemError('the backend is broken')\n")
    with pytest.raises(UnitError, match="the backend is broken"):
        own_packages.build(tmp_path / "model", distribution, tmp_path)


@pytest.mark.parametrize("made", ["nothing", "no package"])
def test_folders_that_are_no_units(tmp_path: Path, made: str) -> None:
    """Neither a folder without a package nor a project without its module is taken."""
    folder = tmp_path / "folder"
    folder.mkdir()
    if made == "no package":
        (folder / "pyproject.toml").write_text('[project]\nname = "other"\n')
    with pytest.raises(UnitError, match=r"is no package|has no module other"):
        sources.read(folder, None, None)


def test_an_import_that_fails_in_browsers_is_told(tmp_path: Path) -> None:
    """A package that starts a thread when it is imported is an error at submission, with its traceback."""
    if not kits.has_node():
        pytest.skip("there is no Node, so imports are not tried")
    made = wheels.wheel(
        tmp_path,
        "threaded",
        files={"threaded.py": b"import threading\n\nthreading.Thread(target=print).start()\n"},
    )
    path = unit(
        tmp_path, "", "import threaded\ndef run(payload): pass\n", f'# [tool.disio]\n# packages = ["{made.name}"]\n'
    )
    with pytest.raises(UnitError, match=r"(?s)threaded cannot be imported .*can't start new thread"):
        kits.prepare(sources.read(path, None, None))


def test_an_import_that_no_package_has_is_told(tmp_path: Path) -> None:
    """What the unit imports at the top comes with its packages or with Python; what it can do without need not."""
    if not kits.has_node():
        pytest.skip("there is no Node, so imports are not tried")
    made = wheels.wheel(tmp_path, "here")
    named = f'# [tool.disio]\n# packages = ["{made.name}"]\n'
    optional = "try:\n    import elsewhere\nexcept ImportError:\n    elsewhere = None\n"
    path = unit(tmp_path, "", f"import csv\nimport here\n{optional}def run(payload): return here.VALUE\n", named)
    assert kits.prepare(sources.read(path, None, None)).kit.snapshot is not None
    unstated = r"unit.py, line 7: import {} is of none of .*PEP 723 block, like dependencies = ..{}"
    for name, message in (
        ("elsewhere.parts", unstated.format("elsewhere", "elsewhere")),
        ("numpy", unstated.format("numpy", "numpy")),
        ("tkinter", r"unit.py, line 7: import tkinter fails: a browser's Python does not have it"),
    ):
        path = unit(tmp_path, "", f"import here\nimport {name}\ndef run(payload): pass\n", named)
        with pytest.raises(UnitError, match=message) as told:
            kits.prepare(sources.read(path, None, None))
        assert "\n" not in str(told.value)


def test_an_extra_that_only_other_versions_have_is_told(
    distribution: Distribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left alone, pip would take an old version without the extra, of which the unit would learn in browsers."""
    wheels.wheel(tmp_path, "plain")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert [chosen.name for chosen in resolve(["plain"], [], distribution, tmp_path / "plain")] == ["plain"]
    with pytest.raises(UnitError, match=r"plain 1.0 has no extra 'fast', and is the newest that fits browsers"):
        resolve(["plain[fast]"], [], distribution, tmp_path / "extra")


@pytest.mark.parametrize("name", ["../x.py", "/x.py", "a/../../x.py"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    """Neither a wheel nor a pack gets a file beside its folder."""
    with pytest.raises(UnitError, match="leads out"):
        packs.wheel_contents(wheels.wheel(tmp_path, "x", files={name: b""}))
    with pytest.raises(UnitError, match="leads out"):
        packs.unpack(packs.pack("/root", {name: b""}))


def test_a_unit_is_executed_without_a_compiled_package(tmp_path: Path) -> None:
    """Where a compiled package is missing, only what really uses it fails, and says what to do."""
    program = (
        "from disio.unit.absent import stand_in\nstand_in(['fastlib'])\n"
        "import fastlib.inner as inner\nfrom fastlib import Base\nclass Mine(Base, frozen=True): pass\n"
        "print(Mine().__class__.__name__)\ninner.solve(1)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "Mine\n"
    assert "fastlib.inner.solve is not available where split and reduce run: install fastlib" in done.stderr


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (">=99", r"unit.py wants Python >=99, and the Python in browsers is 3\.\d+\.\d+; change requires-python"),
        ("three", "unit.py: requires-python is 'three', which cannot be read"),
    ],
)
def test_a_unit_that_does_not_take_the_python_in_browsers_is_refused(
    tmp_path: Path, distribution: Distribution, wanted: str, message: str
) -> None:
    """By its requires-python, at once."""
    assert distribution.python_version
    path = unit(tmp_path, "", more=f'# requires-python = "{wanted}"\n')
    with pytest.raises(UnitError, match=message):
        kits.prepare(sources.read(path, None, None))
    kits.prepare(sources.read(unit(tmp_path, "", more='# requires-python = ">=3.14"\n'), None, None))
