"""An incident over a fleet of fake hosts, with its scans carried out by the test."""

from datetime import timedelta
from typing import Any

from changemgmt.models import Change, Incident
from changemgmt.services.incidents import open_incident
from common import clock
from common.services.jobs import claim_batch, finish_batch
from drift.models import IncidentScan, Scan
from drift.services.observations import record_look
from inventory.models import Host
from tests.definitions import deliver_events
from tests.factories import acting
from tests.looks import Fleet

MOTD = {
    "base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n  /etc/issue: {content: "one\\n"}\n'
}


def fleet_of(*hosts: Host) -> Fleet:
    """Hosts that are as defined, looked at once two hours ago."""
    fleet = Fleet(MOTD, list(hosts))
    fleet.now = clock.now() - timedelta(hours=2)
    fleet.look()
    deliver_events()
    return fleet


def begun(fleet: Fleet, who: str = "ana", **fields: Any) -> Incident:
    """An incident over web-1 and web-2 that began an hour ago and was opened five minutes later; nothing was looked at."""
    fleet.now = max(fleet.now, clock.now() - timedelta(minutes=55))
    values = {"title": "checkout is down", "hosts": ["web-1", "web-2"]}
    started_at = clock.now() - timedelta(hours=1)
    incident, _ = open_incident(actor=acting(who), **(values | {"started_at": started_at} | fields))
    return incident


def carry_out(fleet: Fleet, scan: Scan, *, unreachable: tuple[str, ...] = ()) -> None:
    """What workers would do for a scan, and what follows from its end."""
    assert scan.job is not None
    for batch in scan.job.batches.filter(state="pending"):
        claim = claim_batch(batch_id=batch.pk)
        assert claim is not None
        for host in Host.objects.filter(pk__in=claim.items).order_by("name"):
            fleet.now += timedelta(minutes=1)
            shown = (
                fleet.shown(host.name, status="unknown", reason="unreachable")
                if host.name in unreachable
                else fleet.shown(host.name)
            )
            record_look(claim=claim, scan=scan, look=shown, against=fleet.against(host.name))
        finish_batch(claim=claim)
    deliver_events()


def scans_of(incident: Incident, phase: str = "") -> list[Scan]:
    found = IncidentScan.objects.filter(incident=incident).order_by("created_at")
    if phase:
        found = found.filter(phase=phase)
    return [one.scan for one in found.select_related("scan__job") if one.scan is not None]


def carry_out_all(fleet: Fleet, incident: Incident, **more: Any) -> None:
    """Deliver what waits, and carry out every scan of the incident that was not yet."""
    deliver_events()
    for scan in scans_of(incident):
        if scan.job is not None and scan.job.state in ("queued", "running"):
            carry_out(fleet, scan, **more)


def drafts(incident: Incident) -> list[Change]:
    return list(Change.objects.filter(incident=incident, recorded_via="foldback").order_by("number"))


def told(incident: Incident, kind: str) -> list[str]:
    return list(incident.timeline.filter(kind=kind).order_by("created_at").values_list("text", flat=True))


def seen(fleet: Fleet, *names: str) -> Scan:
    """A scan that somebody else asked for, from its start to what follows from its end."""
    scan, claim = fleet.claim(*names)
    for name in names or fleet.hosts:
        fleet.now += timedelta(minutes=1)
        record_look(claim=claim, scan=scan, look=fleet.shown(name), against=fleet.against(name))
    finish_batch(claim=claim)
    deliver_events()
    return scan
