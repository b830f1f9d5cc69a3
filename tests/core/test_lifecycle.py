"""A lifecycle is its table: what is in it happens, what is not is refused and changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemgmt.core.lifecycles import CHANGE
from common.core.errors import Conflict
from common.core.jobs import BATCH, JOB
from common.core.lifecycle import IllegalTransition, Lifecycle

ALL = [JOB, BATCH, CHANGE]
by_name = pytest.mark.parametrize("lifecycle", ALL, ids=[lifecycle.name for lifecycle in ALL])

DOOR = Lifecycle(
    name="door",
    initial=("open",),
    table={("open", "close"): "closed", ("closed", "open"): "open", ("closed", "lock"): "locked"},
    meaning={"open": "one can walk through", "closed": "one can open it", "locked": "one can't"},
)


def test_a_move_in_the_table_leads_where_the_table_says() -> None:
    assert DOOR.next("open", "close") == "closed"


def test_a_move_that_is_not_in_the_table_is_a_conflict_that_names_what_is_possible() -> None:
    with pytest.raises(Conflict, match="A door that is open can't lock; possible from here: close"):
        DOOR.next("open", "lock")


def test_a_move_from_an_end_says_that_nothing_is_possible() -> None:
    with pytest.raises(IllegalTransition, match="possible from here: nothing"):
        DOOR.next("locked", "open")


def test_an_unknown_state_is_refused_too() -> None:
    with pytest.raises(IllegalTransition):
        DOOR.next("ajar", "close")


def test_a_state_without_a_meaning_is_refused_when_the_table_is_made() -> None:
    with pytest.raises(ValueError, match="locked"):
        Lifecycle(name="door", initial=("open",), table={("open", "lock"): "locked"}, meaning={"open": "…"})


@by_name
def test_every_state_can_be_reached_from_an_initial_one(lifecycle: Lifecycle) -> None:
    reached, before = set(lifecycle.initial), set()
    while reached != before:
        before = set(reached)
        reached |= {new for (old, _), new in lifecycle.table.items() if old in before}
    assert reached == lifecycle.states


@by_name
def test_every_state_can_still_come_to_an_end(lifecycle: Lifecycle) -> None:
    ends, before = set(lifecycle.final), set()
    while ends != before:
        before = set(ends)
        ends |= {old for (old, _), new in lifecycle.table.items() if new in before}
    assert ends == lifecycle.states


@by_name
def test_meanings_are_of_states_that_exist(lifecycle: Lifecycle) -> None:
    assert set(lifecycle.meaning) == lifecycle.states


@given(st.sampled_from(ALL), st.data())
def test_any_walk_stays_within_the_table(lifecycle: Lifecycle, data: st.DataObject) -> None:
    state = data.draw(st.sampled_from(sorted(lifecycle.initial)))
    for event in data.draw(st.lists(st.sampled_from(sorted(lifecycle.events)), max_size=12)):
        if (state, event) in lifecycle.table:
            state = lifecycle.next(state, event)
            assert state in lifecycle.states
        else:
            with pytest.raises(IllegalTransition):
                lifecycle.next(state, event)


# What the words "four eyes" promise of a change, read off its table.


def test_only_an_approval_leads_to_approved() -> None:
    assert {row for row, new in CHANGE.table.items() if new == "approved"} == {("proposed", "approve")}


def test_nothing_is_carried_out_that_was_not_approved() -> None:
    """`ready` was approved beforehand, with the template; the database wants that template."""
    carried_out = {row for row, new in CHANGE.table.items() if new in ("completed", "failed")}
    assert {state for state, _ in carried_out} == {"approved", "started"}
    assert {state for (state, _), new in CHANGE.table.items() if new == "started"} == {"approved", "ready"}
    assert not [row for row, new in CHANGE.table.items() if new == "ready"]


def test_a_voided_change_needs_a_new_approval() -> None:
    assert CHANGE.next("approved", "void") == "proposed"


def _reachable(state: str) -> set[str]:
    found = {state}
    while more := {new for (old, _), new in CHANGE.table.items() if old in found} - found:
        found |= more
    return found


def test_a_record_of_what_was_done_never_lets_anything_be_done() -> None:
    assert not _reachable("drafted") & {"approved", "ready", "started", "completed", "failed"}
    assert not _reachable("logged") & {"approved", "ready", "started", "completed", "failed"}


@pytest.mark.parametrize("end", ["completed", "failed"])
def test_what_was_carried_out_is_only_looked_back_on(end: str) -> None:
    assert _reachable(end) == {end, "reviewed"}


@pytest.mark.parametrize("end", ["withdrawn", "reviewed"])
def test_a_change_that_has_ended_is_never_revived(end: str) -> None:
    assert CHANGE.allowed(end) == []


def test_what_was_refused_is_proposed_anew_before_anybody_approves_it() -> None:
    assert CHANGE.allowed("rejected") == ["propose"]


def test_a_batch_set_aside_or_done_is_never_claimed_again() -> None:
    for state in BATCH.final:
        with pytest.raises(IllegalTransition):
            BATCH.next(state, "claim")
