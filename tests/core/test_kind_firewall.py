"""Rules of the firewall, from recorded answers."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.core.states import ABSENT, Present, Unknown
from deployments.kinds.firewall import FIREWALL, nft_tables, saved_tables
from deployments.kinds.path_entries import GarbledError
from tests.core.kind_cases import answer, cases, expected, meaning


@pytest.mark.parametrize("case", cases("firewall"))
def test_recorded_answers_mean_what_is_written_beside_them(case: str) -> None:
    assert meaning(FIREWALL.parse(answer("firewall", case))) == expected("firewall", case, FIREWALL)


def rules(case: str, table: str) -> list[str]:
    state = FIREWALL.parse(answer("firewall", case)).states[table]
    assert isinstance(state, Present)
    return list(state.data["rules"])


def test_counters_and_what_expires_are_no_difference() -> None:
    now, later = (
        rules("debian_nft_and_iptables", "nft/inet/filter"),
        rules("nft_only_too_old_for_s", "nft/inet/filter"),
    )
    assert now == later
    assert not any("192.0.2.9" in rule or "packets" in rule or "expires" in rule for rule in now)


def test_a_table_that_iptables_keeps_in_nftables_is_told_once() -> None:
    states = FIREWALL.parse(answer("firewall", "debian_nft_and_iptables")).states
    assert "iptables/filter" in states and "nft/ip/filter" not in states
    # iptables says that it can't show all of this one, so nft does
    assert "nft/ip/nat" in states and "iptables/nat" not in states


def test_tables_that_only_appeared_because_somebody_looked_are_told_where_they_are_declared() -> None:
    listed = FIREWALL.parse(answer("firewall", "legacy_only"))
    assert "iptables/filter" not in listed.states
    assert listed.state_of("iptables/filter", {"rules"}) == Present(
        {"rules": [":INPUT ACCEPT", ":FORWARD ACCEPT"]}
    )


def test_rules_that_need_a_tool_which_is_not_there_are_unknown() -> None:
    listed = FIREWALL.parse(answer("firewall", "tool_missing"))
    assert listed.state_of("nft/inet/filter", None) == Unknown("tool missing: nft")
    assert isinstance(listed.state_of("iptables/filter", None), Present)


def test_a_kernel_without_rules_has_none() -> None:
    listed = FIREWALL.parse(answer("firewall", "nothing_in_the_kernel"))
    assert listed.state_of("nft/inet/filter", None) == ABSENT


def test_without_the_rights_nothing_is_absent() -> None:
    assert FIREWALL.parse(answer("firewall", "denied")).incomplete == "denied: nft"


@given(st.binary(max_size=300))
def test_no_answer_makes_the_parser_raise(body: bytes) -> None:
    FIREWALL.parse(body)
    for tool in (b"nft", b"iptables", b"ip6tables-legacy", b"missing"):
        FIREWALL.parse(tool + b"/" + body + b"\x000 \0end/\0")


@given(st.text(alphabet='table {}\n"x,=elemns#-A:*COMIT', max_size=1000))
def test_no_ruleset_raises_anything_but_garbled(text: str) -> None:
    for parse in (nft_tables, saved_tables):
        with contextlib.suppress(GarbledError):
            parse(text)


@given(st.integers(min_value=0))
def test_rules_that_were_cut_anywhere_are_never_a_shorter_table(length: int) -> None:
    whole = answer("firewall", "debian_nft_and_iptables")
    listed = FIREWALL.parse(whole[: length % len(whole)])
    assert listed.incomplete is not None
