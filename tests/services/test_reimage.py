"""A host is installed anew: what was agreed and what was open on it is over, and says why."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from common import clock
from common.core.errors import Invalid, NotPermitted
from common.models import LedgerEntry
from deployments.services.deployments import report_deployment
from deployments.services.enrolment import reimage_host
from drift.models import Finding, HostHistory, HostState, Occurrence, ResourceVerdict
from drift.queries.fleet import coverage, last_looks
from drift.services.observations import record_look
from drift.services.retirement import restart_host
from inventory.models import Host, HostKey
from inventory.services.host_cas import trust_host_ca
from inventory.services.host_keys import pin_host_keys
from inventory.services.host_life import mark_reimaged, recommission_host
from inventory.services.hosts import decommission_host
from tests.definitions import GitFleet, work
from tests.factories import acting, host, program
from tests.folding import approve, begin, carry_out, fixed_by_hand, fold
from tests.services.test_host_key_findings import fingerprint, public_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    fleet = begin(settings, tmp_path)
    fleet.now = clock.now() - timedelta(hours=1)
    return fleet


def reimage(fleet: GitFleet, name: str) -> Host:
    found = fleet.hosts[name]
    found.refresh_from_db()
    mark_reimaged(actor=acting("cy"), host=found, reason="disk died")
    fleet.now = clock.now()
    return found


def test_what_was_open_on_it_ends_and_says_why(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-2")
    reimage(fleet, "web-2")
    work()
    occurrence = Occurrence.objects.get()
    finding.refresh_from_db()
    assert (occurrence.ended_as, finding.state) == ("re-imaged", "retired")
    entry = LedgerEntry.objects.get(action="finding.host_ended", subject_id=finding.pk)
    assert entry.data == {"host": "web-2", "why": "re-imaged"}
    assert not ResourceVerdict.objects.filter(host__name="web-2").exists()


def test_a_finding_that_other_hosts_have_stays_open_with_them(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-1", "web-2")
    reimage(fleet, "web-2")
    work()
    finding.refresh_from_db()
    assert finding.state == "open"
    assert [o.host.name for o in finding.occurrences.filter(ended_at=None)] == ["web-1"]
    assert LedgerEntry.objects.filter(action="finding.host_ended", subject_id=finding.pk).exists()


def test_base_begins_again_at_the_definitions_head(fleet: GitFleet) -> None:
    fixed_by_hand(fleet, "web-2")
    reimage(fleet, "web-2")
    work()
    state = HostState.objects.get(host__name="web-2")
    assert (state.base, state.observed, state.observed_at, state.reason) == (None, None, None, "re-imaged")
    fleet.push("web-2")
    fleet.look("web-2")
    state.refresh_from_db()
    assert state.base is not None and state.counts["in sync"] == 3


def test_what_was_seen_before_stays_in_its_history(fleet: GitFleet) -> None:
    before = HostHistory.objects.filter(host__name="web-2").count()
    reimage(fleet, "web-2")
    work()
    assert HostHistory.objects.filter(host__name="web-2").count() == before > 0


def test_a_look_that_comes_before_the_event_begins_again_too(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-2")
    reimage(fleet, "web-2")
    fleet.edit("web-2", "/etc/issue", "two", "zwei")
    fleet.look("web-2")  # the event has not been delivered
    again = Finding.objects.exclude(pk=finding.pk).get()
    work()
    finding.refresh_from_db()
    # The same edit is there still: to the host as it is now, it is out of band.
    assert finding.state == "open" and finding.reopened == 1
    assert again.state == "open"
    assert HostState.objects.get(host__name="web-2").observed is not None


def test_a_look_that_was_begun_before_is_not_used(fleet: GitFleet) -> None:
    scan, claim = fleet.claim("web-2")
    fleet.edit("web-2", "/etc/issue", "two", "zwei")
    look, against = fleet.shown("web-2"), fleet.against("web-2")
    mark_reimaged(actor=acting("cy"), host=Host.objects.get(name="web-2"))
    record_look(claim=claim, scan=scan, look=look, against=against)
    assert not Finding.objects.exists()
    assert HostState.objects.get(host__name="web-2").base is None


def test_a_fold_back_that_waits_for_a_push_there_retires_with_it(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-2")
    approve(fold(finding))
    carry_out()
    reimage(fleet, "web-2")
    work()
    finding.refresh_from_db()
    assert finding.state == "retired"


def test_what_was_deployed_before_says_nothing_of_it_now(fleet: GitFleet) -> None:
    before = clock.now()
    reimage(fleet, "web-2")
    report_deployment(
        actor=program("cy"), revision=fleet.revision, hosts=["web-2", "web-3"], deployed_at=before
    )
    work("move-base")
    assert HostState.objects.get(host__name="web-2").base is None
    assert HostState.objects.get(host__name="web-3").base is not None


def test_it_begins_again_once_for_each_time(fleet: GitFleet) -> None:
    reimage(fleet, "web-2")
    work()
    fleet.push("web-2")
    fleet.look("web-2")
    base = HostState.objects.get(host__name="web-2").base_id
    found = fleet.hosts["web-2"]
    restart_host(event_id=found.pk, type="host.reimaged", subject_id=found.pk, data={})  # delivered twice
    assert HostState.objects.get(host__name="web-2").base_id == base
    reimage(fleet, "web-2")
    work()
    assert HostState.objects.get(host__name="web-2").base is None


# Its keys


def test_without_fingerprints_only_a_ca_or_a_local_folder_will_do(fleet: GitFleet) -> None:
    web = fleet.hosts["web-1"]
    pin_host_keys(actor=acting("cy"), host=web, keys=[public_key("old")])
    with pytest.raises(Invalid, match="Name the fingerprints of its new keys"):
        reimage_host(actor=acting("cy"), host=web, offer=None)
    trust_host_ca(actor=acting("cy"), name="fleet", public_key=public_key("ca"), hosts="role=web")
    web.refresh_from_db()
    assert reimage_host(actor=acting("cy"), host=web, offer=None) == []
    assert HostKey.objects.get(host=web).revoked_at is not None
    assert fingerprint("old") == HostKey.objects.get(host=web).fingerprint
    local = Host.objects.create(name="box", environment="prod", transport="local", root="/srv")
    reimage_host(actor=acting("cy"), host=local, offer=None)


def test_only_who_may_enrol_says_so(fleet: GitFleet) -> None:
    for who in ("ana", "ben", "dee"):
        with pytest.raises(NotPermitted):
            reimage_host(actor=acting(who), host=host(f"x-{who}"), offer=None)


# Out of service, and back


def test_a_host_that_is_taken_back_finds_again_what_is_still_there(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-2")
    web = fleet.hosts["web-2"]
    web.refresh_from_db()
    decommission_host(actor=acting("cy"), host=web)
    work()
    finding.refresh_from_db()
    assert finding.state == "retired"
    assert LedgerEntry.objects.get(action="finding.host_ended").data == {"host": "web-2", "why": "retired"}
    recommission_host(actor=acting("cy"), host=web)
    work()
    fleet.look("web-2")
    finding.refresh_from_db()
    assert (finding.state, finding.reopened) == ("open", 1)


def test_taken_back_at_once_it_loses_nothing(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-2")
    web = fleet.hosts["web-2"]
    web.refresh_from_db()
    decommission_host(actor=acting("cy"), host=web)
    recommission_host(actor=acting("cy"), host=web)
    work()  # the event of the first arrives when the second has happened
    finding.refresh_from_db()
    assert finding.state == "open"


def test_it_counts_as_never_looked_at_until_somebody_looks(fleet: GitFleet) -> None:
    fleet.look()
    reimage(fleet, "web-2")
    work()
    now = clock.now()
    standing = coverage(now)
    assert (standing.hosts, standing.fresh, standing.not_reached, standing.never) == (3, 2, 0, 1)
    assert last_looks() == {}
    fleet.look("web-2")
    assert coverage(now).never == 0
