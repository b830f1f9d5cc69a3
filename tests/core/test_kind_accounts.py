"""Users and groups of a host, from recorded answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.core.states import Present
from deployments.kinds.accounts import GROUPS, USERS
from tests.core.kind_cases import answer, cases, expected, meaning


@pytest.mark.parametrize("case", cases("accounts"))
@pytest.mark.parametrize("kind", [USERS, GROUPS], ids=["users", "groups"])
def test_recorded_answers_mean_what_is_written_beside_them(kind, case: str) -> None:  # type: ignore[no-untyped-def]
    assert meaning(kind.parse(answer("accounts", case))) == expected("accounts", case, kind)


def test_one_edit_of_the_membership_of_a_local_user_is_one_difference() -> None:
    before = b"f/./etc/passwd\0ana:1:1::/:\n\0f/./etc/group\0web:1:\nadm:4:\n\0times/\0"
    after = before.replace(b"adm:4:", b"adm:4:ana")
    assert GROUPS.parse(before).states == GROUPS.parse(after).states
    moved = USERS.parse(after).states["ana"]
    assert isinstance(moved, Present) and moved.data["groups"] == ["adm"]


def test_a_member_that_is_no_local_user_belongs_to_the_group() -> None:
    body = b"f/./etc/passwd\0\0f/./etc/group\0adm:4:syslog,alice@corp,syslog\n\0times/\0"
    assert GROUPS.parse(body).states == {"adm": Present({"gid": 4, "members": ["alice@corp", "syslog"]})}


def test_the_times_of_the_files_are_evidence() -> None:
    assert USERS.parse(answer("accounts", "debian")).evidence["ana"] == {
        "mtime": 1700000009.5,
        "ctime": 1700000009.5,
    }


@given(st.binary(max_size=300))
def test_no_answer_makes_a_parser_raise(body: bytes) -> None:
    for kind in (USERS, GROUPS):
        kind.parse(body)
        kind.parse(b"f/./etc/passwd\0" + body + b"\0f/./etc/group\0" + body + b"\0times/\0")


@given(st.integers(min_value=0, max_value=len(answer("accounts", "debian")) - 1))
def test_an_answer_that_was_cut_anywhere_makes_nobody_absent(length: int) -> None:
    cut = answer("accounts", "debian")[:length]
    for kind in (USERS, GROUPS):
        listed = kind.parse(cut)
        assert (
            listed.incomplete is not None or listed.states == kind.parse(answer("accounts", "debian")).states
        )
