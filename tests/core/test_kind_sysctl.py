"""Kernel settings, from recorded answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.collector.question import Question
from deployments.collector.wire import Reply
from deployments.core.states import ABSENT, Present, State, Unknown
from deployments.kinds.listing import ListingSurvey
from deployments.kinds.sysctl import MAIN, SYSCTL, key_of, parse_files
from tests.core.kind_cases import answer, cases, expected, meaning


def running(*lines: str, files: bytes = b"") -> bytes:
    values = "".join(f"./proc/sys/{line}\n" for line in lines).encode()
    return b"t/values\0" + values + b"\0000 \0t/denied\0\0000 \0t/systemd\0\0000 \0" + files + b"times/\0"


def declared(body: bytes, *keys: str) -> dict[str, State]:
    survey = ListingSurvey(Question({f"sysctl:{key}": frozenset({"value"}) for key in keys}), [SYSCTL])
    survey.asks()
    survey.take([Reply(body)])
    return {name.removeprefix("sysctl:"): state for name, state in survey.findings().states.items()}


@pytest.mark.parametrize("case", cases("sysctl"))
def test_recorded_answers_mean_what_is_written_beside_them(case: str) -> None:
    assert meaning(SYSCTL.parse(answer("sysctl", case))) == expected("sysctl", case, SYSCTL)


def test_a_dot_in_the_name_of_an_interface_is_a_slash_as_sysctl_writes_it() -> None:
    assert key_of("net/ipv4/conf/eth0.100/rp_filter") == "net.ipv4.conf.eth0/100.rp_filter"


def test_tabs_between_the_numbers_of_a_value_are_no_difference() -> None:
    (state,) = SYSCTL.parse(running("net/ipv4/ip_local_port_range:32768\t60999")).states.values()
    assert state == Present({"value": "32768 60999"})


def test_what_moves_by_itself_is_seen_only_where_it_is_declared_or_a_file_sets_it() -> None:
    lines = ("fs/file-nr:2258\t0\t2466170", "kernel/threads-max:192730", "fs/aio-max-nr:65536")
    assert SYSCTL.parse(running(*lines)).states.keys() == {"fs.aio-max-nr"}
    assert declared(running(*lines), "kernel.threads-max")["kernel.threads-max"] == Present(
        {"value": "192730"}
    )
    file = b"f/./etc/sysctl.d/a.conf\0kernel.threads-max = 200000\n\0"
    listed = SYSCTL.parse(running(*lines, files=file))
    assert listed.states["kernel.threads-max"] == Present({"value": "192730", "persisted": "200000"})


def test_a_key_that_is_never_asked_for_is_unknown_and_one_that_is_not_there_absent() -> None:
    states = declared(
        running("vm/swappiness:60"),
        "net.ipv4.conf.eth0.rp_filter",
        "net.ipv6.conf.all.stable_secret",
        "net.ipv4.tcp_fastopen_key",
        "net.ipv4.conf.all.gone",
        "vm.gone",
    )
    assert states == {
        "net.ipv4.conf.eth0.rp_filter": Unknown("not supported: settings of one interface"),
        "net.ipv6.conf.all.stable_secret": Unknown("not supported: random or secret"),
        "net.ipv4.tcp_fastopen_key": Unknown("not supported: random or secret"),
        "net.ipv4.conf.all.gone": ABSENT,
        "vm.gone": ABSENT,
    }


def test_a_key_that_may_not_be_read_is_unknown_and_the_others_are_not() -> None:
    listed = SYSCTL.parse(answer("sysctl", "debian_12_scanning_account"))
    assert listed.states["vm.mmap_rnd_bits"] == Unknown("denied")
    assert listed.states["net.core.somaxconn"] == Present({"value": "4096"})
    assert listed.incomplete is None


def test_the_last_of_the_files_wins_as_it_does_at_boot() -> None:
    texts = {
        "/usr/lib/sysctl.d/50-a.conf": "a.b = 1\nc.d = 1\n",
        "/etc/sysctl.d/50-a.conf": "a.b = 2\n",
        "/run/sysctl.d/40-b.conf": "a.b = 3\n",
        MAIN: "a.b = 4\n",
    }
    assert parse_files(texts, main_counts=False).exact == {"a.b": "2"}
    assert parse_files(texts, main_counts=True).exact == {"a.b": "4"}


@given(st.binary(max_size=300))
def test_no_answer_makes_the_parser_raise(body: bytes) -> None:
    SYSCTL.parse(body)
    SYSCTL.parse(b"t/values\0./proc/sys/a/b:" + body + b"\n\0000 \0times/\0")
    SYSCTL.parse(running("a/b:1", files=b"f/./etc/sysctl.d/a.conf\0" + body + b"\0"))


@given(st.text(alphabet="ab./*?[]-=# \x1b\n", max_size=200))
def test_no_file_takes_long_or_brings_what_a_terminal_would_obey(text: str) -> None:
    body = running("a/b:1", files=b"f/./etc/sysctl.d/a.conf\0" + text.encode() + b"\0")
    for state in SYSCTL.parse(body).states.values():
        assert isinstance(state, Present)
        assert all(value.isprintable() for value in state.data.values())
