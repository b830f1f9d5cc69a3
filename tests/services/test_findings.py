"""Findings and occurrences over many looks."""

import pytest

from changemgmt.services.changes import log_change
from common.core.actor import SYSTEM
from common.core.errors import Conflict
from common.models import EventDelivery, LedgerEntry, OutboxEvent
from common.services.deliveries import deliver_event
from common.services.jobs import LostLease
from deployments.core.states import ABSENT, Present, Unknown
from drift.core.lifecycles import FINDING
from drift.models import Finding, HostHistory, HostScan, HostState, ResourceVerdict
from drift.services.explanations import explain_by_change
from drift.services.findings import claim_finding, unclaim_finding
from drift.services.observations import record_look
from inventory.models import Host
from inventory.services.hosts import decommission_host
from tests.factories import acting, host
from tests.looks import START, Fleet, only_finding

pytestmark = pytest.mark.django_db

TEMPLATE = "# {{ host.name }}\nworkers {{ workers }}\nlimit 10\n"
DEFINITION = {
    "base/resources.yaml": (
        "variables: {workers: 4}\n"
        "files:\n"
        "  /etc/app.conf: {template: app.j2}\n"
        '  /etc/motd: {content: "hello\\n"}\n'
        "directories:\n"
        "  /etc/app.d: {exhaustive: true}\n"
    ),
    "base/templates/app.j2": TEMPLATE,
}


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(DEFINITION, [host(f"web-{n}") for n in (1, 2, 3)])


def edit(fleet: Fleet, name: str, old: str, new: str, path: str = "/etc/app.conf") -> None:
    text = fleet.live[name][path]
    assert isinstance(text, str) and old in text
    fleet.live[name][path] = text.replace(old, new)


def test_a_fleet_in_sync_has_no_findings_and_counts_everything(fleet: Fleet) -> None:
    fleet.look()
    assert not Finding.objects.exists()
    assert [state.counts["in sync"] for state in HostState.objects.all()] == [3, 3, 3]
    assert not ResourceVerdict.objects.exists()


def test_the_same_edit_on_three_hosts_with_their_own_values_is_one_finding(fleet: Fleet) -> None:
    fleet.look()
    for name in fleet.hosts:
        edit(fleet, name, "limit 10", "limit 99")
    fleet.look()
    finding = only_finding()
    assert finding.occurrences.count() == 3
    assert finding.change["hunks"] == [{"removed": ["limit 10\n"], "added": ["limit 99\n"]}]
    assert {o.verdict for o in finding.occurrences.all()} == {"drifted"}
    assert OutboxEvent.objects.filter(type="finding.opened").count() == 1


def test_looking_again_changes_nothing_but_seen(fleet: Fleet) -> None:
    edit(fleet, "web-1", "limit 10", "limit 99")
    fleet.look()
    before = only_finding()
    fleet.look()
    after = only_finding()
    assert (after.state, after.number, after.first_seen_at) == ("open", before.number, before.first_seen_at)
    assert after.last_seen_at > before.last_seen_at
    assert after.occurrences.count() == 1


def test_drift_that_goes_away_undecided_vanishes_and_reopens_when_it_comes_back(fleet: Fleet) -> None:
    fleet.look()
    edit(fleet, "web-1", "limit 10", "limit 99")
    fleet.look()
    fleet.push("web-1")
    fleet.look()
    assert only_finding().state == "vanished"
    edit(fleet, "web-1", "limit 10", "limit 99")
    fleet.look()
    finding = only_finding()
    assert (finding.state, finding.reopened, finding.ended_at) == ("open", 1, None)
    assert finding.occurrences.get().ended_at is None


def test_a_further_edit_supersedes_and_inherits_the_claim(fleet: Fleet) -> None:
    edit(fleet, "web-1", "limit 10", "limit 99")
    fleet.look()
    first = only_finding()
    claim_finding(actor=acting("ana"), finding=first)
    edit(fleet, "web-1", "limit 99", "limit 50")
    fleet.look()
    first.refresh_from_db()
    second = Finding.objects.exclude(pk=first.pk).get()
    assert first.state == "superseded"
    assert (second.supersedes, second.claimed_by) == (first, first.claimed_by)


def test_a_further_edit_on_one_host_leaves_the_finding_to_the_others(fleet: Fleet) -> None:
    for name in ("web-1", "web-2"):
        edit(fleet, name, "limit 10", "limit 99")
    fleet.look()
    first = only_finding()
    edit(fleet, "web-1", "limit 99", "limit 50")
    fleet.look()
    first.refresh_from_db()
    assert first.state == "open"
    assert [o.host.name for o in first.occurrences.filter(ended_at=None)] == ["web-2"]


@pytest.mark.parametrize("reason", ["unreachable", "denied", "timed out", "garbled", "host key changed"])
def test_a_host_that_could_not_be_looked_at_clears_and_opens_nothing(fleet: Fleet, reason: str) -> None:
    edit(fleet, "web-1", "limit 10", "limit 99")
    fleet.look()
    scan, claim = fleet.claim("web-1")
    record_look(
        claim=claim,
        scan=scan,
        look=fleet.shown("web-1", status="unknown", reason=reason),
        against=fleet.against("web-1"),
    )
    assert only_finding().state == "open"
    assert only_finding().occurrences.get().ended_at is None
    state = HostState.objects.get(host__name="web-1")
    assert (state.status, state.reason) == ("unknown", reason)
    assert HostScan.objects.get(scan=scan).counts == {}


