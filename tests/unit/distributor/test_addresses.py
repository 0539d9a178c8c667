"""Where a connection comes from, and what of that may be believed."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disio.distributor.addresses import Prefix, Proxies, network_id
from disio.errors import UsageError

SALT = bytes(range(16))


def address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address as the module has it."""
    found = Proxies().client(text, {}).address
    assert found is not None
    return found


def test_headers_of_strangers_are_not_believed() -> None:
    """Who is no proxy of ours may say what it likes: its own address counts, and it is not taken for local."""
    client = Proxies().client("127.0.0.1", {"X-Forwarded-For": "198.51.100.7"})
    assert (client.text, client.local) == ("127.0.0.1", False)
    assert Proxies(["10.0.0.1"]).client("203.0.113.5", {"X-Forwarded-For": "1.2.3.4"}).text == "203.0.113.5"
    assert not Proxies().client("127.0.0.1", {"Forwarded": "for=127.0.0.1"}).local


def test_trusted_proxy_names_its_client() -> None:
    """The last address in the chain that is no trusted proxy is the client; what stands before it is its own word."""
    proxies = Proxies(["10.0.0.0/8", "127.0.0.1"])
    headers = {"X-Forwarded-For": "6.6.6.6, 198.51.100.7, 10.1.2.3"}
    assert proxies.client("127.0.0.1", headers).text == "198.51.100.7"
    forwarded = {"Forwarded": 'for=6.6.6.6, for="[2001:db8::7]:4711";proto=https'}
    assert proxies.client("10.0.0.1", forwarded).text == "2001:db8::7"
    assert not proxies.client("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}).local


def test_proxy_that_tells_nonsense_leaves_no_address() -> None:
    """An address that cannot be read is none, not the proxy's."""
    for nonsense in ("unknown", "", "999.1.1.1", "_hidden", "1.2.3.4.5"):
        client = Proxies(["127.0.0.1"]).client("127.0.0.1", {"X-Forwarded-For": nonsense})
        assert (client.address, client.local) == (None, False), nonsense


def test_only_direct_loopback_connections_are_local() -> None:
    """All forms of the loopback address are; others, and missing ones, are not."""
    assert all(Proxies().client(peer, {}).local for peer in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"))
    assert not any(Proxies().client(peer, {}).local for peer in ("192.0.2.1", "", None, "localhost", "::2"))


def test_network_is_the_prefix() -> None:
    """Addresses of one /24, or one /48, are one network; of two, two."""
    prefix = Prefix.parse("24/48")

    def name(text: str, volunteer: str = "v", salt: bytes = SALT) -> str:
        return network_id(prefix, address(text), volunteer, salt)

    assert name("198.51.100.7") == name("198.51.100.250", "w") == name("::ffff:198.51.100.9")
    assert name("198.51.100.7") != name("198.51.101.7")
    assert name("2001:db8:1:2::1") == name("2001:db8:1:ffff::9")
    assert name("2001:db8:1::1") != name("2001:db8:2::1")
    assert name("198.51.100.7") != name("198.51.100.7", salt=bytes(16))
    assert "198" not in name("198.51.100.7")


def test_networks_can_be_switched_off() -> None:
    """Then each volunteer is its own; but volunteers without an address stay one network."""
    off = Prefix.parse("off")
    assert network_id(off, address("127.0.0.1"), "v", SALT) != network_id(off, address("127.0.0.1"), "w", SALT)
    assert network_id(off, None, "v", SALT) == network_id(off, None, "w", SALT)


@pytest.mark.parametrize("text", ["", "24", "0/48", "33/48", "24/129", "a/b", "24/48/1", "-1/2", "on"])
def test_prefix_that_is_none_is_refused(text: str) -> None:
    """What cannot be meant is told."""
    with pytest.raises(UsageError, match="network prefix"):
        Prefix.parse(text)


def test_proxy_that_is_none_is_refused() -> None:
    """A name is no address."""
    with pytest.raises(UsageError, match="no address of a proxy"):
        Proxies(["proxy.example.org"])


@given(st.text(), st.text())
def test_no_header_breaks_it(header: str, peer: str) -> None:
    """Whatever a header or a peer says, there is an answer."""
    for proxies in (Proxies(), Proxies(["0.0.0.0/0", "::/0"])):
        for name in ("X-Forwarded-For", "Forwarded"):
            assert not proxies.client(peer, {name: header}).local
