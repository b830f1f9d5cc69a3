"""How often, as people write it and read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.core.periods import every, parse, told


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None),
        ("  ", None),
        ("30 s", 30),
        ("30s", 30),
        ("5 min", 300),
        ("5m", 300),
        ("5 Minutes", 300),
        ("1 h 30 min", 5_400),
        ("1h30m", 5_400),
        ("1 hour and 30 minutes", 5_400),
        ("1 day, 2 h", 93_600),
        ("2 weeks", 1_209_600),
        ("day", 86_400),
        ("hour", 3_600),
    ],
)
def test_a_length_of_time_is_read_as_people_write_it(text: str, seconds: int | None) -> None:
    assert parse(text) == seconds


@pytest.mark.parametrize(
    "text", ["5", "soon", "-5 min", "5 parsecs", "1.5 h", "min 5", "5 min later", "٥ min"]
)
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


@given(st.integers(1, 400 * 86_400))
def test_what_is_told_reads_back_as_the_same(seconds: int) -> None:
    assert parse(told(seconds)) == seconds


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except ValueError:
        return
    assert found is None or found >= 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (60, "every minute"),
        (3_600, "every hour"),
        (86_400, "every day"),
        (300, "every 5 min"),
        (90, "every 1 min 30 s"),
        (2 * 86_400, "every 2 days"),
    ],
)
def test_a_period_reads_as_a_sentence(seconds: int, text: str) -> None:
    assert every(seconds) == text
