"""Quick scans: what had not moved is written down as seen, and nothing that it does not say is said."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from common import clock
from common.models import JobBatch
from common.services.jobs import LostLease, claim_batch
from deployments.services.deployments import report_deployment
from drift.models import (
    Finding,
    HostHistory,
    HostMemory,
    HostScan,
    HostState,
    Occurrence,
    ResourceVerdict,
    Scan,
    ScanHost,
    ScanSeen,
)
from drift.queries.reports import drift_report
from drift.services import scan_batches
from drift.services.memories import known_of
from drift.services.scan_batches import run_scan_batch
from drift.services.scans import PROOF, summarise_scan
from drift.services.seen import Seen, record_seen
from inventory.models import Host
from inventory.services.host_life import mark_reimaged
from inventory.services.hosts import decommission_host, update_host
from tests.definitions import Repository, StillHeld, path_settings, work
from tests.factories import acting, host
from tests.quick_fleet import QuickFleet

pytestmark = pytest.mark.django_db

FILES = {
    "definition.yaml": "format: 1\n",
    "base/resources.yaml": (
        'files:\n  /etc/motd: {content: "hello\\n"}\n  /etc/app: {template: app.j2}\n'
        'directories:\n  /etc/d: {exhaustive: true}\npackages:\n  nginx: {version: "1.22"}\n'
    ),
    "base/templates/app.j2": "# {{ host.name }}\nlimit 10\n",
}


@pytest.fixture
def repository(settings: Any, tmp_path: Path) -> Repository:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    return Repository(FILES)


@pytest.fixture
def fleet(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> QuickFleet:
    """web-1 … web-4, as defined, looked at once."""
    fleet = QuickFleet(monkeypatch, [host(f"web-{n}") for n in range(1, 5)])
    for name in fleet.hosts:
        fleet.write(name, "/etc/motd", "hello\n")
        fleet.write(name, "/etc/app", f"# {name}\nlimit 10\n")
    fleet.scan()
    return fleet


def listed(scan: Scan) -> dict[str, tuple[str, str, bool]]:
    rows = ScanHost.objects.filter(scan=scan).values_list("host__name", "status", "reason", "unmoved")
    return {name: tuple(rest) for name, *rest in rows}  # type: ignore[misc]


def test_a_fleet_that_has_not_moved_is_one_row_and_is_listed_host_by_host(fleet: QuickFleet) -> None:
    before = dict(HostState.objects.values_list("host__name", "observed_at"))
    history = HostHistory.objects.count()
    scan = fleet.scan()
    assert all(
        fleet.asked(name) == {"about", "names", "dirs", "list", "tree", "packages"} for name in fleet.hosts
    )
    assert not HostScan.objects.filter(scan=scan).exists()
    assert ScanSeen.objects.get(scan=scan).counts == HostState.objects.first().counts  # type: ignore[union-attr]
    assert listed(scan) == dict.fromkeys(fleet.hosts, ("ok", "", True))
    assert HostHistory.objects.count() == history
    for state in HostState.objects.select_related("host"):
        assert (state.status, state.tried_at) == ("ok", state.observed_at)
        assert state.observed_at is not None and state.observed_at > before[state.host.name]  # type: ignore[operator]
    summary = summarise_scan(scan)
    assert summary["hosts"] == {
        "ok": 4, "partial": 0, "overtaken": 0, "unknown": 0, "total": 4, "not_tried": 0,
    }  # fmt: skip
    assert summary["unchanged"] == 4
    assert summary["resources"]["in sync"] == 4 * ScanSeen.objects.get(scan=scan).counts["in sync"]
    scan.job.refresh_from_db()  # type: ignore[union-attr]
    assert (scan.job.items_done, scan.job.state) == (4, "done")  # type: ignore[union-attr]


def test_what_moved_on_one_host_is_found_there_and_the_others_are_only_seen(fleet: QuickFleet) -> None:
    fleet.write("web-2", "/etc/motd", "by hand\n")
    scan = fleet.scan()
    assert "hash" in fleet.asked("web-2") and "hash" not in fleet.asked("web-1")
    assert ("packages" in fleet.asked("web-2")) and len(fleet.logins) == 4
    assert {name for name, (_, _, unmoved) in listed(scan).items() if unmoved} == {"web-1", "web-3", "web-4"}
    occurrence = Occurrence.objects.get()
    assert (occurrence.host.name, occurrence.verdict) == ("web-2", "drifted")
    assert occurrence.finding.change["hunks"] == [{"removed": ["hello\n"], "added": ["by hand\n"]}]


def test_what_was_found_and_is_still_there_is_seen_again_and_in_the_report(fleet: QuickFleet) -> None:
    fleet.write("web-2", "/etc/motd", "by hand\n")
    fleet.scan()
    before = Occurrence.objects.get()
    scan = fleet.scan()
    assert "hash" not in fleet.asked("web-2")
    row = HostScan.objects.get(scan=scan)
    assert (row.host.name, row.status, row.unmoved, row.counts["drifted"]) == ("web-2", "ok", True, 1)
    after, state = Occurrence.objects.get(), HostState.objects.get(host__name="web-2")
    assert after.last_seen_at == after.finding.last_seen_at == state.observed_at > before.last_seen_at
    assert (after.evidence, after.live, after.first_seen_at) == (
        before.evidence,
        before.live,
        before.first_seen_at,
    )
    assert [(each.host, each.resource) for each in drift_report(scan).rows] == [("web-2", "file:/etc/motd")]
    assert sum(group.hosts.__len__() for group in ScanSeen.objects.filter(scan=scan)) == 3


def test_what_was_put_back_has_vanished_and_the_next_look_has_nothing_to_say(fleet: QuickFleet) -> None:
    fleet.write("web-2", "/etc/motd", "by hand\n")
    fleet.scan()
    fleet.write("web-2", "/etc/motd", "hello\n")
    fleet.scan()
    assert Finding.objects.get().state == "vanished"
    scan = fleet.scan()
    assert ScanSeen.objects.get(scan=scan).hosts.__len__() == 4


def test_a_host_that_could_be_seen_in_part_stays_seen_in_part(fleet: QuickFleet) -> None:
    fleet.fakes["web-3"].denied.add(b"/etc/motd")
    fleet.later()
    assert listed(fleet.scan())["web-3"][:2] == ("partial", "denied")
    scan = fleet.scan()
    assert listed(scan)["web-3"] == ("partial", "denied", True)
    assert HostState.objects.get(host__name="web-3").status == "partial"
    assert summarise_scan(scan)["hosts"]["partial"] == 1
    assert [look.host.name for look in drift_report(scan).not_seen] == ["web-3"]
    assert ResourceVerdict.objects.get(host__name="web-3").verdict == "unknown"


def test_a_host_that_is_back_is_as_it_was_when_it_was_last_really_seen(fleet: QuickFleet) -> None:
    fleet.fakes["web-3"].denied.add(b"/etc/motd")
    fleet.scan()
    fleet.away = {"web-3": "authentication failed", "web-4": "authentication failed"}
    scan = fleet.scan()
    assert listed(scan)["web-4"] == ("unknown", "authentication failed", False)
    assert HostState.objects.get(host__name="web-4").status == "unknown"
    assert summarise_scan(scan)["reasons"] == {"authentication failed": 2}
    fleet.away = {}
    scan = fleet.scan()
    assert listed(scan)["web-3"] == ("partial", "denied", True)
    assert listed(scan)["web-4"] == ("ok", "", True)
    assert set(HostState.objects.values_list("host__name", "status", "reason")) == {
        ("web-1", "ok", ""), ("web-2", "ok", ""), ("web-3", "partial", "denied"), ("web-4", "ok", ""),
    }  # fmt: skip


def test_an_answer_that_is_cut_short_says_nothing(fleet: QuickFleet) -> None:
    before = HostState.objects.get(host__name="web-1").observed_at
    fleet.cut = {"web-1": 60}
    scan = fleet.scan("name=web-1")
    assert listed(scan)["web-1"] == ("unknown", "connection lost", False)
    state = HostState.objects.get(host__name="web-1")
    assert (state.status, state.observed_at) == ("unknown", before)
    assert not ScanSeen.objects.filter(scan=scan).exists()


def test_a_definition_that_moved_is_compared_with_what_is_remembered(
    fleet: QuickFleet, repository: Repository
) -> None:
    repository.replace("base/resources.yaml", "hello", "welcome")
    scan = fleet.scan()
    assert all("hash" not in fleet.asked(name) for name in fleet.hosts)
    assert set(ResourceVerdict.objects.values_list("resource", "verdict")) == {("file:/etc/motd", "pending")}
    assert set(HostState.objects.values_list("revision", flat=True)) == {repository.head}
    assert set(listed(scan).values()) == {("ok", "", True)}
    again = fleet.scan()
    assert not HostScan.objects.filter(scan=again).exists()
    assert summarise_scan(again)["resources"]["pending"] == 4
    for name in fleet.hosts:
        fleet.write(name, "/etc/motd", "welcome\n")
    fleet.scan()
    assert not ResourceVerdict.objects.exists() and not Finding.objects.exists()


def test_a_definition_that_says_nothing_new_of_these_hosts_is_compared_with_all_of_them_at_once(
    fleet: QuickFleet, repository: Repository
) -> None:
    fleet.scan()
    repository.commit({"roles/other/resources.yaml": "packages:\n  vim: {}\n"})
    scan = fleet.scan()
    assert not HostScan.objects.filter(scan=scan).exists()
    assert set(HostState.objects.values_list("revision", flat=True)) == {repository.head}
    assert ScanSeen.objects.get(scan=scan).revision == repository.head


def test_a_host_whose_own_values_moved_is_judged_anew(fleet: QuickFleet) -> None:
    web = Host.objects.get(name="web-1")
    Host.objects.filter(pk=web.pk).update(name="web-1b")  # which a template says
    fleet.hosts["web-1b"], fleet.fakes["web-1b"] = web, fleet.fakes.pop("web-1")
    revision = HostState.objects.get(host=web).revision
    Host.objects.filter(pk=web.pk).update(version=F("version") + 1)
    assert not known_of([web.pk])[web.pk].is_judged_by(Host.objects.get(pk=web.pk), revision)
    scan = fleet.scan()
    row = HostScan.objects.get(scan=scan)
    assert (row.host_id, row.unmoved, row.counts["pending"]) == (web.pk, True, 1)
    assert known_of([web.pk])[web.pk].is_judged_by(Host.objects.get(pk=web.pk), revision)
    assert not HostScan.objects.filter(scan=fleet.scan()).exists()


def test_facts_that_a_look_brings_and_no_template_uses_are_no_reason_to_judge_anew(fleet: QuickFleet) -> None:
    assert Host.objects.get(name="web-1").facts["os_id"] == "debian"
    assert not HostScan.objects.filter(scan=fleet.scan()).exists()


def test_what_memory_would_find_first_is_looked_at_first(fleet: QuickFleet, repository: Repository) -> None:
    """Somebody says that a revision was pushed, and it was not: its text was never fetched."""
    later = repository.replace("base/resources.yaml", "hello", "welcome")
    report_deployment(actor=acting("ben"), revision=later, hosts=["web-1"], deployed_at=clock.now())
    work("move-base")
    scan = fleet.scan("name=web-1")
    assert "read" in fleet.asked("web-1")
    assert fleet.logins == ["web-1", "web-1"]
    assert Finding.objects.get().change["hunks"] == [{"removed": ["welcome\n"], "added": ["hello\n"]}]
    assert listed(scan) == {"web-1": ("ok", "", False)}
    assert scan.job is not None and JobBatch.objects.get(job=scan.job).job.items_done == 1


def test_a_host_that_is_installed_anew_is_not_remembered(fleet: QuickFleet) -> None:
    mark_reimaged(actor=acting("cy"), host=Host.objects.get(name="web-1"))
    work()
    assert not HostMemory.objects.filter(host__name="web-1").exists()
    scan = fleet.scan()
    assert "hash" in fleet.asked("web-1")
    assert listed(scan)["web-1"] == ("ok", "", False)


def test_only_a_deep_scan_finds_what_left_no_trace_in_the_times(fleet: QuickFleet) -> None:
    node = fleet.fakes["web-1"].nodes[b"/etc/motd"]
    node.content = b"hallo\n"  # as long, and nothing else moved
    assert listed(fleet.scan())["web-1"] == ("ok", "", True)
    assert not Finding.objects.exists()
    scan = fleet.scan(mode="deep")
    assert Occurrence.objects.get().host.name == "web-1"
    assert {name for name, (_, _, unmoved) in listed(scan).items() if not unmoved} == {"web-1"}
    assert all("hash" in fleet.asked(name) for name in fleet.hosts)


def test_proof_takes_a_look_in_full_at_whoever_has_a_finding(fleet: QuickFleet) -> None:
    fleet.write("web-2", "/etc/motd", "by hand\n")
    fleet.scan()
    fleet.scan(purpose=PROOF)
    assert "hash" in fleet.asked("web-2") and "hash" not in fleet.asked("web-1")


# --- what moves between the look and its record ------------------------------------------------------------------------


def seen(*names: str) -> list[Seen]:
    """What these hosts said a moment ago."""
    hosts = {each.pk: each for each in Host.objects.filter(name__in=names)}
    known = known_of(list(hosts))
    return [Seen(each, known[pk], clock.now(), 0.1) for pk, each in hosts.items()]


def left(fleet: QuickFleet, told: list[Seen]) -> set[str]:
    scan, claim = fleet.claim()
    return {one.host.name for one in record_seen(claim=claim, scan=scan, seen=told, revision="r")}


def test_whatever_moved_meanwhile_is_not_said_to_be_as_it_was(
    fleet: QuickFleet, repository: Repository
) -> None:
    fleet.write("web-4", "/etc/motd", "by hand\n")
    fleet.scan()
    told = seen("web-1", "web-2", "web-3", "web-4")
    assert left(fleet, told) == set()
    update_host(actor=acting("ben"), host=Host.objects.get(name="web-1"), changes={"roles": ["db"]})
    assert left(fleet, told) == {"web-1"}
    decommission_host(actor=acting("cy"), host=Host.objects.get(name="web-2"))
    assert left(fleet, told) == {"web-1", "web-2"}
    report_deployment(actor=acting("ben"), revision=repository.head, hosts=["web-3"], deployed_at=clock.now())
    assert left(fleet, told) == {"web-1", "web-2", "web-3"}
    HostState.objects.filter(host__name="web-4").update(tried_at=clock.now())
    assert left(fleet, told) == {"web-1", "web-2", "web-3", "web-4"}


def test_a_finding_that_waits_is_judged_by_a_look_of_its_own(fleet: QuickFleet) -> None:
    fleet.write("web-4", "/etc/motd", "by hand\n")
    fleet.scan()
    Occurrence.objects.update(verdict="pending")
    assert left(fleet, seen("web-4")) == {"web-4"}
    Occurrence.objects.update(verdict="drifted", last_seen_at=clock.now() - timedelta(hours=1))
    assert left(fleet, seen("web-4")) == {"web-4"}


def test_a_later_look_takes_the_place_of_one_that_is_recorded_late(fleet: QuickFleet) -> None:
    told = seen("web-1")
    fleet.scan("name=web-1")
    assert left(fleet, told) == {"web-1"}


def test_what_another_scan_has_remembered_meanwhile_is_no_proof_of_what_was_known_before(
    fleet: QuickFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def known_and_then_overtaken(hosts: Any) -> Any:
        known = known_of(hosts)
        monkeypatch.setattr(scan_batches, "known_of", known_of)
        fleet.write("web-1", "/etc/motd", "by hand\n")
        fleet.scan()  # finds it, and remembers the file as it is now
        fleet.later()
        return known

    monkeypatch.setattr(scan_batches, "known_of", known_and_then_overtaken)
    scan = fleet.scan()
    assert summarise_scan(scan)["resources"]["drifted"] == 1
    assert Occurrence.objects.get(host__name="web-1").ended_at is None


def test_hosts_that_move_meanwhile_are_judged_one_by_one(
    fleet: QuickFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = scan_batches.record_seen

    def moved_before(**what: Any) -> Any:
        update_host(actor=acting("ben"), host=Host.objects.get(name="web-1"), changes={"roles": ["db"]})
        return real(**what)

    monkeypatch.setattr(scan_batches, "record_seen", moved_before)
    scan = fleet.scan()
    assert listed(scan)["web-1"] == ("unknown", "outdated", False)
    assert listed(scan)["web-2"] == ("ok", "", True)


# --- leases, crashes, costs ---------------------------------------------------------------------------------------------


def test_who_takes_a_batch_over_looks_only_at_the_rest(fleet: QuickFleet) -> None:
    scan, claim = fleet.claim()
    told = seen("web-1", "web-2")
    assert record_seen(claim=claim, scan=scan, seen=told, revision="r") == []
    assert record_seen(claim=claim, scan=scan, seen=told, revision="r") == []
    JobBatch.objects.filter(pk=claim.batch_id).update(lease_until=clock.now() - timedelta(seconds=1))
    second = claim_batch(batch_id=claim.batch_id)
    assert second is not None
    with pytest.raises(LostLease):
        record_seen(claim=claim, scan=scan, seen=seen("web-3"), revision="r")
    fleet.logins.clear()
    run_scan_batch(claim=second, keeper=StillHeld())  # type: ignore[arg-type]
    assert sorted(fleet.logins) == ["web-3", "web-4"]
    assert set(listed(scan)) == set(fleet.hosts)
    assert ScanHost.objects.filter(scan=scan).count() == 4
    scan.job.refresh_from_db()  # type: ignore[union-attr]
    assert scan.job.items_done == 4  # type: ignore[union-attr]


def test_a_worker_that_dies_before_it_has_written_only_makes_others_look_again(
    fleet: QuickFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(HostState.objects.order_by("pk").values())
    scan, claim = fleet.claim()

    def killed(**what: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(scan_batches, "record_seen", killed)
        run_scan_batch(claim=claim, keeper=StillHeld())  # type: ignore[arg-type]
    assert list(HostState.objects.order_by("pk").values()) == before
    run_scan_batch(claim=claim, keeper=StillHeld())  # type: ignore[arg-type]
    assert set(listed(scan).values()) == {("ok", "", True)}


def test_seeing_more_hosts_takes_no_more_statements(
    fleet: QuickFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def statements(selector: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            fleet.scan(selector)
        return len(queries)

    fleet.scan()
    few = statements("name=web-1")
    assert statements("*") == few
    assert few < 60


def test_a_quick_scan_writes_no_page_of_an_index_of_the_states() -> None:
    indexed = {name for index in HostState._meta.indexes for name in index.fields} | {
        field.name for field in HostState._meta.fields if field.db_index
    }
    assert not indexed & {"observed_at", "tried_at", "status", "reason"}
