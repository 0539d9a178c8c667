"""Building the bundle, whole, from the checkout."""

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from disio.bundle import load
from disio.bundle.build import build
from disio.bundle.snapshot import SNAPSHOT
from disio.errors import BundleError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def root(core: Path, node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that was built here, by two at once."""
    folder = tmp_path_factory.mktemp("build") / "dist"
    outcomes: list[bool] = []
    builders = [
        threading.Thread(target=lambda: outcomes.append(build(root=folder, quick=True)[1]), daemon=True)
        for _ in range(2)
    ]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert sorted(outcomes) == [False, True]
    return folder


def test_bundle_has_what_a_browser_needs(root: Path) -> None:
    """All names are there, with types that browsers insist on, each smaller when compressed."""
    files = load(root).files
    assert set(files) == {
        "pyodide.mjs",
        "pyodide.asm.mjs",
        "pyodide.asm.wasm",
        "pyodide-lock.json",
        "distribution.json",
        "python_stdlib.zip",
        SNAPSHOT,
    }
    assert files["pyodide.asm.wasm"].content_type == "application/wasm"
    assert files["pyodide.mjs"].content_type == "text/javascript"
    assert all({"br", "zstd", "gzip"} == set(file.encodings) for file in files.values())


def test_an_altered_bundle_is_built_anew(root: Path) -> None:
    """The next build mends what was harmed, and is the same bundle; with nothing to mend it does nothing."""
    before = load(root)
    before.files["pyodide.mjs"].path.write_bytes(b"")
    with pytest.raises(BundleError):
        load(root)
    after, built = build(root=root, quick=True)
    assert built
    assert after.id == before.id
    assert build(root=root, quick=True) == (after, False)


def test_quick_bundle_stays_quick(root: Path) -> None:
    """Unless a full one is asked for, a bundle that was compressed less is up to date, and whoever looks is told."""
    before = load(root)
    assert before.manifest.quick
    assert build(root=root, quick=None) == (before, False)
    shown = subprocess.run(
        [sys.executable, "-m", "disio", "bundle", "show", "--path", str(root)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "disio bundle build --full" in shown.stdout


def test_show_tells_of_a_bundle_from_other_sources(root: Path, tmp_path: Path) -> None:
    """A bundle of this checkout is shown as it is; one of an older checkout is told to be that, whole as it may be."""
    command = [sys.executable, "-m", "disio", "bundle", "show", "--path"]
    current = subprocess.run([*command, str(root)], capture_output=True, text=True, check=True)
    assert "verified" in current.stdout
    assert current.stderr == ""
    older = tmp_path / "dist"
    shutil.copytree(root, older)
    manifest = msgspec.json.decode((older / "bundle.json").read_bytes())
    (older / "bundle.json").write_bytes(msgspec.json.encode({**manifest, "sources": "0" * 64}))
    told = subprocess.run([*command, str(older)], capture_output=True, text=True, check=True)
    assert "built from other sources than this checkout has" in told.stderr
    assert "disio bundle build" in told.stderr


def test_show_prints_the_manifest_or_one_line(root: Path, tmp_path: Path) -> None:
    """``disio bundle show`` gives JSON for programs, and for a missing bundle one line and status 1."""
    command = [sys.executable, "-m", "disio", "bundle", "show", "--json", "--path"]
    shown = subprocess.run([*command, str(root)], capture_output=True, check=True).stdout
    assert msgspec.json.decode(shown)["id"] == load(root).id
    failed = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert len(failed.stderr.splitlines()) == 1
    assert "disio bundle build" in failed.stderr


def test_unwritable_place_is_told(tmp_path: Path) -> None:
    """A place where no folder can be made is an error that names it."""
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(BundleError, match="cannot be written"):
        build(root=blocked / "dist", quick=True)


def test_ctrl_c_ends_a_build_at_once(node: str) -> None:
    """In the middle of compressing, Ctrl-C ends it with status 130, without a word; the bundle that was there stays."""
    before = load()
    building = subprocess.Popen([sys.executable, "-m", "disio", "bundle", "build", "--force"], stderr=subprocess.PIPE)
    try:
        assert building.stderr is not None
        assert any(b"proving the snapshot" in line for line in building.stderr)
        building.send_signal(signal.SIGINT)
        said = building.communicate(timeout=60)[1]
    finally:
        building.kill()
        building.wait()
    assert building.returncode == 130
    assert b"Traceback" not in said
    assert load() == before