def test_one_unknown_resource_clears_nothing(fleet: Fleet) -> None:
    edit(fleet, "web-1", "limit 10", "limit 99")
    fleet.look()
    fleet.live["web-1"]["/etc/app.conf"] = Unknown("denied")
    fleet.look("web-1")
    assert only_finding().state == "open"
    verdict = ResourceVerdict.objects.get(host__name="web-1")
    assert (verdict.verdict, verdict.reason) == ("unknown", "denied")


def test_a_moved_definition_is_pending_not_drift(fleet: Fleet) -> None:
    fleet.look()
    fleet.define({**DEFINITION, "base/templates/app.j2": TEMPLATE.replace("10", "20")})
    fleet.look()
    assert not Finding.objects.exists()
    assert set(ResourceVerdict.objects.values_list("verdict", flat=True)) == {"pending"}
    fleet.push()
    fleet.look()
    assert not ResourceVerdict.objects.exists()


def test_drift_where_the_definition_moved_too_is_a_conflict_of_the_same_finding(fleet: Fleet) -> None:
    fleet.look()
    for name in ("web-1", "web-2"):
        edit(fleet, name, "limit 10", "limit 99")
    fleet.look("web-1")
    fleet.define({**DEFINITION, "base/templates/app.j2": TEMPLATE.replace("workers", "threads", 1)})
    fleet.look("web-2")
    finding = only_finding()
    assert dict(finding.occurrences.values_list("host__name", "verdict")) == {
        "web-1": "drifted",
        "web-2": "conflict",
    }


def test_a_finding_stays_one_while_the_template_s_values_move_under_it(fleet: Fleet) -> None:
    fleet.look()
    edit(fleet, "web-1", "workers 4", "workers 64")
    fleet.look("web-1")
    before = only_finding()
    moved = DEFINITION["base/resources.yaml"].replace("workers: 4", "workers: 6")
    edit(fleet, "web-2", "workers 4", "workers 64")
    fleet.define({**DEFINITION, "base/resources.yaml": moved})
    fleet.look()
    fleet.earlier = fleet.definition
    fleet.look()
    assert only_finding().pk == before.pk
    assert set(before.occurrences.values_list("host__name", "verdict")) == {
        ("web-1", "conflict"),
        ("web-2", "conflict"),
    }


def test_a_fix_that_somebody_committed_without_us_ends_as_proven(fleet: Fleet) -> None:
    fleet.look()
    edit(fleet, "web-1", "limit 10", "limit 99")
    fleet.look()
    fleet.define({**DEFINITION, "base/templates/app.j2": TEMPLATE.replace("10", "99")})
    fleet.look()
    assert only_finding().state == "proven"
    assert only_finding().occurrences.get().ended_as == "proven"
    assert ResourceVerdict.objects.filter(verdict="pending").count() == 2


def test_a_resource_nobody_declares_any_more_ends_as_unmanaged(fleet: Fleet) -> None:
    edit(fleet, "web-1", "hello", "bye", "/etc/motd")
    fleet.look()
    fleet.define(
        {**DEFINITION, "base/resources.yaml": DEFINITION["base/resources.yaml"].replace("  /etc/motd", "  #")}
    )
    fleet.look()
    assert only_finding().state == "unmanaged"


def test_an_undeclared_file_in_an_exhaustive_directory_is_found_and_vanishes_when_removed(
    fleet: Fleet,
) -> None:
    fleet.look()
    fleet.live["web-2"]["/etc/app.d/extra.conf"] = "x\n"
    fleet.look()
    assert only_finding().resource == "file:/etc/app.d/extra.conf"
    assert only_finding().change["kind"] == "created"
    del fleet.live["web-2"]["/etc/app.d/extra.conf"]
    fleet.look()
    assert only_finding().state == "vanished"


def test_a_deleted_file_is_drift(fleet: Fleet) -> None:
    fleet.look()
    fleet.live["web-3"]["/etc/motd"] = ABSENT
    fleet.look()
    assert only_finding().change == {
        "kind": "deleted",
        "attributes": {},
        "content": [only_finding().occurrences.get().base["data"]["sha256"], None],
    }


def test_a_file_replaced_by_a_symlink_is_drift_of_the_declared_resource(fleet: Fleet) -> None:
    fleet.look()
    scan, claim = fleet.claim("web-3")
    look = fleet.shown("web-3")
    states = {**look.observation.states, "file:/etc/motd": Present({"type": "symlink", "target": "/x"})}
    object.__setattr__(look.observation, "states", states)
    record_look(claim=claim, scan=scan, look=look, against=fleet.against("web-3"))
    assert only_finding().change["kind"] == "replaced"


