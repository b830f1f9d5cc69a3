"""Hosts, base and definition move while hosts are looked at: what was seen before is not judged by what is now."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from deployments.models import Deployment
from deployments.services.deployments import report_deployment
from drift.models import Finding, HostScan, HostState, ResourceVerdict, Scan
from drift.queries.reports import drift_report
from drift.services.observations import Against, Look, record_look
from drift.services.scans import summarise_scan
from inventory.models import Host
from inventory.services.hosts import update_host
from tests.factories import acting, host
from tests.looks import Fleet, only_finding

pytestmark = pytest.mark.django_db

ONE = {"base/resources.yaml": 'files:\n  /etc/motd: {content: "one\\n"}\n'}
TWO = {"base/resources.yaml": 'files:\n  /etc/motd: {content: "two\\n"}\n  /etc/issue: {content: "new\\n"}\n'}


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet(ONE, [host("web-1")])
    fleet.look()
    return fleet


def begin(fleet: Fleet) -> tuple[Scan, Any, Look, Against]:
    """A look that has been taken and is not recorded yet."""
    fleet.now += timedelta(minutes=1)
    return (*fleet.claim("web-1"), fleet.shown("web-1"), fleet.against("web-1"))


def record(begun: tuple[Scan, Any, Look, Against]) -> HostScan:
    scan, claim, look, against = begun
    record_look(claim=claim, scan=scan, look=look, against=against)
    return HostScan.objects.get(scan=scan)


def verdicts() -> set[tuple[str, str]]:
    return set(ResourceVerdict.objects.values_list("resource", "verdict"))


def deployed(fleet: Fleet, *, after: timedelta) -> Deployment:
    when = fleet.now + after
    made, _ = report_deployment(
        actor=acting("ben"), revision=fleet.revision, hosts=["web-1"], deployed_at=when
    )
    return made


def test_what_was_seen_before_a_deployment_is_not_drift_after_it(fleet: Fleet) -> None:
    begun = begin(fleet)
    fleet.define(TWO)
    deployed(fleet, after=timedelta(seconds=5))
    look = record(begun)
    assert (look.status, look.reason, look.counts) == ("unknown", "outdated", {})
    assert not Finding.objects.exists()
    assert HostState.objects.get().status == "ok"  # the last look that counts stands


def test_what_was_seen_after_a_deployment_counts(fleet: Fleet) -> None:
    deployed(fleet, after=timedelta(seconds=5))
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    assert record(begin(fleet)).status == "ok"
    assert only_finding().state == "open"


def test_a_look_by_an_older_revision_takes_nothing_back(fleet: Fleet) -> None:
    old = fleet.against("web-1")
    fleet.define(TWO)
    fleet.push()
    fleet.look()
    scan, claim, look, _ = begin(fleet)
    found = record((scan, claim, look, replace(old, later=frozenset({fleet.revision}))))
    assert (found.status, found.reason) == ("unknown", "outdated")
    assert (verdicts(), HostState.objects.get().revision) == (set(), fleet.revision)
    # What the later revision declares is still agreed: an edit of it is drift, not "newly declared".
    fleet.live["web-1"]["/etc/issue"] = "by hand\n"
    fleet.look()
    assert verdicts() == {("file:/etc/issue", "drifted")}


def test_a_host_whose_roles_changed_while_it_was_looked_at_is_judged_by_the_next_look(fleet: Fleet) -> None:
    begun = begin(fleet)
    update_host(actor=acting("ben"), host=Host.objects.get(), changes={"roles": ["db"]})
    assert record(begun).reason == "outdated"


def test_a_failed_try_is_told_though_something_was_deployed_meanwhile(fleet: Fleet) -> None:
    scan, claim, look, against = begin(fleet)
    deployed(fleet, after=timedelta(seconds=5))
    failed = replace(look, status="unknown", reason="timed out")
    assert record((scan, claim, failed, against)).reason == "timed out"
    assert HostState.objects.get().reason == "timed out"


def test_facts_that_somebody_else_wrote_meanwhile_stay(fleet: Fleet) -> None:
    scan, claim, look, against = begin(fleet)
    look = replace(look, observation=replace(look.observation, facts={"os_id": "debian"}))
    Host.objects.update(facts={"datacentre": "fra"})
    record((scan, claim, look, against))
    assert Host.objects.get().facts == {"datacentre": "fra", "os_id": "debian"}


def test_a_host_that_a_later_scan_looked_at_first_was_looked_at(fleet: Fleet) -> None:
    begun = begin(fleet)
    fleet.look("web-1")
    found = record(begun)
    assert (found.status, found.reason, found.counts) == ("overtaken", "outdated", {})
    assert summarise_scan(begun[0])["hosts"] == {
        "ok": 0, "partial": 0, "overtaken": 1, "unknown": 0, "total": 1, "not_tried": 0,
    }  # fmt: skip
    assert drift_report(begun[0]).not_seen == []


def test_a_later_try_that_failed_is_no_look(fleet: Fleet) -> None:
    begun = begin(fleet)
    fleet.now += timedelta(minutes=1)
    scan, claim = fleet.claim("web-1")
    failed = replace(fleet.shown("web-1", status="unknown", reason="timed out"), started_at=fleet.now)
    record_look(claim=claim, scan=scan, look=failed, against=fleet.against("web-1"))
    assert record(begun).status == "unknown"
