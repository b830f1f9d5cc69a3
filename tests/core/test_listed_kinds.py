"""Kinds that a host lists whole: what is declared and not listed is absent only where the listing is complete."""

import pytest

from deployments.collector.question import Observation, Question
from deployments.collector.wire import Reply
from deployments.core.states import ABSENT, Present, Unknown
from deployments.kinds.listing import Listed, ListedKind, ListingSurvey

NGINX = Present({"version": "1"})


def kind(listed: Listed, name: str = "package") -> ListedKind:
    return ListedKind(name, f"{name}s", ("version",), verb="packages", parse=lambda body: listed)


def looked(question: Question, listed: Listed, reply: Reply | None = None) -> Observation:
    survey = ListingSurvey(question, [kind(listed)])
    asks = survey.asks()
    survey.take([reply or Reply(b"")] * len(asks))
    assert survey.asks() == []
    found = survey.findings()
    return Observation(found.states, listed=found.listed, problems=tuple(found.problems))


DECLARED = Question.of(["package:nginx", "package:telnetd"])
WATCHED = Question.of(["package:telnetd"], watched=frozenset({"package"}))


def test_what_is_declared_and_not_in_a_complete_listing_is_absent() -> None:
    seen = looked(DECLARED, Listed({"nginx": NGINX, "vim": NGINX}))
    assert seen.states == {"package:nginx": NGINX, "package:telnetd": ABSENT}


def test_a_watched_kind_brings_everything_and_says_that_the_rest_is_absent() -> None:
    seen = looked(WATCHED, Listed({"nginx": NGINX}))
    assert seen.states == {"package:nginx": NGINX, "package:telnetd": ABSENT}
    assert seen.listed == {"package:": None}
    assert seen.state_of("package:vim") == ABSENT


def test_an_incomplete_listing_makes_nothing_absent() -> None:
    seen = looked(WATCHED, Listed({"nginx": NGINX}, incomplete="denied"))
    assert seen.states == {"package:nginx": NGINX, "package:telnetd": Unknown("denied")}
    assert seen.state_of("package:vim") == Unknown("denied")


@pytest.mark.parametrize("failure", ["truncated", "tool missing: dpkg-query", "denied", "timed out"])
def test_an_answer_that_failed_is_unknown_and_never_parsed(failure: str) -> None:
    seen = looked(WATCHED, Listed({"nginx": NGINX}), Reply(b"half", failure))
    assert seen.states == {"package:telnetd": Unknown(failure)}
    assert seen.listed == {"package:": failure}


def test_a_parser_that_meets_what_it_did_not_foresee_makes_its_kind_unknown() -> None:
    def parse(body: bytes) -> Listed:
        raise IndexError

    survey = ListingSurvey(WATCHED, [ListedKind("package", "packages", (), verb="packages", parse=parse)])
    survey.take([Reply(b"x")] * len(survey.asks()))
    assert survey.findings().states == {"package:telnetd": Unknown("garbled: packages: IndexError")}


def test_what_was_never_asked_is_unknown() -> None:
    survey = ListingSurvey(WATCHED, [kind(Listed())])
    assert survey.findings().states == {"package:telnetd": Unknown("not asked")}


def test_a_kind_that_nobody_asked_about_is_not_asked() -> None:
    assert ListingSurvey(Question.of(["file:/etc/motd"]), [kind(Listed())]).asks() == []


def test_a_name_with_control_characters_is_left_out_and_said() -> None:
    seen = looked(WATCHED, Listed({"ngi\x1b[2Jnx": NGINX, "vim": NGINX}))
    assert set(seen.states) == {"package:vim", "package:telnetd"}
    assert len(seen.problems) == 1 and "\x1b" not in seen.problems[0]


def test_an_attribute_that_can_not_be_seen_makes_unknown_only_the_entries_that_declare_it() -> None:
    question = Question(
        {"package:nginx": frozenset({"version"}), "package:vim": frozenset(), "package:git": None},
        watched=frozenset({"package"}),
    )
    unseen = {key: {"version": "denied"} for key in ("nginx", "vim", "git", "undeclared")}
    seen = looked(question, Listed(dict.fromkeys(unseen, Present({})), unseen=unseen))
    assert seen.unknown() == {"package:nginx": "denied"}


def test_what_comes_and_goes_by_itself_is_told_only_where_it_is_declared() -> None:
    listed = Listed(
        {"nginx": Present({}), "vim": Present({})}, declared={"nginx": NGINX, "vim": NGINX, "vi": NGINX}
    )
    question = Question.of(["package:nginx", "package:vi"], watched=frozenset({"package"}))
    assert looked(question, listed).states == {
        "package:nginx": NGINX,
        "package:vi": NGINX,
        "package:vim": Present({}),
    }


def test_a_gap_is_unknown_where_it_is_declared_and_hurts_nothing_else() -> None:
    question = Question.of(["package:lib-a", "package:telnetd"], watched=frozenset({"package"}))
    seen = looked(question, Listed({}, gaps={"lib-*": "not supported", "*-b": "denied"}))
    assert seen.states == {"package:lib-a": Unknown("not supported"), "package:telnetd": ABSENT}
    assert seen.listed == {"package:": None}


def test_where_nothing_is_ever_absent_what_is_not_listed_has_its_attributes_all_the_same() -> None:
    listed = Listed({}, otherwise=Present({"version": ""}), unseen={"*": {"hold": "denied"}})
    question = Question(
        {"package:a": frozenset({"version"}), "package:b": None, "package:c": frozenset({"hold"})},
        watched=frozenset({"package"}),
    )
    assert looked(question, listed).states == {
        "package:a": Present({"version": ""}),
        "package:b": ABSENT,
        "package:c": Unknown("denied"),
    }


def test_what_comes_and_goes_is_told_only_where_it_is_declared_itself() -> None:
    listed = Listed(
        {"fsck": Present({"enabled": False})}, declared={"fsck": Present({"enabled": False, "running": True})}
    )
    assert listed.state_of("fsck", frozenset({"enabled"})) == Present({"enabled": False})
    assert listed.state_of("fsck", frozenset({"running"})) == Present({"enabled": False, "running": True})
    assert listed.state_of("fsck", None) == Present({"enabled": False, "running": True})
