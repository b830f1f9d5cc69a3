"""What hosts were called when: names that are given up, and given again."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from inventory.core.host_names import name_spans, names_at

A, B = UUID(int=1), UUID(int=2)
T0 = datetime(2026, 3, 1, tzinfo=UTC)


def day(n: int) -> datetime:
    return T0 + timedelta(days=n)


def test_a_host_that_was_never_renamed_always_had_its_name() -> None:
    spans = name_spans([(A, "web-1")], [])
    assert names_at(spans, T0 - timedelta(days=9999)) == names_at(spans, day(9999)) == {"web-1"}


def test_a_renamed_host_had_its_old_name_until_then() -> None:
    spans = name_spans([(A, "web-9")], [(A, "web-1", day(5))])
    assert "web-1" in names_at(spans, day(4))
    assert names_at(spans, day(5)) == {"web-9"}


def test_a_name_that_is_given_again_means_each_host_in_its_time() -> None:
    former = [(A, "web-1", day(5))]
    spans = name_spans([(A, "web-9"), (B, "web-1")], former)
    first, second = ([span for span in spans if span.host_id == one] for one in (A, B))
    assert "web-1" in names_at(first, day(4)) and names_at(second, day(4)) == set()
    assert "web-1" not in names_at(first, day(6)) and names_at(second, day(6)) == {"web-1"}


def test_a_name_that_came_back_counts_from_when_the_other_gave_it_up() -> None:
    former = [(A, "web-1", day(5)), (B, "web-1", day(8)), (A, "web-9", day(9))]
    spans = [span for span in name_spans([(A, "web-1")], former) if span.host_id == A]
    assert "web-1" in names_at(spans, day(4))
    assert "web-1" not in names_at(spans, day(7))
    assert "web-1" in names_at(spans, day(10))
