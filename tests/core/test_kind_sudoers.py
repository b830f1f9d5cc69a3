"""The rules of sudo, from recorded answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.kinds.sudoers import SUDOERS, rules_of
from tests.core.kind_cases import answer, cases, expected, meaning


@pytest.mark.parametrize("case", cases("sudoers"))
def test_recorded_answers_mean_what_is_written_beside_them(case: str) -> None:
    assert meaning(SUDOERS.parse(answer("sudoers", case))) == expected("sudoers", case, SUDOERS)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", []),
        ("# a comment\n   # another\n", []),
        ("ana ALL=ALL # why", ["ana ALL=ALL"]),
        ("ana\tALL = \\\n\t(root)  ALL", ["ana ALL = (root) ALL"]),
        (
            "#includedir /etc/sudoers.d\n@include /etc/more",
            ["#includedir /etc/sudoers.d", "@include /etc/more"],
        ),
        ("#1000 ALL=ALL\n%#20 ALL=ALL", ["#1000 ALL=ALL", "%#20 ALL=ALL"]),
        ('Defaults badpass_message="no # way"', ['Defaults badpass_message="no # way"']),
        ("ana ALL=/bin/echo \\#1 # x", ["ana ALL=/bin/echo \\#1"]),
        ('Defaults x="open # quote', ['Defaults x="open']),
        ("a\\", ["a\\"]),
    ],
)
def test_rules_are_read_as_sudo_reads_them(text: str, rules: list[str]) -> None:
    assert rules_of(text) == rules


def test_a_comment_or_a_space_is_no_difference() -> None:
    assert rules_of("ana  ALL=(ALL) ALL") == rules_of(
        "# for the on-call\nana ALL=(ALL)\tALL   # ticket 7\n\n"
    )


@given(st.binary(max_size=300))
def test_no_answer_makes_the_parser_raise(body: bytes) -> None:
    SUDOERS.parse(body)
    SUDOERS.parse(b"f/./etc/sudoers\0" + body + b"\0times/\0")


@given(st.text(alphabet='a#"\\ \n1', max_size=2000))
def test_no_text_takes_long_or_keeps_a_line_break(text: str) -> None:
    assert all("\n" not in rule for rule in rules_of(text))
