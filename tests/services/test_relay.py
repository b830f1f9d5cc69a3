"""The relay announces what is due, announces again what got lost, and never a thing twice within the window."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from common import clock
from common.models import EventDelivery, JobBatch
from common.services import relay
from common.services.jobs import cancel_job, claim_batch, finish_batch
from common.services.outbox import emit_event
from common.services.relay import announce_pending
from tests.factories import acting, job, person

pytestmark = pytest.mark.django_db

Published = list[tuple[str, UUID]]


@pytest.fixture(autouse=True)
def listeners(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {"tea.ready": ["tests.services.test_outbox.hears"]}
    settings.LEASE_SECONDS = 30


@pytest.fixture
def announced() -> Callable[[], Published]:
    def announce() -> Published:
        published: Published = []
        count = announce_pending(publish=lambda task, row_id: published.append((task, row_id)))
        assert count == len(published)
        return published

    return announce


def later(seconds: float) -> Any:
    return clock.shifted(timedelta(seconds=seconds))


def test_deliveries_and_batches_are_announced_by_id(announced: Callable[[], Published]) -> None:
    batch = job([[1]]).batches.get()
    delivery = emit_event(type="tea.ready", subject=person("ana")).deliveries.get()
    assert announced() == [("common.run_batch", batch.pk), ("common.deliver_event", delivery.pk)]


def test_a_backlog_that_takes_longer_than_half_a_lease_is_announced_once_a_round(settings: Any) -> None:
    """With a lease of no time at all, whatever was announced is due again at once."""
    settings.LEASE_SECONDS = 0
    for _ in range(3):
        emit_event(type="tea.ready", subject=person("ana"))
    job([[1], [2]])
    published: Published = []

    def publish(task: str, row_id: UUID) -> None:
        published.append((task, row_id))
        assert len(published) <= 5, "the round has no end"

    assert announce_pending(publish=publish) == 5
    assert len(set(published)) == 5
    assert [task for task, _ in published[:2]] == ["common.run_batch"] * 2


def test_nothing_is_announced_twice_within_half_a_lease(announced: Callable[[], Published]) -> None:
    job([[1]])
    assert len(announced()) == 1
    with later(14):
        assert announced() == []


def test_what_is_still_pending_after_half_a_lease_is_announced_again(
    announced: Callable[[], Published],
) -> None:
    job([[1]])
    emit_event(type="tea.ready", subject=person("ana"))
    first = announced()
    with later(16):
        assert announced() == first


def test_a_backlog_of_deliveries_is_announced_ever_more_rarely(announced: Callable[[], Published]) -> None:
    """After half a lease, then only when it has waited as long again; a worker that is behind is not told more and more often."""
    emit_event(type="tea.ready", subject=person("ana"))
    assert len(announced()) == 1
    told = []
    for seconds in range(1, 601):
        with later(seconds):
            if announced():
                told.append(seconds)
    assert told[0] in (15, 16) and 4 <= len(told) <= 8, told
    assert all(after >= 1.8 * before for before, after in pairwise(told)), told  # the clock runs on besides


def test_a_delivery_that_has_waited_for_hours_is_announced_again_within_minutes(
    announced: Callable[[], Published],
) -> None:
    emit_event(type="tea.ready", subject=person("ana"))
    assert len(announced()) == 1
    EventDelivery.objects.update(created_at=clock.now() - timedelta(hours=5))
    with later(301):
        assert len(announced()) == 1


def test_a_batch_under_a_lease_is_left_alone_until_the_lease_runs_out(
    announced: Callable[[], Published],
) -> None:
    batch = job([[1]]).batches.get()
    announced()
    claim_batch(batch_id=batch.pk)
    with later(20):
        assert announced() == []
    with later(31):
        assert announced() == [("common.run_batch", batch.pk)]


def test_what_is_done_set_aside_or_cancelled_is_not_announced(announced: Callable[[], Published]) -> None:
    done, cancelled = job([[1]]), job([[2]])
    claim = claim_batch(batch_id=done.batches.get().pk)
    assert claim is not None
    finish_batch(claim=claim)
    cancel_job(actor=acting("ana"), job=cancelled)
    for name in ("done_at", "set_aside_at"):
        event = emit_event(type="tea.ready", subject=person("ana"))
        event.deliveries.update(**{name: clock.now()})
    assert announced() == []


def test_more_than_one_chunk_is_announced_in_one_round(
    announced: Callable[[], Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "CHUNK", 3)
    job([[n] for n in range(8)])
    published = announced()
    assert len(published) == len(set(published)) == 8


def test_what_the_broker_did_not_take_is_announced_in_the_next_round(
    announced: Callable[[], Published],
) -> None:
    job([[1], [2], [3]])
    taken: Published = []

    def publish(task: str, row_id: UUID) -> None:
        if taken:
            raise ConnectionError("Redis is away")
        taken.append((task, row_id))

    with pytest.raises(ConnectionError):
        announce_pending(publish=publish)
    rest = announced()
    assert len(rest) == 2
    assert not set(rest) & set(taken)


def test_marks_are_committed_before_anything_is_published() -> None:
    job([[1]])
    emit_event(type="tea.ready", subject=person("ana"))

    def publish(task: str, row_id: UUID) -> None:
        model = JobBatch if task == "common.run_batch" else EventDelivery
        assert model._default_manager.get(pk=row_id).announced_at is not None

    assert announce_pending(publish=publish) == 2
