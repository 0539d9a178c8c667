"""Files named by content: taken in piece by piece, checked, collected."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from disio.errors import AlteredError, StoreError
from disio.filestore import FileStore

CONTENT = bytes(range(256)) * 40


def name_of(content: bytes) -> str:
    """The sha256."""
    return hashlib.sha256(content).hexdigest()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(min_size=1, max_size=300), cuts=st.lists(st.integers(1, 50), max_size=20))
def test_pieces_of_any_size_make_the_file(tmp_path: Path, content: bytes, cuts: list[int]) -> None:
    """However a file is cut, it is there when its last piece came, and not before."""
    store = FileStore(tmp_path / name_of(repr((content, cuts)).encode()))
    sha256, at = name_of(content), 0
    for cut in [*cuts, len(content) + 1]:
        if at >= len(content) and at > 0:
            break
        assert store.path(sha256) is None
        at = store.put(sha256, len(content), at, content[at : at + cut])
        assert store.received(sha256) == at
    assert at == len(content)
    path = store.path(sha256)
    assert path is not None
    assert path.read_bytes() == content
    assert store.read(sha256, 1, 5) == (len(content), content[1:6])


def test_what_comes_twice_or_too_early_is_not_taken(tmp_path: Path) -> None:
    """The answer says where to go on."""
    store = FileStore(tmp_path)
    sha256 = name_of(CONTENT)
    assert store.put(sha256, len(CONTENT), 100, CONTENT[100:200]) == 0
    assert store.put(sha256, len(CONTENT), 0, CONTENT[:100]) == 100
    assert store.put(sha256, len(CONTENT), 0, CONTENT[:100]) == 100
    assert store.put(sha256, len(CONTENT), 100, CONTENT[100:]) == len(CONTENT)
    assert store.put(sha256, len(CONTENT), 0, b"anything") == len(CONTENT)


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"!", CONTENT + b"more"])
def test_an_altered_file_never_gets_its_name(tmp_path: Path, content: bytes) -> None:
    """Nothing of it stays, so that it can be sent anew."""
    store = FileStore(tmp_path)
    sha256 = name_of(CONTENT)
    with pytest.raises(AlteredError, match="altered"):
        store.put(sha256, len(CONTENT), 0, content)
    assert store.path(sha256) is None
    assert store.received(sha256) == 0
    assert store.put(sha256, len(CONTENT), 0, CONTENT) == len(CONTENT)


def test_unused_files_are_collected_after_a_while(tmp_path: Path) -> None:
    """What is used, or was asked for lately, stays; parts go as well."""
    store = FileStore(tmp_path)
    contents = [b"used", b"fresh", b"old"]
    for content in contents:
        store.put(name_of(content), len(content), 0, content)
    store.put(name_of(CONTENT), len(CONTENT), 0, CONTENT[:10])
    for content in (b"used", b"old"):
        os.utime(tmp_path / name_of(content)[:2] / name_of(content), (1, 1))
    os.utime(tmp_path / name_of(CONTENT)[:2] / f"{name_of(CONTENT)}.part", (1, 1))
    assert store.collect({name_of(b"used")}, spare_seconds=100) == 2
    assert set(store.names()) == {name_of(b"used"), name_of(b"fresh")}


def test_a_full_cache_forgets_what_was_asked_for_longest_ago(tmp_path: Path) -> None:
    """Shrinking keeps the newest, even if that alone is too large."""
    store = FileStore(tmp_path)
    for age, content in enumerate([b"a" * 10, b"b" * 10, b"c" * 10]):
        store.put(name_of(content), 10, 0, content)
        os.utime(tmp_path / name_of(content)[:2] / name_of(content), (age + 1, age + 1))
    store.shrink(20)
    assert set(store.names()) == {name_of(b"b" * 10), name_of(b"c" * 10)}
    store.shrink(1)
    assert set(store.names()) == {name_of(b"c" * 10)}


def test_names_that_are_no_hashes_lead_nowhere(tmp_path: Path) -> None:
    """No path is made from what somebody else wrote."""
    (tmp_path / "secret").write_text("x")
    store = FileStore(tmp_path / "files")
    assert store.path("../secret") is None
    assert store.read("../secret", 0) is None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The error names the folder."""
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError, match=r"cannot be kept in .*file"):
        FileStore(tmp_path / "file").put(name_of(b"x"), 1, 0, b"x")
