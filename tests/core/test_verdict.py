"""PRODUCT's table is the test; the rows that can't be are asserted to be impossible."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.core.states import ABSENT, UNDECLARED, Present, State, Unknown
from drift.core.verdict import _TABLE, Verdict, judge

A, B, C = (Present({"type": "file", "sha256": letter * 64}) for letter in "abc")
KEYS = ("type", "sha256")

TABLE = [
    # base, head, live → verdict, base moves
    (A, A, A, Verdict.IN_SYNC, False),
    (A, B, A, Verdict.PENDING, False),
    (A, B, B, Verdict.IN_SYNC, True),
    (A, A, B, Verdict.DRIFTED, False),
    (A, B, C, Verdict.CONFLICT, False),
    # absent is a value
    (ABSENT, ABSENT, ABSENT, Verdict.IN_SYNC, False),
    (ABSENT, A, ABSENT, Verdict.PENDING, False),
    (A, ABSENT, A, Verdict.PENDING, False),
    (A, ABSENT, ABSENT, Verdict.IN_SYNC, True),
    (A, A, ABSENT, Verdict.DRIFTED, False),
    (ABSENT, ABSENT, A, Verdict.DRIFTED, False),
    (A, B, ABSENT, Verdict.CONFLICT, False),
    (A, ABSENT, B, Verdict.CONFLICT, False),
    # base undeclared, head declares
    (UNDECLARED, A, A, Verdict.IN_SYNC, True),
    (UNDECLARED, A, ABSENT, Verdict.PENDING, False),
    (UNDECLARED, A, B, Verdict.CONFLICT, False),
    (UNDECLARED, ABSENT, ABSENT, Verdict.IN_SYNC, True),
    (UNDECLARED, ABSENT, A, Verdict.CONFLICT, False),
    # head undeclared: no verdict, whatever the others are
    (A, UNDECLARED, B, Verdict.UNMANAGED, False),
    (A, UNDECLARED, Unknown("unreachable"), Verdict.UNMANAGED, False),
    # unknown: never drift, never clean
    (A, A, Unknown("denied"), Verdict.UNKNOWN, False),
    (A, B, Unknown("timed out"), Verdict.UNKNOWN, False),
    (ABSENT, ABSENT, Unknown("unreachable"), Verdict.UNKNOWN, False),
    (A, Unknown("render error"), A, Verdict.UNKNOWN, False),
    (A, A, UNDECLARED, Verdict.UNKNOWN, False),
]


@pytest.mark.parametrize(("base", "head", "live", "verdict", "moves"), TABLE)
def test_the_verdict_table(base: State, head: State, live: State, verdict: Verdict, moves: bool) -> None:
    judgement = judge(base, head, live, KEYS)
    assert (judgement.verdict, judgement.base_moves) == (verdict, moves)


def test_the_three_rows_that_equality_forbids_are_not_in_the_table() -> None:
    impossible = [row for row in product((True, False), repeat=3) if sum(row) == 2]
    assert sorted(_TABLE) == sorted(set(product((True, False), repeat=3)) - set(impossible))
    for row in impossible:
        assert row not in _TABLE


STATES = st.sampled_from([A, B, C, ABSENT, UNDECLARED, Unknown("denied")])


@given(STATES, STATES, STATES)
def test_every_combination_has_exactly_one_verdict_and_none_is_impossible(
    base: State, head: State, live: State
) -> None:
    if isinstance(base, Unknown):
        return  # base is never stored as unknown
    assert judge(base, head, live, KEYS).verdict in Verdict


@given(STATES, STATES, STATES)
def test_base_moves_only_when_live_is_what_the_definition_says(base: State, head: State, live: State) -> None:
    judgement = judge(base, head, live, KEYS)
    if judgement.base_moves:
        assert live == head and judgement.verdict is Verdict.IN_SYNC


@given(STATES, STATES)
def test_what_could_not_be_seen_is_unknown_with_its_reason_or_unmanaged(base: State, head: State) -> None:
    judgement = judge(base, head, Unknown("timed out"), KEYS)
    assert judgement.verdict in (Verdict.UNKNOWN, Verdict.UNMANAGED)
    if judgement.verdict is Verdict.UNKNOWN and not isinstance(head, Unknown):
        assert judgement.reason == "timed out"


def test_attributes_that_are_not_declared_do_not_count() -> None:
    head = Present({"type": "file", "mode": "0644"})
    base = Present({"type": "file", "mode": "0644", "owner": "root", "sha256": "a" * 64})
    live = Present({"type": "file", "mode": "0644", "owner": "ana", "sha256": "b" * 64})
    assert judge(base, head, live, ("type", "mode")).verdict is Verdict.IN_SYNC
    assert (
        judge(base, head, Present({**live.data, "mode": "0600"}), ("type", "mode")).verdict is Verdict.DRIFTED
    )


def test_a_file_edited_by_hand_and_removed_from_the_definition_is_a_conflict() -> None:
    assert judge(A, ABSENT, B, ("type",)).verdict is Verdict.CONFLICT


MODE = Present({"type": "file", "mode": "0644"})


@pytest.mark.parametrize(
    ("head", "live", "verdict", "moves"),
    [
        # content is newly declared: base knows the mode, and nothing of the content
        ({"mode": "0644", "sha256": "a"}, {"mode": "0644", "sha256": "a"}, Verdict.IN_SYNC, True),
        ({"mode": "0644", "sha256": "a"}, {"mode": "0644", "sha256": "b"}, Verdict.CONFLICT, False),
        ({"mode": "0600", "sha256": "a"}, {"mode": "0644", "sha256": "a"}, Verdict.PENDING, False),
        ({"mode": "0600", "sha256": "a"}, {"mode": "0644", "sha256": "b"}, Verdict.CONFLICT, False),
        ({"mode": "0644", "sha256": "a"}, {"mode": "0666", "sha256": "a"}, Verdict.DRIFTED, False),
        ({"mode": "0600", "sha256": "a"}, {"mode": "0666", "sha256": "b"}, Verdict.CONFLICT, False),
    ],
)
def test_an_attribute_that_base_does_not_know_is_newly_declared(
    head: dict[str, str], live: dict[str, str], verdict: Verdict, moves: bool
) -> None:
    said, seen = (Present({"type": "file", **data}) for data in (head, live))
    judgement = judge(MODE, said, seen, ("type", "mode", "sha256"))
    assert (judgement.verdict, judgement.base_moves) == (verdict, moves)


def test_newly_declared_content_that_differs_is_not_called_a_change_by_hand() -> None:
    said, seen = (Present({"type": "file", "mode": "0644", "sha256": letter}) for letter in "ab")
    assert judge(MODE, said, seen, ("type", "mode", "sha256")).reason.startswith("newly declared")
