"""Containers, from recorded answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.core.states import ABSENT, Present, Unknown
from deployments.kinds.containers import CONTAINERS
from tests.core.kind_cases import answer, cases, expected, meaning


@pytest.mark.parametrize("case", cases("containers"))
def test_recorded_answers_mean_what_is_written_beside_them(case: str) -> None:
    assert meaning(CONTAINERS.parse(answer("containers", case))) == expected("containers", case, CONTAINERS)


def test_no_engine_means_no_containers() -> None:
    assert CONTAINERS.parse(answer("containers", "no_engine")).state_of("docker/web", None) == ABSENT


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("denied", "denied: docker"),
        ("denied_by_the_daemon", "denied: docker"),
        ("not_running", "read error: docker is not running"),
        ("tool_missing", "tool missing: docker"),
        ("truncated", "garbled: containers without an end"),
        ("half_a_line", "garbled: not a container"),
    ],
)
def test_an_engine_that_could_not_be_asked_makes_nothing_absent(case: str, why: str) -> None:
    listed = CONTAINERS.parse(answer("containers", case))
    assert listed.state_of("docker/web", None) == Unknown(why)


def test_a_container_that_removes_itself_is_told_only_where_it_is_declared() -> None:
    listed = CONTAINERS.parse(answer("containers", "docker_and_podman"))
    assert "docker/once" not in listed.states
    assert isinstance(listed.state_of("docker/once", None), Present)


@given(st.binary(max_size=300))
def test_no_answer_makes_the_parser_raise(body: bytes) -> None:
    CONTAINERS.parse(body)
    CONTAINERS.parse(b"docker/" + body + b"\x000 \0end/\0")
    CONTAINERS.parse(b'docker/"a" "b" "c" true "no" {"80/tcp": [' + body + b"]} false\n\x000 \0end/\0")


def test_an_answer_that_nests_without_end_is_garbled() -> None:
    body = b"docker/" + b"[" * 200_000 + b"\n\x000 \0end/\0"
    assert (CONTAINERS.parse(body).incomplete or "").startswith("garbled")
