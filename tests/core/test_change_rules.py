"""What changes begin as, how risky they are, which approvals they take, what a digest binds, what gates say."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemgmt.core.digest import BOUND, content_digest
from changemgmt.core.filing import begins_as, check_plan, check_planned, kind_of
from changemgmt.core.gates import ALLOWED, AWAITING, PREVENTED, GateAnswer, overall, retry_after
from changemgmt.core.requirements import (
    Approver,
    Policy,
    approvals_needed,
    in_words,
    missing,
    requirements_of,
)
from changemgmt.core.risk import assess
from common.core.errors import Invalid

NOW = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "from_template", "happened", "state", "due"),
    [
        ("emergency", False, False, "logged", True),
        ("emergency", False, True, "logged", True),
        ("normal", False, False, "proposed", False),
        ("normal", False, True, "logged", True),
        ("standard", False, False, "logged", True),
        ("standard", True, False, "ready", False),
        ("standard", True, True, "logged", False),
    ],
)
def test_kind_template_and_time_say_where_a_change_begins(
    kind: str, from_template: bool, happened: bool, state: str, due: bool
) -> None:
    assert begins_as(kind, from_template=from_template, happened=happened) == (state, due)


def test_what_is_not_said_is_an_emergency_and_from_a_template_standard() -> None:
    assert kind_of("", from_template=False) == "emergency"
    assert kind_of("", from_template=True) == "standard"
    with pytest.raises(Invalid, match="/template"):
        kind_of("normal", from_template=True)


def test_what_is_asked_first_says_how_and_how_back() -> None:
    with pytest.raises(Invalid) as refused:
        check_plan("", "")
    assert [error.pointer for error in refused.value.errors] == ["/plan", "/backout"]


@pytest.mark.parametrize(
    ("start", "end", "pointer"),
    [
        (None, NOW + timedelta(hours=1), "/planned_start"),
        (NOW + timedelta(hours=1), NOW, "/planned_end"),
        (NOW + timedelta(hours=1), NOW + timedelta(hours=1), "/planned_end"),
        (NOW - timedelta(hours=2), NOW - timedelta(hours=1), "/planned_end"),
        (datetime(2026, 3, 1, 4), None, "/planned_start"),
        (NOW + timedelta(days=4000), None, "/planned_start"),
    ],
)
def test_a_plan_for_a_time_that_can_not_be_is_refused(
    start: datetime | None, end: datetime | None, pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        check_planned(start, end, NOW, is_ahead=True)
    assert refused.value.errors[0].pointer == pointer


# ---- the digest

CONTENT: dict[str, Any] = dict.fromkeys(BOUND, "") | {
    "hosts": ["web-1"], "resources": [], "planned_start": NOW, "planned_end": None, "happened_at": None,
}  # fmt: skip


@pytest.mark.parametrize("name", BOUND)
def test_each_thing_that_an_approval_binds_changes_the_digest(name: str) -> None:
    other: Any = ["web-2"] if isinstance(CONTENT[name], list) else "other"
    assert content_digest(CONTENT | {name: other}) != content_digest(CONTENT)


def test_a_digest_that_forgets_something_is_not_made() -> None:
    with pytest.raises(ValueError, match="plan"):
        content_digest({name: value for name, value in CONTENT.items() if name != "plan"})


@given(st.text(), st.text())
def test_texts_that_differ_have_other_digests_whatever_is_in_them(one: str, other: str) -> None:
    digests = {content_digest(CONTENT | {"title": text}) for text in (one, other)}
    assert len(digests) == len({one, other})


# ---- risk


def level(**fields: Any) -> tuple[str, int]:
    values: dict[str, Any] = {"kind": "normal", "hosts": 1, "environments": [], "resources": []}
    risk = assess(**values | fields)
    return risk.level, len(risk.reasons)


def test_each_risk_has_its_reasons() -> None:
    assert level() == ("low", 0)
    assert level(environments=["prod"], resources=["sysctl:vm.swappiness"]) == ("medium", 2)
    assert level(environments=["prod"], hosts=400, has_backout=False) == ("high", 3)
    assert level(freeze="WIN-3 (year end)", environments=["production"], hosts=12) == ("high", 3)


def test_whoever_files_it_raises_the_risk_and_never_lowers_it() -> None:
    assert level(said="high") == ("high", 1)
    assert level(environments=["prod"], hosts=100, freeze="WIN-1", said="low")[0] == "high"


# ---- approvals

DBA = Policy("dba", environments=("prod",), count=2, team="data", team_id="t1")
ADMIN = Policy("risky", risks=("high",), role="admin")


def asked(*policies: Policy, **of: Any) -> list[dict[str, Any]]:
    values: dict[str, Any] = {"kind": "normal", "risk": "low", "environments": []}
    return requirements_of(policies, **values | of)


def test_without_a_policy_one_approval_of_anybody_is_taken() -> None:
    (one,) = asked(DBA, ADMIN)
    assert (one["count"], one["role"], one["team"], one["policy"]) == (1, "", "", "")


def test_every_policy_that_matches_holds() -> None:
    both = asked(DBA, ADMIN, environments=["prod"], risk="high")
    assert [one["policy"] for one in both] == ["dba", "risky"]
    assert approvals_needed(both) == 2


def test_one_approval_counts_for_each_policy_that_it_fits() -> None:
    both = asked(DBA, ADMIN, environments=["prod"], risk="high")
    data_admin = Approver(uuid4(), "admin", frozenset({"t1"}))
    (left,) = missing(both, [data_admin])
    assert (left["policy"], left["count"]) == ("dba", 1)
    other = Approver(uuid4(), "release-manager", frozenset({"t1", "t2"}))
    assert missing(both, [data_admin, other]) == []


def test_the_same_person_twice_is_one_person() -> None:
    someone = UUID(int=7)
    twice = [Approver(someone, "admin", frozenset({"t1"}))] * 2
    assert missing(asked(DBA, environments=["prod"]), twice)[0]["count"] == 1


def test_what_is_missing_is_said_in_words() -> None:
    assert (
        in_words(asked(DBA, environments=["prod"])[0])
        == "2 approvals of people in the team data (policy dba)"
    )
    assert in_words(asked()[0]) == "one approval"


@given(
    st.lists(
        st.builds(
            Policy,
            st.text(min_size=1, max_size=3),
            count=st.integers(1, 4),
            role=st.sampled_from(["", "admin", "release-manager"]),
            team_id=st.sampled_from(["", "a", "b"]),
        ),
        max_size=4,
    ),
    st.lists(
        st.builds(
            Approver,
            st.uuids(),
            st.sampled_from(["admin", "release-manager"]),
            st.frozensets(st.sampled_from(["a", "b"])),
        ),
        max_size=6,
    ),
)
def test_nothing_missing_means_as_many_people_as_are_needed(
    policies: list[Policy], approvers: list[Approver]
) -> None:
    """The database counts people; so what the policies are content with must never be less than that."""
    requirements = asked(*policies)
    if not missing(requirements, approvers):
        assert len({one.person for one in approvers}) >= approvals_needed(requirements)


# ---- gates


def test_one_gate_that_prevents_outweighs_all_and_one_that_waits_the_open_ones() -> None:
    said = {verdict: GateAnswer("x", verdict, "") for verdict in (ALLOWED, AWAITING, PREVENTED)}
    assert overall([]) == ALLOWED
    assert overall([said[ALLOWED], said[AWAITING]]) == AWAITING
    assert overall(list(said.values())) == PREVENTED


def test_when_to_ask_again_is_when_the_last_known_wait_ends_an_hour_at_most() -> None:
    soon = GateAnswer("a", AWAITING, "", NOW + timedelta(seconds=90))
    later = GateAnswer("b", AWAITING, "", NOW + timedelta(days=2))
    assert retry_after([soon], NOW) == 90
    assert retry_after([soon, later], NOW) == 3600
    assert retry_after([GateAnswer("c", AWAITING, "")], NOW) == 30
