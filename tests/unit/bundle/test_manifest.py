"""Reading a bundle: what was published is found again, and nothing else passes for it."""

import gzip
from pathlib import Path

import brotli
import msgspec
import pytest
import zstandard

from disio.assets import asset
from disio.bundle import load
from disio.bundle.manifest import FILES, MANIFEST
from disio.errors import BundleError

CONTENTS = {"a.txt": b"many bytes " * 1000, "b.txt": b"other bytes " * 1000, "tiny.txt": b"x"}


@pytest.fixture
def root(tmp_path: Path, publish_small) -> Path:
    """A small bundle."""
    folder = tmp_path / "a bundle"
    publish_small(folder, CONTENTS)
    return folder


def test_what_was_published_is_loaded(root: Path) -> None:
    """Names, contents and types come back, and each file is found by its hash too."""
    bundle = load(root)
    assert {name: file.path.read_bytes() for name, file in bundle.files.items()} == CONTENTS
    for file in bundle.files.values():
        assert file.path.name == file.sha256
        assert bundle.by_hash[file.sha256] is file
        assert file.size == len(CONTENTS[file.name])
        assert file.content_type == "text/plain"
    assert bundle.id == bundle.manifest.id
    assert bundle.visit("br") < sum(map(len, CONTENTS.values()))


def test_compressed_files_hold_the_content(root: Path) -> None:
    """Each encoding decodes to the file, and a file that gets no smaller has none."""
    decoders = {"br": brotli.decompress, "zstd": zstandard.ZstdDecompressor().decompress, "gzip": gzip.decompress}
    for file in load(root).files.values():
        assert set(file.encodings) == (set() if file.name == "tiny.txt" else set(decoders))
        for encoding, path in file.encodings.items():
            assert decoders[encoding](path.read_bytes()) == CONTENTS[file.name]


def test_files_are_written_under_their_names(root: Path, tmp_path: Path) -> None:
    """``write_named`` gives the folder that Pyodide's indexURL wants."""
    load(root).write_named(tmp_path / "named")
    assert {path.name: path.read_bytes() for path in (tmp_path / "named").iterdir()} == CONTENTS


def test_missing_bundle_says_how_to_build_it(tmp_path: Path) -> None:
    """A folder without a bundle is an error that names the folder and the command."""
    with pytest.raises(BundleError, match=r"no bundle in .*nowhere\. Build it with: disio bundle build"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("suffix", ["", ".br", ".zst", ".gz"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_harmed_file_is_found(root: Path, suffix: str, harm: str) -> None:
    """A changed byte, a missing end, a missing file: told with its name and the command that mends it."""
    plain = load(root).files["a.txt"].path
    path = plain.with_name(plain.name + suffix)
    data = bytearray(path.read_bytes())
    if harm == "remove":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(data[:-1])
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    expected = {"flip": "was altered", "cut": "bytes instead of", "remove": "cannot be read"}[harm]
    with pytest.raises(BundleError, match=rf"a\.txt.*{expected}.*disio bundle build --force"):
        load(root)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda table: table | {"format": 2}, "cannot be read"),
        (lambda table: table | {"files": {"a.txt": {}}}, "cannot be read"),
        (lambda table: table | {"id": "0" * 64}, "was altered"),
        (lambda table: {"format": 1}, "cannot be read"),
    ],
)
def test_harmed_manifest_is_found(root: Path, change, expected: str) -> None:
    """Another format, missing fields or another content are told with the command that mends it."""
    path = root / MANIFEST
    path.write_bytes(msgspec.json.encode(change(msgspec.json.decode(path.read_bytes()))))
    with pytest.raises(BundleError, match=rf"{expected}.*disio bundle build --force"):
        load(root)


def test_manifest_that_is_no_json_is_found(root: Path) -> None:
    """A manifest cut in the middle is an error of the bundle, not of the JSON parser."""
    path = root / MANIFEST
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BundleError, match="cannot be read"):
        load(root)


def test_the_bundle_before_is_kept_and_older_ones_go(root: Path, publish_small) -> None:
    """A running distributor can go on serving the files that it loaded, and the folder does not grow for ever."""
    first = load(root)
    publish_small(root, {"a.txt": b"second " * 1000})
    second = load(root)
    assert first.files["a.txt"].path.read_bytes() == CONTENTS["a.txt"]
    publish_small(root, {"a.txt": b"third " * 1000})
    assert not first.files["a.txt"].path.exists()
    assert second.files["a.txt"].path.exists()
    assert not [path for path in (root / FILES).iterdir() if path.name.startswith(".part-")]


def test_assets_are_found_in_the_checkout() -> None:
    """Without installed assets, the checkout's folders are used."""
    assert asset("bundle").parts[-2:] == ("pyodide_bundle", "dist")
    assert asset("worker").name == "worker"
