"""Listening sockets and who has them, from recorded answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.core.states import ABSENT, Present, Unknown
from deployments.kinds.ports import PORTS
from tests.core.kind_cases import answer, cases, expected, meaning


@pytest.mark.parametrize("case", cases("ports"))
def test_recorded_answers_mean_what_is_written_beside_them(case: str) -> None:
    assert meaning(PORTS.parse(answer("ports", case))) == expected("ports", case, PORTS)


def test_without_the_rights_a_process_is_unknown_and_the_port_is_still_seen() -> None:
    listed = PORTS.parse(answer("ports", "ss_not_root"))
    assert listed.states["tcp/0.0.0.0:22"] == Unknown("denied: which process")
    assert listed.state_of("tcp/0.0.0.0:22", {"process"}) == Unknown("denied: which process")
    assert listed.state_of("tcp/0.0.0.0:22", set()) == Present({})
    assert listed.state_of("tcp/0.0.0.0:25", {"process"}) == ABSENT


def test_ports_of_clients_are_told_only_where_they_are_declared() -> None:
    listed = PORTS.parse(answer("ports", "ss_root"))
    assert "tcp/0.0.0.0:40000" not in listed.states
    assert listed.state_of("tcp/0.0.0.0:40000", {"process"}) == Present({"process": "java"})


def test_an_empty_list_of_a_tool_that_failed_makes_nothing_absent() -> None:
    assert PORTS.parse(answer("ports", "failed")).incomplete == "read error: ss"


@given(st.binary(max_size=300))
def test_no_answer_makes_the_parser_raise(body: bytes) -> None:
    PORTS.parse(body)
    for tool in (b"ss", b"netstat"):
        PORTS.parse(b"uid/0\0range/" + body[:9] + b"\0" + tool + b"/" + body + b"\0")


@given(st.text(alphabet='tcpud LISTEN0:*."(),=users\n', max_size=2000))
def test_no_line_takes_long(text: str) -> None:
    PORTS.parse(b"uid/0\0ss/tcp LISTEN 0 1 *:1 *:* users:(" + text.encode() + b")\n\0")
