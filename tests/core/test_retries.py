"""When a connection that never came about is tried again."""

import pytest

from drift.core.retries import NEVER, Retries


def pauses(code: str, chance: float = 0.5) -> list[float]:
    retries, elapsed, found = Retries(), 0.0, []
    while (pause := retries.pause(code, attempt=len(found) + 1, elapsed=elapsed, chance=chance)) is not None:
        found.append(pause)
        elapsed += pause
    return found


def test_pauses_double_up_to_the_longest_and_end() -> None:
    assert pauses("connection lost") == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    assert pauses("connection refused") == [0.25, 0.5]


def test_chance_spreads_those_who_were_dropped_together() -> None:
    retries = Retries()
    spread = {
        retries.pause("connection lost", attempt=3, elapsed=0.0, chance=chance) for chance in (0.0, 0.5, 1.0)
    }
    assert spread == {0.5, 1.0, 1.5}


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_attempts_are_bounded_in_number_and_in_time(chance: float) -> None:
    found = pauses("connection lost", chance)
    assert len(found) < 10
    assert sum(found) <= Retries().total


@pytest.mark.parametrize(
    "code", ["authentication failed", "host key changed", "host key revoked", "timed out", "over limit", ""]
)
def test_what_will_not_pass_is_final(code: str) -> None:
    assert pauses(code) == []


def test_never_is_never() -> None:
    assert NEVER.pause("connection lost", attempt=1, elapsed=0.0, chance=0.5) is None
