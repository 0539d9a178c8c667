"""Keys of an operator's own volunteers."""

from pathlib import Path

import pytest

from disio.distributor.addresses import Proxies
from disio.distributor.guests import Guests, is_loopback, refuse_public_trust
from disio.errors import UsageError
from disio.wire.volunteer_keys import create, name_of, read_key, read_known


def test_distributor_knows_a_key_by_its_hash(tmp_path: Path) -> None:
    """Who shows the key is known by its name; the list of known keys holds nothing that could be shown."""
    known = tmp_path / "known"
    for name in ("lab", "office"):
        create(name, tmp_path / f"{name}.key", known)
    key = read_key(tmp_path / "lab.key")
    assert name_of(key, read_known(known)) == "lab"
    assert name_of("0" * 64, read_known(known)) == name_of("", read_known(known)) == ""
    assert key not in known.read_text()
    assert (tmp_path / "lab.key").stat().st_mode & 0o077 == 0


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A key that is there stays; a name is given once; names that mean something else are taken."""
    known = tmp_path / "known"
    create("lab", tmp_path / "lab.key", known)
    with pytest.raises(UsageError, match="already"):
        create("lab", tmp_path / "other.key", known)
    with pytest.raises(UsageError, match="never written over"):
        create("other", tmp_path / "lab.key", known)
    for name in ("loopback", "none", "", "a b", "../x"):
        with pytest.raises(UsageError, match="cannot name a key"):
            create(name, tmp_path / "new.key", known)


@pytest.mark.parametrize("text", ["lab", "lab abc", "loopback " + "0" * 64, f"a {'0' * 64}\na {'1' * 64}"])
def test_list_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    """The line is named."""
    (tmp_path / "known").write_text(text)
    with pytest.raises(UsageError, match="line"):
        read_known(tmp_path / "known")


def test_this_machine_is_trusted_only_where_that_was_said() -> None:
    """A direct loopback connection counts as the operator's own with the flag; a proxied one never does."""
    local, proxied = (Proxies().client("127.0.0.1", headers) for headers in ({}, {"X-Forwarded-For": "198.51.100.1"}))
    assert Guests(trust_loopback=True).key_of(local, "") == "loopback"
    assert Guests(trust_loopback=True).key_of(proxied, "") == ""
    assert Guests().key_of(local, "") == ""


def test_public_addresses_are_no_loopback() -> None:
    """Trusting this machine is refused where others can reach the distributor."""
    assert all(map(is_loopback, ("http://127.0.0.1:1", "http://[::1]:1", "http://localhost", "http://a.localhost:1")))
    for url in ("https://compute.example.org", "http://0.0.0.0:7701", "http://192.168.0.1", "http://127.0.0.1.example"):
        with pytest.raises(UsageError, match="only this machine reaches"):
            refuse_public_trust(url)
