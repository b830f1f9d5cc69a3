"""Looks that are due: started once a slot, caught up once, none beside one that still runs, and each told."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as configured

from common import clock
from common.core.errors import Conflict, NotPermitted
from common.models import Job, JobBatch, LedgerEntry, OutboxEvent
from common.services.jobs import cancel_job, claim_batch, fail_batch, finish_batch
from drift.core.schedule import DEEP, QUICK, last_slot, next_slot
from drift.models import HostScan, Scan, ScanPolicy, ScanSeen, ScanSlot
from drift.queries.scan_policies import plan_of
from drift.services.scan_policies import update_scan_policy
from drift.services.schedules import MOST_FORGOTTEN, forget_old_looks, run_policy, start_due_scans
from drift.tasks import forget_old_looks_task, start_due_scans_task
from inventory.models import Host
from tests.definitions import deliver_events
from tests.factories import acting, host
from tests.services.test_scan_policies import DAY, HOUR, MINUTE, policy

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def hosts() -> list[Host]:
    return [host("web-1"), host("web-2"), host("db-1", host_roles=["db"])]


def after(start: datetime, seconds: float) -> datetime:
    return start + timedelta(seconds=seconds)


def first_slot(of: ScanPolicy, mode: str = QUICK) -> datetime:
    return next_slot(plan_of(of), mode, of.since)


def told(of: ScanPolicy) -> list[tuple[str, str]]:
    slots = ScanSlot.objects.filter(policy=of).order_by("starts_at", "mode")
    return list(slots.values_list("mode", "outcome"))


def end(scan: Scan) -> None:
    """A worker does it."""
    for batch in JobBatch.objects.filter(job=scan.job_id, state="pending"):
        claim = claim_batch(batch_id=batch.pk)
        assert claim is not None
        finish_batch(claim=claim)
    deliver_events()


def end_all() -> None:
    for scan in Scan.objects.filter(finished_at=None):
        end(scan)


# ---- a slot


def test_nothing_is_due_before_the_first_slot_and_nothing_is_written() -> None:
    made = policy()
    assert start_due_scans(now=clock.now()) == 0
    assert start_due_scans(now=after(first_slot(made), -1)) == 0
    assert not Scan.objects.exists() and not ScanSlot.objects.exists()


def test_a_due_slot_starts_a_scan_of_the_hosts_that_are_named_now(hosts: list[Host]) -> None:
    made = policy(selector="role=web", deep_every=None)
    new = host("web-3")
    assert start_due_scans(now=first_slot(made)) == 1
    scan, slot = Scan.objects.get(), ScanSlot.objects.get()
    assert (scan.purpose, scan.mode, scan.policy, scan.selector) == ("scheduled", "quick", made, "role=web")
    assert set(scan.hosts) == {hosts[0].pk, hosts[1].pk, new.pk}
    assert scan.job is not None and scan.job.state == "queued" and scan.job.items_total == 3
    assert scan.requested_by == "foldback"
    assert (slot.starts_at, slot.outcome, slot.scan, slot.missed) == (first_slot(made), "started", scan, 0)


def test_a_slot_is_started_once_however_often_it_is_asked() -> None:
    made = policy()
    now = first_slot(made)
    assert [start_due_scans(now=after(now, seconds)) for seconds in (0, 0, 5, 10, 59)] == [1, 0, 0, 0, 0]
    end_all()
    assert start_due_scans(now=after(now, 60)) == 1


def test_the_task_of_beat_asks_by_the_clock() -> None:
    made = policy()
    with clock.shifted(first_slot(made) - clock.now()):
        start_due_scans_task()
    assert Scan.objects.count() == 1
    entry = configured.CELERY_BEAT_SCHEDULE["start-due-scans"]
    assert (entry["task"], entry["schedule"]) == (start_due_scans_task.name, 5.0)
    assert configured.CELERY_BEAT_SCHEDULE["forget-old-looks"]["task"] == forget_old_looks_task.name


def test_a_disabled_policy_starts_nothing_and_owes_nothing_when_it_is_enabled_again() -> None:
    made = policy()
    update_scan_policy(actor=acting("ben"), policy=made, changes={"enabled": False})
    assert start_due_scans(now=after(first_slot(made), 3 * HOUR)) == 0
    with clock.shifted(timedelta(hours=3)):
        update_scan_policy(actor=acting("ben"), policy=made, changes={"enabled": True})
        assert start_due_scans(now=clock.now()) == 0
        assert start_due_scans(now=first_slot(made)) == 1
    assert ScanSlot.objects.get().missed == 0


# ---- missed, piled up, replaced


def test_ten_minutes_without_beat_are_caught_up_by_one_scan() -> None:
    made = policy(deep_every=None)
    now = first_slot(made)
    start_due_scans(now=now)
    end_all()
    assert start_due_scans(now=after(now, 600)) == 1
    assert [start_due_scans(now=after(now, 600 + seconds)) for seconds in (5, 30, 59)] == [0, 0, 0]
    late = ScanSlot.objects.latest("starts_at")
    assert (late.starts_at, late.missed) == (after(now, 600), 9)
    assert ScanSlot.objects.count() == 2
    end_all()
    assert start_due_scans(now=after(now, 660)) == 1 and ScanSlot.objects.latest("starts_at").missed == 0


def test_a_deep_slot_that_was_missed_is_caught_up_hours_later() -> None:
    made = policy(quick_every=None)
    assert start_due_scans(now=after(first_slot(made, DEEP), 5 * HOUR)) == 1
    assert Scan.objects.get().mode == "deep"


def test_none_is_started_beside_one_of_its_mode_that_runs_and_the_slot_says_which() -> None:
    made = policy(deep_every=None)
    now = first_slot(made)
    start_due_scans(now=now)
    running = Scan.objects.get()
    assert start_due_scans(now=after(now, 60)) == start_due_scans(now=after(now, 120)) == 0
    assert told(made) == [("quick", "started"), ("quick", "skipped"), ("quick", "skipped")]
    assert ScanSlot.objects.latest("starts_at").reason == f"{running} was still running."
    end(running)
    assert start_due_scans(now=after(now, 150)) == 0, "the slot that was skipped is not made up for"
    assert start_due_scans(now=after(now, 180)) == 1


def test_a_scan_that_was_cancelled_or_failed_holds_up_nobody() -> None:
    made = policy(deep_every=None)
    now = first_slot(made)
    start_due_scans(now=now)
    job = Job.objects.get()
    cancel_job(actor=acting("ana"), job=job)
    assert start_due_scans(now=after(now, 60)) == 1, "its counts are not even written down yet"
    batch = JobBatch.objects.get(state="pending")
    claim = claim_batch(batch_id=batch.pk)
    assert claim is not None
    fail_batch(claim=claim, error="no definition", final=True)
    assert start_due_scans(now=after(now, 120)) == 1


def test_a_deep_look_replaces_the_quick_one_that_is_due_with_it() -> None:
    made = policy()
    now = first_slot(made, DEEP)
    assert last_slot(plan_of(made), QUICK, now) == now
    assert start_due_scans(now=now) == 1
    assert Scan.objects.get().mode == "deep"
    assert told(made) == [("deep", "started"), ("quick", "replaced")]
    assert start_due_scans(now=after(now, 60)) == 1, (
        "a deep look that runs does not keep quick ones from running"
    )
    assert Scan.objects.latest("number").mode == "quick"


def test_other_policies_go_on_when_one_names_no_host_or_can_not_be_read() -> None:
    nobody, broken, sound = policy("a", "role=to-come"), policy("b"), policy("c")
    ScanPolicy.objects.filter(pk=broken.pk).update(selector="colour=red")
    now = after(clock.now(), 2 * DAY)
    assert start_due_scans(now=now) == 1
    assert Scan.objects.get().policy == sound
    for failed, why in ((nobody, "No active host matches role=to-come"), (broken, "'colour' is not a key")):
        assert told(failed) == [("quick", "failed"), ("deep", "failed")] or told(failed) == [
            ("deep", "failed"),
            ("quick", "failed"),
        ]
        assert all(why in slot.reason for slot in ScanSlot.objects.filter(policy=failed))
    assert start_due_scans(now=now) == 0, "what failed is not tried again before the next slot"
    host("new-1", host_roles=["to-come"])
    assert start_due_scans(now=after(now, 60)) >= 1
    assert Scan.objects.filter(policy=nobody).count() == 1


def test_other_policies_go_on_when_one_fails_in_a_way_nobody_thought_of(monkeypatch: Any) -> None:
    from drift.services import schedules

    first, second = policy("a"), policy("b")
    real = schedules.create_scan

    def create(**fields: Any) -> Scan:
        if fields["policy"] == first:
            raise RuntimeError("nobody thought of it")
        return real(**fields)

    monkeypatch.setattr(schedules, "create_scan", create)
    now = after(clock.now(), 2 * MINUTE)
    assert start_due_scans(now=now) == 1
    assert told(first) == [] and Scan.objects.get().policy == second
    monkeypatch.undo()
    assert start_due_scans(now=now) == 1, "nothing of it was written, so it is tried again"


def test_a_clock_that_ran_ahead_does_not_hold_up_what_is_due() -> None:
    made = policy(deep_every=None)
    now = first_slot(made)
    start_due_scans(now=after(now, 30 * DAY))
    end_all()
    assert start_due_scans(now=now) == 1


def test_when_nothing_is_due_two_queries_are_all(django_assert_num_queries: Any) -> None:
    for number in range(5):
        policy(f"p-{number}", quick_every=None)
    with django_assert_num_queries(2):
        start_due_scans(now=clock.now())
    ScanPolicy.objects.update(enabled=False)
    with django_assert_num_queries(1):
        start_due_scans(now=clock.now())


# ---- the ledger


def test_quick_looks_of_a_schedule_are_no_ledger_entries_and_deep_ones_are() -> None:
    made = policy()
    before = LedgerEntry.objects.count()
    now = first_slot(made, DEEP)
    for minute in (-3, -2, -1):
        assert start_due_scans(now=after(now, 60 * minute)) == 1
        end_all()
    assert LedgerEntry.objects.count() == before
    assert Scan.objects.exclude(finished_at=None).count() == 3
    start_due_scans(now=now)
    end_all()
    acts = set(LedgerEntry.objects.values_list("action", flat=True)[before:])
    assert {"scan.started", "scan.finished", "job.created", "job.finished"} <= acts


def test_a_quick_look_that_fails_or_is_stopped_is_in_the_ledger() -> None:
    made = policy(deep_every=None)
    start_due_scans(now=first_slot(made))
    claim = claim_batch(batch_id=JobBatch.objects.get().pk)
    assert claim is not None
    fail_batch(claim=claim, error="no definition", final=True)
    start_due_scans(now=after(first_slot(made), 60))
    cancel_job(actor=acting("ana"), job=Job.objects.get(state="queued"))
    acts = list(LedgerEntry.objects.filter(action__startswith="job.").values_list("action", flat=True))
    assert sorted(acts) == ["job.batch_set_aside", "job.cancelled", "job.failed"]


# ---- at somebody's wish


def test_somebody_has_a_policy_looked_at_now_and_its_due_times_stay() -> None:
    made = policy(selector="role=web", enabled=False)
    scan = run_policy(actor=acting("ana"), policy=made, mode="deep")
    assert (scan.purpose, scan.policy, scan.mode, scan.requested_by) == ("requested", made, "deep", "ana")
    assert not ScanSlot.objects.exists()
    assert LedgerEntry.objects.filter(action="scan.started", actor_label="ana").exists()


def test_no_second_one_beside_one_that_runs_at_somebodys_wish_either() -> None:
    made = policy(deep_every=None)
    start_due_scans(now=first_slot(made))
    with pytest.raises(Conflict, match="a quick look of production, is still running"):
        run_policy(actor=acting("ana"), policy=made, mode="quick")
    end_all()
    wished = run_policy(actor=acting("ana"), policy=made, mode="quick")
    assert start_due_scans(now=after(first_slot(made), 60)) == 0
    assert ScanSlot.objects.latest("starts_at").reason == f"{wished} was still running."


def test_an_auditor_has_nothing_looked_at() -> None:
    with pytest.raises(NotPermitted):
        run_policy(actor=acting("dee"), policy=policy(), mode="quick")


# ---- forgetting


def test_old_quick_scans_of_schedules_are_forgotten_and_the_others_stay() -> None:
    made = policy()
    wished = run_policy(actor=acting("ana"), policy=made, mode="quick")
    end(wished)
    now = first_slot(made, DEEP)
    for seconds in (-60, 0):
        start_due_scans(now=after(now, seconds))
        end_all()
    deep = Scan.objects.get(mode="deep")
    quick = Scan.objects.get(purpose="scheduled", mode="quick")
    ScanSeen.objects.create(scan=quick, batch=quick.pk, hosts=quick.hosts, status="ok")
    HostScan.objects.create(scan=quick, host=Host.objects.get(name="db-1"), status="ok")
    assert forget_old_looks(now=clock.now() + timedelta(days=configured.QUICK_SCANS_DAYS - 1)) == 0
    assert forget_old_looks(now=clock.now() + timedelta(days=configured.QUICK_SCANS_DAYS + 1)) == 1
    assert set(Scan.objects.all()) == {wished, deep}
    assert set(Job.objects.all()) == {wished.job, deep.job}
    assert set(OutboxEvent.objects.values_list("subject_id", flat=True)) == {wished.job_id, deep.job_id}
    slot = ScanSlot.objects.get(mode="quick", starts_at=after(now, -60))
    assert (slot.outcome, slot.scan) == ("started", None)


def test_a_scan_that_is_not_over_is_not_forgotten() -> None:
    made = policy()
    start_due_scans(now=first_slot(made))
    assert forget_old_looks(now=clock.now() + timedelta(days=800)) == 0 and Scan.objects.count() == 1


def test_old_slots_are_forgotten_but_never_the_latest_of_a_mode() -> None:
    made = policy(deep_every=40 * DAY)
    now = first_slot(made, DEEP)
    for seconds in (-120, -60, 0):
        start_due_scans(now=after(now, seconds))
        end_all()
    assert ScanSlot.objects.count() == 4
    month = after(now, 31 * DAY)
    forget_old_looks(now=month)
    assert sorted(told(made)) == [("deep", "started"), ("quick", "replaced")]
    start_due_scans(now=month)
    assert Scan.objects.filter(mode="deep").count() == 1, "the deep slot is known to be dealt with"
    assert MOST_FORGOTTEN >= 60, "an hour of quick looks, one a minute, is forgotten in an hour"
