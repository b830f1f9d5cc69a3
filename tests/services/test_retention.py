"""What is old goes by policy; what is stored by its content goes when nothing refers to it, and never before."""

from datetime import timedelta

import pytest
from django.conf import settings as configured

from common import clock
from deployments.core.states import Present, State
from drift.models import (
    Blob,
    Chunk,
    ChunkGroup,
    HostHistory,
    HostScan,
    HostState,
    Manifest,
    Occurrence,
    Scan,
    ScanSeen,
)
from drift.queries.reports import drift_report
from drift.services.manifests import load_states, store_manifest, store_text
from drift.services.retention import GRACE, purge, purge_old_looks, purge_unreferenced
from drift.services.scans import summarise_scan
from drift.tasks import purge_task
from tests.factories import host
from tests.looks import Fleet

pytestmark = pytest.mark.django_db
FILES = {"base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n'}
DAY = timedelta(days=1)


def states(mode: str = "0644") -> dict[str, State]:
    return {f"file:/etc/{n}": Present({"type": "file", "mode": mode}) for n in range(20)}


def stored() -> tuple[int, int, int]:
    return Manifest.objects.count(), ChunkGroup.objects.count(), Chunk.objects.count()


def test_what_nothing_refers_to_is_marked_and_goes_a_day_later() -> None:
    store_manifest(states())
    before, now = stored(), clock.now()
    assert purge_unreferenced(now=now)["manifest"] == 0 and stored() == before
    assert purge_unreferenced(now=now + GRACE / 2)["manifest"] == 0 and stored() == before
    # The group is known to be free once its manifest is gone, and the chunks once the group is.
    for days in (1, 2, 3):
        purge_unreferenced(now=now + days * GRACE)
    assert stored() == (0, 0, 0)


def test_what_is_taken_up_again_loses_its_mark_and_stays() -> None:
    now = clock.now()
    first = store_manifest(states())
    purge_unreferenced(now=now)
    assert Manifest.objects.get().unreferenced_at == now
    assert store_manifest(states()).digest == first.digest
    assert Manifest.objects.get().unreferenced_at is None
    purge_unreferenced(now=now + GRACE)
    assert load_states(Manifest.objects.get()) == states()


def test_a_chunk_whose_manifest_is_gone_stays_for_another_that_takes_it_up() -> None:
    now = clock.now()
    store_manifest(states())
    for days in (0, 1):
        purge_unreferenced(now=now + days * GRACE)
    assert stored()[0] == 0 and stored()[2] > 0
    purge_unreferenced(now=now + 1.5 * GRACE)  # group and chunks are marked
    other = store_manifest({**states(), "package:nginx": Present({"version": "1"})})
    HostState.objects.create(host=host("web-1"), status="ok", base=other)
    for days in (2, 3, 4, 5):
        purge_unreferenced(now=now + days * GRACE)
    assert load_states(Manifest.objects.get()) == {**states(), "package:nginx": Present({"version": "1"})}
    assert not Chunk.objects.exclude(unreferenced_at=None).exists()


def test_base_observed_history_and_open_occurrences_keep_what_they_need() -> None:
    fleet = Fleet(FILES, [host("web-1")])
    fleet.look()
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    fleet.look()
    before = (stored(), Blob.objects.count())
    assert before[1] > 0
    store_text("ab" * 32, "nobody's", redactions=0)
    store_manifest(states())
    for days in range(6):
        purge(now=clock.now() + days * GRACE)
    assert (stored(), Blob.objects.count()) == before
    state = HostState.objects.get()
    assert load_states(state.base) != load_states(state.observed) != {}
    assert {
        occurrence.live["data"]["sha256"] for occurrence in Occurrence.objects.filter(ended_at=None)
    } <= set(Blob.objects.values_list("pk", flat=True))


def test_of_old_history_the_row_that_was_true_at_the_limit_stays() -> None:
    now, web = clock.now(), host("web-1")
    manifest = store_manifest(states())
    kept = timedelta(days=configured.HISTORY_DAYS)
    ages = [3 * kept, 2 * kept, kept + DAY, kept - DAY, DAY]
    for age in ages:
        HostHistory.objects.create(host=web, manifest=manifest, seen_at=now - age)
    other = HostHistory.objects.create(host=host("web-2"), manifest=manifest, seen_at=now - 3 * kept)
    assert purge_old_looks(now=now)["history"] == 2
    left = HostHistory.objects.filter(host=web).order_by("seen_at")
    assert [row.seen_at for row in left] == [now - age for age in ages[2:]]
    assert HostHistory.objects.filter(pk=other.pk).exists(), "it is how that host still is"


def test_rows_of_an_old_scan_go_together_and_its_report_says_so() -> None:
    fleet = Fleet(FILES, [host("web-1"), host("web-2")])
    fleet.look()
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    scan = fleet.look()
    assert drift_report(scan).rows and not drift_report(scan).purged
    ScanSeen.objects.create(scan=scan, batch=scan.pk, hosts=[], status="ok")
    running = Scan.objects.exclude(pk=scan.pk).get()
    Scan.objects.filter(pk=running.pk).update(finished_at=None)
    Scan.objects.filter(pk=scan.pk).update(
        finished_at=clock.now() - timedelta(days=configured.LOOKS_DAYS + 1), counts=summarise_scan(scan)
    )
    gone = purge_old_looks(now=clock.now())
    assert (gone["host_scans"], gone["seen"]) == (2, 1)
    assert set(HostScan.objects.values_list("scan", flat=True)) == {running.pk}
    scan.refresh_from_db()
    report = drift_report(scan)
    assert not report.rows and report.purged
    assert not drift_report(running).purged


def test_the_clock_has_it_done() -> None:
    assert configured.CELERY_BEAT_SCHEDULE["purge"]["task"] == purge_task.name
    purge_task()
