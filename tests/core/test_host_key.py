"""A host's key judged as any other resource: base what was pinned, head what is, live what was shown."""

import pytest

from deployments.core.states import Present
from drift.core.host_key import agreed_keys, is_another_key, judge_host_key
from drift.core.verdict import Verdict


def agreed(*pinned: str, cas: tuple[str, ...] = ()) -> Present:
    found = agreed_keys(pinned, cas)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("base", "head", "offered", "verdict", "moves"),
    [
        (("a",), ("a",), "x", Verdict.DRIFTED, False),
        (("a",), ("a",), None, Verdict.IN_SYNC, False),
        (("a", "b"), ("a", "b"), "b", Verdict.IN_SYNC, False),
        (("a",), ("x",), None, Verdict.IN_SYNC, True),
        (("a",), ("x",), "x", Verdict.IN_SYNC, True),
        (("a",), ("b",), "x", Verdict.CONFLICT, False),
        (("a",), ("b",), "a", Verdict.PENDING, False),
    ],
)
def test_the_table_holds_for_host_keys(
    base: tuple[str, ...], head: tuple[str, ...], offered: str | None, verdict: Verdict, moves: bool
) -> None:
    judgement, _ = judge_host_key(agreed(*base), agreed(*head), offered)
    assert (judgement.verdict, judgement.base_moves) == (verdict, moves)


def test_pins_are_agreed_before_a_ca_and_without_either_nothing_is() -> None:
    assert agreed("a", cas=("c",)).data["keys"] == ["a"]
    assert agreed(cas=("c",)).data["keys"] == ["any signed by c"]
    assert agreed_keys((), ()) is None


@pytest.mark.parametrize(
    ("code", "ever", "if_seen"),
    [
        ("host key changed", True, True),
        ("host key revoked", True, True),
        ("host key not enrolled", False, True),
        ("host certificate for another name", False, True),
        ("host certificate not in date", False, False),
        ("connection refused", False, False),
        ("authentication failed", False, False),
    ],
)
def test_only_another_key_is_another_key(code: str, ever: bool, if_seen: bool) -> None:
    assert is_another_key(code, seen_before=False) is ever
    assert is_another_key(code, seen_before=True) is if_seen
