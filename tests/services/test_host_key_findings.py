"""A changed host key is a finding of its own; everything else on the host is unknown, and stays as it was."""

import base64
import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from common import clock
from common.core.errors import Unprocessable
from common.models import Job
from drift.core.host_key import RESOURCE
from drift.models import Finding, HostScan, HostState, Occurrence, ResourceVerdict, Scan
from drift.queries.reports import drift_report
from drift.services.decisions import propose_decision
from drift.services.observations import record_look
from drift.services.proposals import placements_for, prepare_fold_back
from inventory.models import Host, HostKey
from inventory.services.host_cas import revoke_host_ca, trust_host_ca
from inventory.services.host_keys import pin_host_keys
from tests.definitions import work
from tests.factories import acting, host, logged
from tests.folding import approve
from tests.looks import Fleet

pytestmark = pytest.mark.django_db

FILES = {"base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n'}


def public_key(seed: str) -> str:
    kind = b"ssh-ed25519"
    body = hashlib.sha256(seed.encode()).digest()
    blob = len(kind).to_bytes(4, "big") + kind + len(body).to_bytes(4, "big") + body
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def fingerprint(seed: str) -> str:
    blob = base64.b64decode(public_key(seed).split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).rstrip(b"=").decode()


def pin(name: str, *seeds: str) -> None:
    pin_host_keys(
        actor=acting("cy"), host=Host.objects.get(name=name), keys=[public_key(seed) for seed in seeds]
    )


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet(FILES, [host("web-1"), host("web-2")])
    pin("web-1", "old", "old-rsa")
    pin("web-2", "other")
    work()
    fleet.look()
    return fleet


def refused(fleet: Fleet, name: str, shows: str, reason: str = "host key changed") -> Scan:
    """A look at a host that showed this key, and was hung up on."""
    scan, claim = fleet.claim(name)
    fleet.now += timedelta(minutes=1)
    look = replace(fleet.shown(name, status="unknown", reason=reason), offered_key=fingerprint(shows))
    record_look(claim=claim, scan=scan, look=look, against=fleet.against(name))
    return scan


def key_finding() -> Finding:
    return Finding.objects.get(resource=RESOURCE)


def test_a_changed_key_is_a_finding_with_both_fingerprints(fleet: Fleet) -> None:
    refused(fleet, "web-1", "new")
    finding, occurrence = key_finding(), Occurrence.objects.get()
    assert (finding.state, occurrence.host.name, occurrence.verdict) == ("open", "web-1", "drifted")
    assert occurrence.base["data"]["keys"] == sorted([fingerprint("old"), fingerprint("old-rsa")])
    assert occurrence.live["data"]["keys"] == [fingerprint("new")]
    assert occurrence.head == occurrence.base
    assert ResourceVerdict.objects.get(host__name="web-1").resource == RESOURCE


def test_nothing_else_on_the_host_is_judged_by_it(fleet: Fleet) -> None:
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    fleet.look("web-1")
    before = HostState.objects.get(host__name="web-1")
    refused(fleet, "web-1", "new")
    after = HostState.objects.get(host__name="web-1")
    assert (after.status, after.reason) == ("unknown", "host key changed")
    assert (after.base_id, after.observed_id, after.counts) == (
        before.base_id,
        before.observed_id,
        before.counts,
    )
    assert Finding.objects.get(resource="file:/etc/motd").state == "open"
    assert Occurrence.objects.filter(ended_at=None).count() == 2
    assert HostScan.objects.latest("created_at").counts == {}


def test_the_scans_report_names_it_and_says_that_the_host_was_not_seen(fleet: Fleet) -> None:
    report = drift_report(refused(fleet, "web-1", "new"))
    assert [(row.resource, row.host) for row in report.rows] == [(RESOURCE, "web-1")]
    assert fingerprint("old") in report.rows[0].change and fingerprint("new") in report.rows[0].change
    assert [(look.host.name, look.reason) for look in report.not_seen] == [("web-1", "host key changed")]


def test_seen_again_it_is_the_same_finding(fleet: Fleet) -> None:
    refused(fleet, "web-1", "new")
    refused(fleet, "web-1", "new")
    assert Occurrence.objects.count() == 1
    assert key_finding().last_seen_at > key_finding().first_seen_at


def test_a_host_that_is_not_reached_says_nothing_of_its_key(fleet: Fleet) -> None:
    refused(fleet, "web-1", "new")
    scan, claim = fleet.claim("web-1")
    fleet.now += timedelta(minutes=1)
    look = fleet.shown("web-1", status="unknown", reason="connection refused")
    record_look(claim=claim, scan=scan, look=look, against=fleet.against("web-1"))
    assert key_finding().state == "open" and Occurrence.objects.filter(ended_at=None).exists()


def test_a_third_key_is_a_finding_in_place_of_the_second(fleet: Fleet) -> None:
    refused(fleet, "web-1", "new")
    first = key_finding()
    refused(fleet, "web-1", "newer")
    first.refresh_from_db()
    second = Finding.objects.get(resource=RESOURCE, state="open")
    assert (first.state, second.supersedes) == ("superseded", first)


def test_when_the_old_key_is_back_the_finding_ends_by_itself(fleet: Fleet) -> None:
    refused(fleet, "web-1", "new")
    fleet.look("web-1")
    assert key_finding().state == "vanished"
    assert not ResourceVerdict.objects.filter(resource=RESOURCE).exists()
    assert not HostState.objects.get(host__name="web-1").counts["drifted"]
    refused(fleet, "web-1", "new")
    assert (key_finding().state, key_finding().reopened) == ("open", 1)


def test_a_new_key_that_is_enrolled_is_looked_at_and_proven(fleet: Fleet) -> None:
    refused(fleet, "web-1", "new")
    pin("web-1", "new")
    work()
    assert Scan.objects.get(purpose="proof").selector == "name=web-1"
    assert key_finding().state == "open"  # nobody has looked yet
    fleet.look("web-1")
    assert key_finding().state == "proven"


def test_a_key_that_is_enrolled_while_the_host_is_looked_at_is_no_finding(fleet: Fleet) -> None:
    pin("web-1", "new")
    refused(fleet, "web-1", "new")
    assert not Finding.objects.exists()


def test_enrolling_a_host_without_such_a_finding_starts_no_scan(fleet: Fleet) -> None:
    pin("web-1", "new")
    work()
    assert not Scan.objects.filter(purpose="proof").exists()


def test_a_revoked_key_that_is_shown_again_is_a_finding(fleet: Fleet) -> None:
    pin("web-1", "new")
    refused(fleet, "web-1", "old", "host key revoked")
    assert Occurrence.objects.get().base["data"]["keys"] == [fingerprint("new")]


def test_hosts_that_were_cloned_and_replaced_alike_share_a_finding(fleet: Fleet) -> None:
    pin("web-1", "clone")
    pin("web-2", "clone")
    for name in ("web-1", "web-2"):
        refused(fleet, name, "new")
    assert key_finding().occurrences.filter(ended_at=None).count() == 2


def test_a_host_that_nobody_enrolled_has_no_key_to_differ_from(fleet: Fleet) -> None:
    HostKey.objects.all().delete()
    for reason in ("host key changed", "host key not enrolled", "host key revoked"):
        refused(fleet, "web-1", "new", reason)
    assert not Finding.objects.exists()


# Under a host CA


def test_a_key_that_no_ca_vouches_for_is_a_finding_once_one_did(fleet: Fleet) -> None:
    HostKey.objects.all().delete()
    trust_host_ca(actor=acting("cy"), name="fleet", public_key=public_key("ca"), hosts="*")
    refused(fleet, "web-1", "new", "host key not enrolled")
    assert Occurrence.objects.get().base["data"]["keys"] == [f"any signed by {fingerprint('ca')}"]
    fleet.look("web-1")
    assert key_finding().state == "vanished"


def test_a_new_host_under_a_ca_is_not_enrolled_rather_than_changed(fleet: Fleet) -> None:
    HostKey.objects.all().delete()
    HostState.objects.all().delete()
    trust_host_ca(actor=acting("cy"), name="fleet", public_key=public_key("ca"), hosts="*")
    refused(fleet, "web-1", "new", "host key not enrolled")
    assert not Finding.objects.exists()


def test_a_certificate_that_ran_out_is_no_other_key(fleet: Fleet) -> None:
    HostKey.objects.all().delete()
    trust_host_ca(actor=acting("cy"), name="fleet", public_key=public_key("ca"), hosts="*")
    refused(fleet, "web-1", "same", "host certificate not in date")
    assert not Finding.objects.exists()


def test_a_ca_that_we_revoke_makes_no_findings(fleet: Fleet) -> None:
    HostKey.objects.all().delete()
    ca = trust_host_ca(actor=acting("cy"), name="fleet", public_key=public_key("ca"), hosts="*")
    revoke_host_ca(actor=acting("cy"), ca=ca)
    refused(fleet, "web-1", "same", "host key revoked")
    assert not Finding.objects.exists()


# Decisions


def test_it_is_waived_like_any_other(fleet: Fleet) -> None:
    refused(fleet, "web-1", "new")
    decision = propose_decision(
        actor=acting("ana"),
        kind="waive",
        findings=[key_finding()],
        reason="rescue system until tomorrow",
        until=clock.now() + timedelta(days=1),
    )
    approve(decision)
    assert key_finding().state == "waived"
    fleet.look("web-1")
    assert key_finding().state == "vanished"


def test_it_can_not_be_folded_back_and_says_what_to_do(fleet: Fleet) -> None:
    refused(fleet, "web-1", "new")
    with pytest.raises(Unprocessable, match="enrol the host anew"):
        prepare_fold_back(findings=[key_finding()])
    with pytest.raises(Unprocessable, match="enrol the host anew"):
        placements_for(key_finding())
    assert not Job.objects.filter(kind="fold-back").exists()


def test_a_change_that_mentions_it_explains_it(fleet: Fleet) -> None:
    change = logged(title="reinstalled ssh", hosts=["web-1"], happened_at=fleet.now)
    refused(fleet, "web-1", "new")
    assert key_finding().explanations.get().change == change
