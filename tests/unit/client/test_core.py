"""What the clients share, without any connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disio.client import core
from disio.errors import DisioError, NotFoundError, ProtocolError, UsageError
from disio.wire import api


@given(st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line)), st.lists(st.integers(1, 7)))
def test_lines_survive_any_cutting(lines: list[bytes], sizes: list[int]) -> None:
    """However a stream is cut into chunks, the same lines come out."""
    stream = b"".join(line + b"\n" for line in lines)
    splitter = core.LineSplitter()
    found: list[bytes] = []
    for size in sizes:
        found += splitter.feed(stream[:size])
        stream = stream[size:]
    assert found + splitter.feed(stream) == lines


def test_the_address_is_as_given_or_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that is given wins over ``DISIO_URL``, which wins over this machine."""
    monkeypatch.delenv("DISIO_URL", raising=False)
    assert core.base_url(None) == "http://127.0.0.1:7700"
    monkeypatch.setenv("DISIO_URL", "https://grid.example.org/")
    assert core.base_url(None) == "https://grid.example.org"
    assert core.base_url("http://127.0.0.1:1") == "http://127.0.0.1:1"
    for wrong in ("grid.example.org", "ftp://x", "http://"):
        with pytest.raises(UsageError):
            core.base_url(wrong)


def test_answers_become_errors_of_their_kind() -> None:
    """An error's code gives its class; something else than Disio is told as such."""
    core.check(200, b"")
    with pytest.raises(NotFoundError, match="gone"):
        core.check(404, api.encode(api.ErrorBody(error="not_found", message="gone")))
    with pytest.raises(DisioError, match="new kind"):
        core.check(418, api.encode(api.ErrorBody(error="teapot", message="new kind")))
    with pytest.raises(DisioError, match="502"):
        core.check(502, b"<html>Bad gateway</html>")
    with pytest.raises(ProtocolError, match="not understood"):
        core.parse(b"{}", api.Task)


def test_proxies_are_not_for_this_machine() -> None:
    """The environment's proxies are used for other machines only."""
    assert not core.by_proxy("http://127.0.0.1:7700")
    assert core.by_proxy("https://grid.example.org")