def test_a_look_older_than_what_is_known_changes_nothing(fleet: Fleet) -> None:
    old = fleet.shown("web-1")
    edit(fleet, "web-1", "limit 10", "limit 99")
    fleet.look()
    scan, claim = fleet.claim("web-1")
    record_look(claim=claim, scan=scan, look=old, against=fleet.against("web-1"))
    assert only_finding().state == "open"
    assert HostScan.objects.filter(scan=scan).count() == 1


def test_a_look_recorded_twice_is_recorded_once(fleet: Fleet) -> None:
    scan, claim = fleet.claim("web-1")
    for _ in range(2):
        record_look(claim=claim, scan=scan, look=fleet.shown("web-1"), against=fleet.against("web-1"))
    assert HostScan.objects.filter(scan=scan).count() == 1
    scan.job.refresh_from_db()
    assert scan.job.items_done == 1


def test_a_worker_that_lost_its_lease_writes_nothing(fleet: Fleet) -> None:
    scan, claim = fleet.claim("web-1")
    scan.job.batches.update(token=claim.token + 1)
    edit(fleet, "web-1", "limit 10", "limit 99")
    with pytest.raises(LostLease):
        record_look(claim=claim, scan=scan, look=fleet.shown("web-1"), against=fleet.against("web-1"))
    assert not Finding.objects.exists() and not HostState.objects.exists()


def test_history_grows_only_when_what_is_seen_changes_and_alike_hosts_share_storage(fleet: Fleet) -> None:
    fleet.look()
    fleet.look()
    assert HostHistory.objects.count() == 3
    fleet.define({"base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n'})
    fleet.push()
    fleet.look()
    assert HostState.objects.values("observed").distinct().count() == 1


def test_a_change_logged_before_or_after_explains_what_was_found(fleet: Fleet) -> None:
    fleet.look()
    logged, _ = log_change(
        actor=acting("ana"),
        title="raised the limit",
        hosts=["web-1"],
        resources=["file:/etc/app.conf"],
        happened_at=START,
    )
    edit(fleet, "web-1", "limit 10", "limit 99")
    edit(fleet, "web-2", "hello", "bye", "/etc/motd")
    fleet.look()
    explained = Finding.objects.get(resource="file:/etc/app.conf")
    assert [e.change for e in explained.explanations.all()] == [logged]
    assert any("names /etc/app.conf" in reason for reason in explained.explanations.get().reasons)
    other = Finding.objects.get(resource="file:/etc/motd")
    assert not other.explanations.exists()
    late, _ = log_change(
        actor=acting("ben"),
        title="greeting",
        hosts=["web-2"],
        resources=["file:/etc/motd"],
        happened_at=START,
    )
    explain_by_change(event_id=late.pk, type="change.logged", subject_id=late.pk, data={})
    assert [e.change for e in other.explanations.all()] == [late]


def test_two_people_can_not_both_claim(fleet: Fleet) -> None:
    edit(fleet, "web-1", "limit 10", "limit 99")
    fleet.look()
    claim_finding(actor=acting("ana"), finding=only_finding())
    with pytest.raises(Conflict, match="Ana claimed"):
        claim_finding(actor=acting("ben"), finding=only_finding())
    unclaim_finding(actor=acting("ana"), finding=only_finding())
    claim_finding(actor=acting("ben"), finding=only_finding())
    assert LedgerEntry.objects.filter(action="finding.claimed").count() == 2


def test_a_finding_retires_with_its_last_host(fleet: Fleet) -> None:
    for name in ("web-1", "web-2"):
        edit(fleet, name, "limit 10", "limit 99")
    fleet.look()
    for name, state in (("web-1", "open"), ("web-2", "retired")):
        decommission_host(actor=acting("cy"), host=fleet.hosts[name])
        [delivery] = EventDelivery.objects.filter(event__type="host.decommissioned", done_at=None)
        assert deliver_event(delivery_id=delivery.pk)
        assert only_finding().state == state


def test_every_state_a_finding_can_be_in_is_in_the_table() -> None:
    assert set(FINDING.meaning) == FINDING.states


def test_a_scan_of_no_host_is_refused() -> None:
    from common.core.errors import Invalid
    from drift.services.scans import create_scan

    with pytest.raises(Invalid):
        create_scan(actor=SYSTEM, selector="role=nothing")
    assert not Host.objects.exists()


def test_a_path_as_long_as_linux_allows_is_found_like_any_other(fleet: Fleet) -> None:
    fleet.look()
    path = "/etc/app.d/" + "/".join(["d" * 200] * 20)
    fleet.live["web-2"][path] = "x\n"
    fleet.look()
    assert only_finding().resource == f"file:{path}"


def test_a_host_decommissioned_while_it_is_scanned_opens_nothing(fleet: Fleet) -> None:
    scan, claim = fleet.claim("web-1")
    edit(fleet, "web-1", "limit 10", "limit 99")
    look = fleet.shown("web-1")
    decommission_host(actor=acting("cy"), host=fleet.hosts["web-1"])
    record_look(claim=claim, scan=scan, look=look, against=fleet.against("web-1"))
    assert not Finding.objects.exists()
    assert HostScan.objects.get(scan=scan).reason == "decommissioned"
