"""The jury: what any sequence of events must leave true, and the rules one by one."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disio.task.ballot import Standing
from disio.task.credibility import Rules
from disio.task.jury import Jury

from .court import RIGHT, WRONG, Court, honest

RULES = st.builds(
    Rules,
    error_rate=st.sampled_from([0.3, 0.05, 1e-3]),
    assume_bad=st.sampled_from([0.02, 0.1, 0.3]),
    stint=st.integers(2, 8),
    check_share=st.sampled_from([None, 0.0, 0.25, 0.5]),
)


@settings(deadline=None, max_examples=150)
@given(RULES, st.integers(0, 5), st.data())
def test_nothing_is_accepted_that_should_not_be(rules: Rules, seed: int, data: st.DataObject) -> None:
    """Whatever happens in whatever order, no answer stands below the threshold or on a blacklisted or doubled vote."""
    court = Court(rules, seed)
    court.jury.add(range(6))
    names = [f"v{number}" for number in range(7)]
    for number, name in enumerate(names):
        court.join(name, f"net{number % 5}", trusted=number == 6)
    for _ in range(data.draw(st.integers(0, 80))):
        name = data.draw(st.sampled_from(names))
        match data.draw(st.sampled_from(["take", "answer", "answer", "answer", "late", "back", "leave", "forget"])):
            case "take":
                court.take(name, 2)
            case "answer" if court.held[name]:
                court.answer(name, court.held[name][0], data.draw(st.sampled_from([RIGHT, RIGHT, WRONG, b"other"])))
            case "late":
                court.answer(name, data.draw(st.integers(0, 6)), data.draw(st.sampled_from([RIGHT, WRONG])))
            case "back" if court.held[name]:
                court.store(court.jury.give_back(name, court.held[name].pop()))
            case "leave":
                court.held[name].clear()
                court.store(court.jury.leave(name))
                court.join(name)
            case "forget":
                court.jury.forget_final()
            case _:
                pass
        court.check()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 1000), st.floats(0, 0.4), st.booleans())
def test_a_task_always_ends(seed: int, bad: float, forget: bool) -> None:
    """As long as honest volunteers keep coming, every payload gets an answer, whatever the others do."""
    rng = random.Random(seed)
    court = Court(Rules(error_rate=0.01, assume_bad=0.1), seed)
    court.jury.add(range(40))
    for number in range(400):
        if court.jury.settled:
            break
        court.visit(f"v{number}", rng.randrange(1, 25), WRONG if rng.random() < bad else RIGHT)
        if forget:
            court.jury.forget_final()
    assert court.jury.settled
    assert sum(digest is not None for digest in court.verdicts.values()) == 40
    court.check()


@settings(deadline=None, max_examples=60)
@given(st.permutations([(voter, payload) for voter in range(6) for payload in range(3)]))
def test_votes_in_any_order_give_the_same_answers(order: list[tuple[int, int]]) -> None:
    """The same votes in another order end in the same verdicts."""
    court = Court(Rules(error_rate=1e-3, assume_bad=0.1, check_share=0.0))
    court.jury.add(range(3))
    for voter in range(6):
        court.join(f"v{voter}", f"net{voter}")
        assert all(court.jury.lease(f"v{voter}", payload) for payload in range(3))
    for voter, payload in order:
        court.answer(f"v{voter}", payload, WRONG if voter == 5 else RIGHT)
        court.check()
    for voter in range(6):
        court.store(court.jury.leave(f"v{voter}"))
        court.check()
    assert court.verdicts == dict.fromkeys(range(3), RIGHT)
    assert court.voters["v5"].standing is Standing.BLACKLISTED


def test_a_volunteer_caught_takes_its_answers_with_it() -> None:
    """Whoever fails a check is blacklisted once another confirms the answer; what rested on it is open again."""
    court = Court(Rules(error_rate=1e-2, assume_bad=0.1, check_share=0.2), seed=3)
    court.jury.add(range(200))
    honest(court, 6)
    court.join("mallory", "net-m")
    rested = []
    for _ in range(15):
        for payload in court.take("mallory"):
            court.answer("mallory", payload, RIGHT)
            rested.append(payload)
    honest(court, 6, first=6)
    while court.voters["mallory"].standing is Standing.GOOD:
        for payload in court.take("mallory"):
            court.answer("mallory", payload, WRONG)
        assert court.held["mallory"] or court.jury.voters["mallory"].stint is not None
    assert court.voters["mallory"].standing is Standing.SUSPECT
    assert court.jury.next("mallory") is None, "a suspect gets no work"
    honest(court, 4, first=12)
    assert court.voters["mallory"].standing is Standing.BLACKLISTED
    assert not any(row.volunteer == "mallory" for payload in rested for row in court.jury.votes(payload))
    assert court.answer("mallory", rested[0], WRONG).vote is None, "nothing counts any more"
    court.check()


def test_an_accepted_answer_contradicted_twice_is_judged_anew() -> None:
    """Two who independently contradict an accepted answer are not blacklisted for it: it is opened again."""
    court = Court(Rules(error_rate=0.2, assume_bad=0.1, check_share=0.0))
    court.jury.add([0])
    court.join("liar", "net-l")
    court.take("liar")
    court.answer("liar", 0, WRONG)
    assert court.store(court.jury.leave("liar")).verdicts[0][:3] == (0, WRONG, None)
    verdicts = []
    for number in range(4):
        court.join(f"h{number}", f"net{number}")
        if court.jury.lease(f"h{number}", 0):
            verdicts += court.answer(f"h{number}", 0, RIGHT).verdicts
        verdicts += court.store(court.jury.leave(f"h{number}")).verdicts
        court.check()
    assert [verdict[:3] for verdict in verdicts] == [(0, None, WRONG), (0, RIGHT, None)]
    assert court.voters["liar"].standing is Standing.BLACKLISTED
    assert all(court.jury.voters[f"h{number}"].standing is Standing.GOOD for number in range(4))


def test_a_wrong_answer_once_accepted_does_little_harm() -> None:
    """When more are bad than was assumed, accepted lies cost few honest visits, and the task ends all the same."""
    court = Court(Rules(error_rate=0.01, assume_bad=0.1), seed=99)
    court.jury.add(range(60))
    rng = random.Random(99)
    for number in range(12):
        court.visit(f"v{number}", rng.randrange(1, 25), WRONG if rng.random() < 0.5 else RIGHT)
    honest(court, 300)
    assert court.jury.settled
    lost = [row for name, row in court.voters.items() if name.startswith("h") and row.standing is not Standing.GOOD]
    assert len(lost) < 100
    court.check()


def test_fifty_tabs_of_one_network_are_one_voter() -> None:
    """Volunteers of one network get at most one vote for a payload, so that they decide nothing alone."""
    court = Court(Rules(error_rate=1e-3, assume_bad=0.1))
    court.jury.add(range(10))
    for number in range(50):
        court.visit(f"tab{number}", digest=WRONG, network="192.0.2.0/24")
    assert all(len(court.jury.votes(payload)) == 1 for payload in range(10))
    assert set(court.verdicts.values()) == {None}


def test_a_new_name_is_no_new_vote() -> None:
    """Who is blacklisted and comes back under another name cannot vote again on what was withdrawn."""
    court = Court(Rules(error_rate=1e-4, assume_bad=0.1))
    court.jury.add([0])
    court.join("lab", trusted=True)
    court.join("mallory", "192.0.2.0/24")
    court.take("mallory")
    assert court.jury.lease("lab", 0)
    court.answer("lab", 0, RIGHT)
    court.answer("mallory", 0, WRONG)
    assert court.voters["mallory"].standing is Standing.BLACKLISTED
    court.join("trudy", "192.0.2.0/24")
    assert not court.jury.lease("trudy", 0)


def test_networks_do_not_matter_where_the_rule_is_off() -> None:
    """With by_network off, a demonstration on one machine comes to an end."""
    court = Court(Rules(error_rate=1e-2, assume_bad=0.1, by_network=False))
    court.jury.add(range(10))
    for number in range(20):
        court.visit(f"tab{number}", network="127.0.0.0/24")
    assert court.jury.settled


def test_answers_wait_for_the_end_of_the_stint() -> None:
    """An answer decides nothing before its visit, or a full stint of it, has been checked."""
    court = Court(Rules(error_rate=0.2, assume_bad=0.1, stint=5, check_share=0.0))
    court.jury.add(range(20))
    court.join("v", "net")
    for payload in court.take("v", 4):
        assert court.answer("v", payload).verdicts == []
    (last,) = court.take("v")
    assert len(court.answer("v", last).verdicts) == 5
    (next_one,) = court.take("v")
    assert court.answer("v", next_one).verdicts == [], "the next stint is judged by itself"


def test_an_answer_that_no_check_follows_has_no_evidence() -> None:
    """What was answered after the last check passed counts as the answer of a stranger."""
    court = Court(Rules(error_rate=1e-3, assume_bad=0.01, stint=20, check_share=0.25), seed=1)
    court.jury.add(range(400))
    honest(court, 12)
    court.join("v", "net")
    order = []
    for _ in range(19):
        (payload,) = court.take("v")
        checked = court.jury.accepted(payload) is not None
        court.answer("v", payload)
        order.append((payload, checked))
    last_check = max(place for place, (_, checked) in enumerate(order) if checked)
    accepted = {payload for payload, digest, *_ in court.store(court.jury.leave("v")).verdicts if digest == RIGHT}
    later = {payload for payload, _ in order[last_check + 1 :]}
    assert accepted, "answers before the last check are believed"
    assert all(len(court.jury.votes(payload)) > 1 for payload in accepted & later), "later ones need other votes"


def test_who_withholds_checks_gains_nothing_by_them() -> None:
    """A volunteer that answers around a check instead of answering it has no evidence from then on."""
    court = Court(Rules(error_rate=1e-3, assume_bad=0.01, check_share=0.25), seed=1)
    court.jury.add(range(400))
    honest(court, 12)
    court.join("picky", "net")
    withheld = 0
    for _ in range(20):
        (payload,) = court.take("picky")
        if court.jury.accepted(payload) is not None and not withheld:
            withheld = payload
        else:
            court.answer("picky", payload)
    verdicts = court.store(court.jury.leave("picky")).verdicts
    assert court.voters["picky"].picky_from == 12, "its first stint is the thirteenth"
    assert not any(len(court.jury.votes(payload)) == 1 for payload, digest, *_ in verdicts if digest is not None)


def test_trusted_volunteers_are_believed_outright() -> None:
    """A trusted volunteer's answer is accepted at once, against any number of others, who are blacklisted."""
    court = Court(Rules(error_rate=1e-4, assume_bad=0.1))
    court.jury.add([0])
    for number in range(3):
        court.join(f"v{number}", f"net{number}")
        court.take(f"v{number}")
        court.answer(f"v{number}", 0, WRONG)
        court.store(court.jury.leave(f"v{number}"))
    court.join("lab", "net0", trusted=True)
    assert court.jury.lease("lab", 0)
    assert court.answer("lab", 0, RIGHT).verdicts[-1][:2] == (0, RIGHT)
    assert {court.voters[f"v{number}"].standing for number in range(3)} == {Standing.BLACKLISTED}


