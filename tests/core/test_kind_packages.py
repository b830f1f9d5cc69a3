"""Installed packages, from recorded answers of dpkg, rpm and apk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.collector.question import Question
from deployments.collector.wire import Reply
from deployments.core.states import Present, Unknown
from deployments.kinds.listing import MAX_ENTRIES, ListingSurvey
from deployments.kinds.packages import PACKAGES
from tests.core.kind_cases import answer, cases, expected, meaning


def dpkg(*lines: str, ended: bytes = b"0 ") -> bytes:
    return b"t/dpkg\0" + "".join(f"{line}\n" for line in lines).encode() + b"\0" + ended + b"\0times/\0"


@pytest.mark.parametrize("case", cases("packages"))
def test_recorded_answers_mean_what_is_written_beside_them(case: str) -> None:
    assert meaning(PACKAGES.parse(answer("packages", case))) == expected("packages", case, PACKAGES)


def test_what_was_removed_with_its_configuration_kept_is_not_there() -> None:
    assert PACKAGES.parse(dpkg("rc \tnginx\tamd64\t1.22.1-9\t")).states == {}


def test_the_time_of_the_installation_is_evidence_and_no_state() -> None:
    before = PACKAGES.parse(dpkg("ii \tnginx\tamd64\t1.22.1-9\t1700000000"))
    after = PACKAGES.parse(dpkg("ii \tnginx\tamd64\t1.22.1-9\t1800000000"))
    assert before.evidence == {"nginx": {"changed_at": 1700000000.0}}
    assert before.states == after.states == {"nginx": Present({"version": "1.22.1-9", "hold": False})}


def test_a_database_that_was_read_in_part_makes_nothing_absent() -> None:
    survey = ListingSurvey(Question.of(["package:nginx", "package:vim"]), [PACKAGES])
    survey.asks()
    survey.take([Reply(dpkg("ii \tvim\tamd64\t9.0\t1", ended=b"2 dpkg-query: error"))])
    states = survey.findings().states
    assert states["package:nginx"] == Unknown("read error: dpkg: dpkg-query: error")
    assert isinstance(states["package:vim"], Present)


def test_more_packages_than_any_host_has_are_over_the_limit_and_read_in_bounded_time() -> None:
    body = dpkg(*(f"ii \tp{number}\tamd64\t1\t1" for number in range(MAX_ENTRIES + 1)))
    survey = ListingSurvey(Question.of(["package:p1"]), [PACKAGES])
    survey.asks()
    survey.take([Reply(body)])
    assert survey.findings().states == {"package:p1": Unknown("over limit: more than 20000 packages")}
    assert (
        PACKAGES.parse(dpkg(*["ii \tp\tamd64\t1\t1"] * 50_001)).incomplete == "garbled: more than 50000 lines"
    )


@given(st.binary(max_size=300))
def test_no_answer_makes_the_parser_raise(body: bytes) -> None:
    PACKAGES.parse(body)
    for tool in (b"dpkg", b"rpm", b"apk"):
        PACKAGES.parse(b"t/" + tool + b"\0" + body + b"\n\0000 \0times/\0")


@given(st.lists(st.text(alphabet="ab\t:-.\x1b\n", max_size=12), max_size=5))
def test_no_listed_name_holds_what_a_terminal_would_obey(parts: list[str]) -> None:
    line = "\t".join(["ii ", *parts])
    for key, state in PACKAGES.parse(dpkg(line)).states.items():
        assert key.isprintable()
        assert isinstance(state, Unknown) or state.data["version"].isprintable()  # type: ignore[union-attr]


def test_locks_that_would_take_minutes_to_compare_are_refused() -> None:
    packages = "".join(f"p{number}\tx86_64\t0\t1-1\t1\n" for number in range(19_000))
    locks = "*a*b*c*\n" * 400
    body = f"t/rpm\0{packages}\0000 \0f/./etc/dnf/plugins/versionlock.list\0{locks}\0times/\0".encode()
    assert PACKAGES.parse(body).incomplete == "garbled: more locks of versions than anybody has"
