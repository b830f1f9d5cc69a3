"""Workers, relay and beat are alive or missed, by rows; jobs tell their pace and who is at them."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client

from common import clock
from common.models import Heartbeat, Job, JobBatch, Tally
from common.queries.processes import ALIVE_FOR, alive, missed
from common.queries.progress import eta_of, hands_of, progress_of
from common.services.heartbeats import RELAY, WORKER, Heart
from common.services.jobs import claim_batch, count_items, fail_batch, fenced_write, finish_batch
from common.services.tallies import add_to_tally
from tests.factories import job

pytestmark = pytest.mark.django_db


def test_who_says_so_is_alive_and_who_falls_silent_is_missed() -> None:
    assert set(missed(clock.now())) == {"worker", "relay", "beat"}
    heart = Heart(WORKER)
    heart.beat()
    heart.beat()
    assert Heartbeat.objects.count() == 1
    assert set(missed(clock.now())) == {"relay", "beat"}
    [worker, *_] = alive(clock.now())
    assert worker.count == 1 and worker.resident_bytes > 1_000_000
    assert "no worker takes work" in missed(clock.now() + ALIVE_FOR + timedelta(seconds=1))["worker"]


def test_who_stops_as_it_should_is_gone_at_once() -> None:
    heart = Heart(RELAY)
    heart.beat_if_due()
    assert "relay" not in missed(clock.now())
    heart.end()
    assert "relay" in missed(clock.now())


def test_a_process_that_died_long_ago_is_forgotten_when_another_begins() -> None:
    Heart(WORKER).beat()
    Heartbeat.objects.update(name="gone:1", seen_at=clock.now() - timedelta(days=2))
    Heart(WORKER).beat()
    assert not Heartbeat.objects.filter(name="gone:1").exists()


def test_readyz_and_doctor_name_what_nobody_does(client: Client) -> None:
    Heart(WORKER).beat()
    checks = client.get("/readyz").json()["checks"]
    assert checks["worker"] == "ok" and "workers hear of no work" in checks["relay"]
    out = io.StringIO()
    call_command("doctor", only=["processes"], stdout=out)
    assert "worker is alive: one process" in out.getvalue()
    assert "manage.py relay" in out.getvalue() and "celery --app=config beat" in out.getvalue()


def test_a_job_tells_its_pace_from_its_own_row() -> None:
    made = job([[*range(500)], [*range(500)]])
    start = clock.now()
    claim = claim_batch(batch_id=made.batches.order_by("position")[0].pk)
    assert claim is not None

    def at(seconds: float, done: int) -> Job:
        with clock.shifted(start + timedelta(seconds=seconds) - clock.now()), fenced_write(claim):
            count_items(claim=claim, done=done)
        return Job.objects.get(pk=made.pk)

    for second in range(10, 110, 10):  # 1 a second
        at(second, 10)
    slow = at(110, 10)
    now = start + timedelta(seconds=110)
    progress = progress_of(slow, now)
    assert progress.rate == pytest.approx(1, rel=0.2) and progress.done == 110
    for second in range(120, 240, 10):  # then 5 a second
        fast = at(second, 50)
    progress = progress_of(fast, start + timedelta(seconds=230))
    assert progress.rate == pytest.approx(5, rel=0.1)
    assert progress.remaining == pytest.approx((1000 - 710) / 5, rel=0.1)
    later = eta_of(progress, start)
    assert later is not None and later > start


def test_progress_costs_one_statement_however_often_it_is_counted(django_assert_num_queries: object) -> None:
    made = job([[*range(9)]])
    claim = claim_batch(batch_id=made.batches.get().pk)
    assert claim is not None
    with django_assert_num_queries(1):  # type: ignore[operator]
        count_items(claim=claim, done=3)
    made.refresh_from_db()
    assert made.items_done == 3 and made.marked_done == 3 and made.before_at is None


def test_the_hands_at_a_job_are_counted_by_what_becomes_of_its_batches() -> None:
    made = job([[1], [2], [3], [4], [5]])
    batches = list(made.batches.order_by("position").values_list("pk", flat=True))
    claims = [claim_batch(batch_id=pk) for pk in batches[:4]]
    assert claims[0] and claims[1]
    finish_batch(claim=claims[0])
    fail_batch(claim=claims[1], error="the definition is away")
    JobBatch.objects.filter(pk=batches[3]).update(lease_until=clock.now() - timedelta(seconds=1))
    hands = hands_of(made, clock.now())
    assert (hands.batches, hands.done, hands.running, hands.waiting, hands.resting) == (5, 1, 1, 2, 1)
    assert hands.workers == 1


def test_a_tally_only_grows() -> None:
    add_to_tally(name="hosts", amounts={"ok": 3, "unknown": 0})
    add_to_tally(name="hosts", amounts={"ok": 2})
    assert list(Tally.objects.values_list("label", "value")) == [("ok", 5)]