@pytest.mark.parametrize(("rules", "votes"), [(Rules(error_rate=1), 1), (Rules(quorum=3), 3)])
def test_plain_voting_asks_for_exactly_its_votes(rules: Rules, votes: int) -> None:
    """Without checking an answer is accepted as soon as it has its votes; nobody is checked or blacklisted."""
    court = Court(rules)
    court.jury.add(range(30))
    for number in range(2 * votes):
        court.visit(f"v{number}")
    assert court.jury.settled
    assert court.jury.executions == 30 * votes
    assert all(row.standing is Standing.GOOD for row in court.voters.values())


def test_begun_payloads_are_finished_before_new_ones_are_begun() -> None:
    """The front stays narrow: visits one after the other begin few payloads more than they finish."""
    court = Court(Rules(error_rate=1e-3, assume_bad=0.1))
    court.jury.add(range(5000))
    honest(court, 200)
    assert court.jury.open < 150
    assert 5000 - court.jury.fresh - court.jury.open > 500


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 100), st.floats(0, 0.5))
def test_a_restart_from_stored_rows_changes_no_verdict(seed: int, bad: float) -> None:
    """A jury made from stored rows has the same verdicts, and brings the task to its end."""
    rng = random.Random(seed)
    court = Court(Rules(error_rate=0.01, assume_bad=0.1), seed)
    court.jury.add(range(60))
    for number in range(12):
        court.visit(f"v{number}", rng.randrange(1, 25), WRONG if rng.random() < bad else RIGHT)
    before = dict(court.verdicts)
    court.jury = Jury(court.rules, rng)
    court.bring_back(court.jury, list(before))
    court.jury.add(set(range(60)) - set(before))
    assert court.verdicts == before
    court.check()
    honest(court, 150)
    assert court.jury.settled


def test_what_is_final_leaves_memory_and_can_come_back() -> None:
    """Memory is bounded by what is under way; what was forgotten comes back from its rows as it was."""
    court = Court(Rules(error_rate=1e-3, assume_bad=0.1), seed=2)
    court.jury.add(range(4000))
    forgotten: set[int] = set()
    for number in range(400):
        court.visit(f"v{number}")
        if number % 20 == 19:
            forgotten.update(court.jury.forget_final())
    assert len(forgotten) > 500
    assert all(not court.jury.votes(payload) for payload in forgotten)
    court.bring_back(court.jury, sorted(forgotten))
    assert all(court.jury.accepted(payload) == RIGHT for payload in forgotten)
    court.check()
