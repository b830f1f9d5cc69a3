"""`/metrics`: what a Prometheus reads, from rows, the same from any process; never a host's name."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from common import clock
from common.models import EventDelivery, JobBatch, OutboxEvent
from common.services.heartbeats import WORKER, Heart
from common.services.jobs import claim_batch, finish_batch
from drift.models import HostScan, Scan, ScanSeen
from drift.services.observations import record_look
from drift.services.scans import finish_scan
from tests.api.client import problem
from tests.definitions import GitFleet, deliver_events
from tests.factories import host, job, person, token
from tests.folding import begin, fixed_by_hand
from tests.services.test_coverage import fleet_of_each

pytestmark = pytest.mark.django_db

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def scrape(accept: str = "", *, scopes: tuple[str, ...] = ("metrics.read",)) -> Any:
    text = token("ana", scopes=scopes)[1]
    return Client().get("/metrics", headers={"Authorization": f"Bearer {text}", "Accept": accept})


def told(response: Any = None) -> Samples:
    response = response or scrape()
    assert response.status_code == 200, response.content
    families = read_text(response.content.decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def one(name: str, **labels: str) -> float:
    return told()[name, tuple(sorted(labels.items()))]


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    fleet = begin(settings, tmp_path)
    fleet.now = clock.now() - timedelta(minutes=20)
    return fleet


def test_nobody_reads_metrics_without_a_token_for_it() -> None:
    problem(Client().get("/metrics"), 401)
    problem(scrape(scopes=("read",)), 403)
    assert scrape().status_code == 200


def test_a_token_for_metrics_opens_nothing_else() -> None:
    text = token("ana", scopes=("metrics.read",))[1]
    problem(Client().get("/api/v1/hosts/", headers={"Authorization": f"Bearer {text}"}), 403)


def test_somebody_signed_in_may_read_them_in_a_browser() -> None:
    browser = Client()
    browser.force_login(person("dee"))
    assert b"foldback_hosts" in browser.get("/metrics", headers={"Accept": "text/html,*/*"}).content


def test_prometheus_understands_every_line_in_both_formats(fleet: GitFleet) -> None:
    fixed_by_hand(fleet)
    plain, open_ = scrape("text/plain"), scrape(OPENMETRICS)
    assert plain.headers["Content-Type"].startswith("text/plain")
    assert open_.headers["Content-Type"].startswith("application/openmetrics-text")
    names = [
        {f.name for f in read_text(plain.content.decode())},
        {f.name for f in read_openmetrics(open_.content.decode())},
    ]
    assert names[0] == names[1] and len(names[0]) == 19
    assert all(name.startswith("foldback_") for name in names[0])
    assert all(f.documentation for f in read_text(plain.content.decode()))


def test_the_table_in_the_documentation_has_every_metric_and_no_other() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text()
    table = "".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `foldback_"))
    families = list(read_text(scrape().content.decode()))
    documented = {re.sub(r"_(total|count|sum)$", "", name) for name in re.findall(r"`(foldback_\w+)", table)}
    assert documented == {family.name for family in families}
    named = set(re.findall(r"foldback_\w+", text.partition("## Watching Foldback")[2]))
    told_names = {sample.name for family in families for sample in family.samples}
    assert named - {family.name for family in families} <= told_names | documented


def test_no_host_is_ever_a_label(fleet: GitFleet) -> None:
    fixed_by_hand(fleet)
    fleet.look()
    text = scrape().content.decode()
    assert not [name for name in fleet.hosts if name in text] and "/etc/" not in text


def test_hosts_are_told_by_coverage_and_the_unreachable_by_reason() -> None:
    fleet_of_each()
    found = told()
    by = {labels[0][1]: value for (name, labels), value in found.items() if name == "foldback_hosts"}
    assert by == {"looked_at": 2, "in_part": 1, "stale": 1, "unreachable": 1, "never": 1}
    assert one("foldback_unreachable_hosts", reason="connection refused") == 1


def test_a_reason_that_is_none_of_ours_is_told_as_other() -> None:
    from drift.models import HostState

    HostState.objects.create(host=host("a"), status="unknown", reason="web-1 says: no")
    assert one("foldback_unreachable_hosts", reason="other") == 1


def looked() -> dict[str, float]:
    found = told().items()
    return {labels[0][1]: value for (name, labels), value in found if name == "foldback_scan_hosts_total"}


def test_looks_are_counted_while_a_scan_runs_and_the_same_when_it_has_ended(fleet: GitFleet) -> None:
    start = looked()
    scan, claim = fleet.claim()
    names = list(fleet.hosts)
    record_look(claim=claim, scan=scan, look=fleet.shown(names[0]), against=fleet.against(names[0]))
    assert looked() == {**start, "ok": start["ok"] + 1}
    lost = fleet.shown(names[1], status="unknown", reason="timed out")
    record_look(claim=claim, scan=scan, look=lost, against=fleet.against(names[1]))
    ScanSeen.objects.create(scan=scan, batch=claim.batch_id, hosts=[fleet.hosts[names[2]].pk], status="ok")
    finish_batch(claim=claim)
    before = looked()
    assert before == {**start, "ok": start["ok"] + 1, "unknown": 1, "unchanged": 1}
    deliver_events()
    ended = Scan.objects.get(pk=scan.pk)
    assert ended.finished_at is not None
    assert looked() == before
    data = {"kind": "scan", "subject_id": str(scan.pk)}
    assert ended.job_id is not None
    finish_scan(event_id=scan.pk, type="job.finished", subject_id=ended.job_id, data=data)
    HostScan.objects.filter(scan=scan).delete()
    ScanSeen.objects.filter(scan=scan).delete()
    assert looked() == before  # what was thrown away was counted, and once
    assert one("foldback_scan_seconds_count", mode=scan.mode) >= 1


def test_verdicts_and_findings_are_told_as_they_stand(fleet: GitFleet) -> None:
    fixed_by_hand(fleet)
    assert one("foldback_findings", state="open") == 1
    assert one("foldback_resources", verdict="drifted") >= 1
    assert one("foldback_resources", verdict="in_sync") >= 1


def test_what_waits_for_a_worker_is_told_with_its_age() -> None:
    made = job([[1], [2], [3]])
    first, second, _ = made.batches.order_by("position").values_list("pk", flat=True)
    claim_batch(batch_id=first)
    soon = clock.now() + timedelta(minutes=1)
    JobBatch.objects.filter(pk=second).update(not_before=soon)
    JobBatch.objects.filter(position=2).update(created_at=clock.now() - timedelta(minutes=5))
    states = [one("foldback_batches", state=state) for state in ("waiting", "running", "resting")]
    assert states == [1, 1, 1]
    assert 300 <= one("foldback_oldest_waiting_batch_seconds") < 330
    assert 300 <= one("foldback_relay_lag_seconds") < 330
    JobBatch.objects.update(announced_at=clock.now())
    assert one("foldback_relay_lag_seconds") == 0
    assert one("foldback_jobs", kind="scan", state="running") == 1
    JobBatch.objects.update(state="done")
    assert one("foldback_oldest_waiting_batch_seconds") == 0


def test_events_that_wait_and_that_were_set_aside_are_told() -> None:
    event = OutboxEvent.objects.create(type="tea.ready", subject_id=person("ana").pk)
    old = clock.now() - timedelta(minutes=2)
    EventDelivery.objects.bulk_create(
        [
            EventDelivery(event=event, consumer="a", created_at=old, announced_at=old),
            EventDelivery(event=event, consumer="b", not_before=clock.now() + timedelta(minutes=5)),
            EventDelivery(event=event, consumer="c", set_aside_at=clock.now()),
            EventDelivery(event=event, consumer="d", done_at=clock.now()),
        ]
    )
    states = [one("foldback_event_deliveries", state=state) for state in ("waiting", "resting", "set_aside")]
    assert states == [1, 1, 1]
    assert 120 <= one("foldback_oldest_waiting_event_seconds") < 150


def test_who_is_alive_is_told() -> None:
    Heart(WORKER).beat()
    assert one("foldback_processes", process="worker") == 1
    assert one("foldback_processes", process="relay") == 0
    assert one("foldback_processes_resident_bytes", process="worker") > 1_000_000


def test_a_scrape_takes_the_same_few_statements_for_any_fleet(fleet: GitFleet) -> None:
    text = token("ana", scopes=("metrics.read",))[1]
    ask = {"Authorization": f"Bearer {text}"}

    def statements() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert Client().get("/metrics", headers=ask).status_code == 200
        return len(caught)

    statements()
    few = statements()
    for number in range(20):
        host(f"db-{number}")
    fleet.look()
    job([[1]] * 20)
    assert statements() == few <= 15
