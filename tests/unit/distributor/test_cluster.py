"""What volunteers are told of the grid's other distributors."""

from disio.distributor.cluster import MAX_KNOWN, Cluster
from disio.distributor.headers import bridge
from disio.wire.grid import Peer
from disio.wire.volunteer import Cluster as Told
from disio.wire.volunteer import Peer as Origin


def peer(name: str, load: float = 0.0) -> Peer:
    """A distributor as a manager tells of it."""
    return Peer(distributor=name, url=f"https://{name}.test", load=load)


def test_a_distributor_alone_has_nothing_to_tell() -> None:
    """Where there is no other distributor, volunteers are told nothing."""
    cluster = Cluster("a")
    assert not cluster.update("m1", [peer("a")])
    assert (cluster.told, cluster.others) == (Told([]), [])


def test_what_all_managers_tell_is_put_together() -> None:
    """Each distributor once, with the highest load that any manager sees; the same news again are no news."""
    cluster = Cluster("a")
    assert cluster.update("m1", [peer("a"), peer("b", 0.2)])
    assert cluster.update("m2", [peer("b", 0.5), peer("c")])
    assert not cluster.update("m2", [peer("b", 0.5), peer("c")])
    expected = [Origin("https://a.test", 0.0), Origin("https://b.test", 0.5), Origin("https://c.test", 0.0)]
    assert cluster.told == Told(expected)
    assert cluster.others == ["https://b.test", "https://c.test"]


def test_one_that_has_gone_is_told_no_more() -> None:
    """A distributor that no manager is linked to any more is left out."""
    cluster = Cluster("a")
    cluster.update("m1", [peer("a"), peer("b")])
    assert cluster.update("m1", [peer("a")])
    assert cluster.told == Told([])


def test_pages_of_one_that_has_gone_are_still_known() -> None:
    """Volunteers whose page came from a distributor that died are welcome at the others; the latest are remembered."""
    cluster = Cluster("a")
    cluster.update("m1", [peer("a"), peer("b")])
    cluster.update("m1", [peer("a")])
    assert list(cluster.known) == ["https://b.test"]
    for number in range(MAX_KNOWN):
        cluster.update("m1", [peer("a"), peer(f"c{number}")])
    assert len(cluster.known) == MAX_KNOWN
    assert "https://b.test" not in cluster.known


def test_the_bridge_may_talk_to_the_others_and_to_nobody_else() -> None:
    """The bridge's policy allows connections to the grid's distributors, and scripts and frames of its own only."""
    policy = bridge("https://a.test", ["https://b.test"])["Content-Security-Policy"]
    assert "connect-src https://a.test https://b.test wss://a.test wss://b.test;" in policy
    assert "script-src https://a.test;" in policy
    assert "frame-src https://a.test;" in policy
