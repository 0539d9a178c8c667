"""The lease book, with time passed in."""

from disio.manager.leases import LeaseBook, nominal_seconds


def test_lease_expires_at_its_deadline_and_not_before() -> None:
    """What is over its deadline ends; what was answered in time does not."""
    book = LeaseBook()
    book.issue(1, "a", 10, [0, 1, 2], 100.0)
    assert book.close(11)
    assert book.expire(99.9) == []
    assert [(freed.lease, freed.payload) for freed in book.expire(100.0)] == [(10, 0), (12, 2)]
    assert (len(book), book.held("a"), book.next_deadline) == (0, 0, None)


def test_volunteer_that_leaves_frees_what_it_holds_only() -> None:
    """Leaving ends all of one volunteer's leases and nobody else's."""
    book = LeaseBook()
    book.issue(1, "a", 1, [0, 1], 100.0)
    book.issue(2, "b", 3, [0], 100.0)
    assert [freed.lease for freed in book.leave("a")] == [1, 2]
    assert book.leave("a") == []
    assert book.holders() == ["b"]


def test_only_the_holder_may_return_a_lease() -> None:
    """A lease that is returned in another volunteer's name stays where it is."""
    book = LeaseBook()
    book.issue(1, "a", 1, [0], 100.0)
    assert book.end([1, 99], "b") == []
    assert book.is_open(1)
    assert [freed.lease for freed in book.end([1], "a")] == [1]


def test_ended_lease_is_known_until_its_payload_is_settled() -> None:
    """A late answer finds its lease, unless the payload has been settled by another one."""
    book = LeaseBook()
    book.issue(1, "a", 1, [7], 10.0)
    book.expire(10.0)
    found = book.find(1)
    assert found is not None
    assert (found.payload, found.batch.volunteer, book.is_open(1)) == (7, "a", False)
    book.issue(1, "b", 2, [7], 20.0)
    assert book.leases_of(1, 7) == [(2, "b")]
    assert book.close(2)
    assert book.settle(1, 7) == [1]
    assert book.find(1) is None


def test_book_tells_whether_an_answer_is_late() -> None:
    """An answer to a lease that has ended is late, whoever else has the payload by now."""
    book = LeaseBook()
    book.issue(1, "a", 1, [7, 8], 10.0)
    book.expire(10.0)
    book.issue(1, "b", 3, [7], 20.0)
    assert (book.close(1), book.close(3), book.close(2)) == (False, True, False)


def test_payload_may_be_with_several_volunteers() -> None:
    """Each open lease of a payload is known by itself; settling forgets only what has ended."""
    book = LeaseBook()
    book.issue(1, "a", 1, [7], 10.0)
    book.issue(1, "b", 2, [7, 8], 20.0)
    book.issue(1, "c", 4, [7], 20.0)
    book.leave("b")
    assert book.leases_of(1, 7) == [(1, "a"), (4, "c")]
    assert book.settle(1, 7) == [2]
    assert book.leases_of(1, 7) == [(1, "a"), (4, "c")]
    assert book.settle(1, 9) == []


def test_volunteer_that_comes_back_goes_on_with_what_it_holds() -> None:
    """An ended lease is opened again for its own volunteer only, and not if that has the payload anew."""
    book = LeaseBook()
    book.issue(1, "a", 1, [0, 1], 10.0)
    book.leave("a")
    book.issue(1, "a", 3, [1], 20.0)
    assert book.ended(1, "b") is None
    assert book.ended(2, "a") is None
    found = book.ended(1, "a")
    assert found is not None
    assert found.payload == 0
    book.resume(1, 30.0)
    assert book.expire(25.0)[0].lease == 3
    assert book.is_open(1)


def test_leases_that_a_volunteer_does_not_name_get_a_short_time() -> None:
    """What a returning volunteer does not hold any more is waited for a little: its result may be on its way."""
    book = LeaseBook()
    book.issue(1, "a", 1, [0, 1], 100.0)
    book.confirm("a", {2}, 15.0)
    assert [freed.lease for freed in book.expire(15.0)] == [1]
    assert [freed.lease for freed in book.expire(100.0)] == [2]


def test_forgotten_task_leaves_nothing() -> None:
    """When a task ends, neither its open nor its ended leases are known any more."""
    book = LeaseBook()
    book.issue(1, "a", 1, [0, 1], 10.0)
    book.end([1])
    book.issue(2, "a", 3, [0], 10.0)
    book.forget_task(1)
    assert (book.find(1), book.find(2), book.is_open(3), book.held("a")) == (None, None, True, 1)


def test_deadlines_are_generous() -> None:
    """A lease lasts longer than its task's time limit, and longer yet behind many others."""
    assert nominal_seconds(30.0, 1, None, 1) > 60
    assert nominal_seconds(30.0, 1000, 0.1, 1) > nominal_seconds(30.0, 1000, 0.1, 4) > 75 + 30.0
