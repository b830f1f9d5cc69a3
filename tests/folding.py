"""Findings on a fleet with a real repository, decided on by Ana and approved by Ben."""

from pathlib import Path
from typing import Any

from changemgmt.models import Change
from changemgmt.services.approvals import approve_change, refuse_change
from common.models import Job, OutboxEvent
from drift.models import Decision, Finding
from drift.models.decision import FOLD_BACK, WAIVE
from drift.services.decisions import propose_decision, refresh_decision
from drift.services.proposals import prepare_fold_back, prepare_refresh
from tests.definitions import GitFleet, Repository, path_settings, work
from tests.factories import acting, host

RESOURCES = """\
# What web hosts are
variables: {workers: 4}   # one a core
files:
  /etc/app.conf: {template: app.j2, mode: "0644"}
  /etc/motd: {content: "hello\\n"}   # shown at login
"""
FILES = {
    "roles/web/resources.yaml": RESOURCES,
    "roles/web/templates/app.j2": "# {{ host.name }}\nworkers {{ workers }}\nlimit 10\n",
    "base/resources.yaml": "files:\n  /etc/issue: {source: issue}\n",
    "base/files/issue": "one\ntwo\nthree\n",
}
MANIFEST = "roles/web/resources.yaml"
TEMPLATE = "roles/web/templates/app.j2"


def begin(settings: Any, tmp_path: Path, count: int = 3) -> GitFleet:
    """web-1 … web-3, as defined, and looked at once."""
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    fleet = GitFleet(Repository(FILES), [host(f"web-{n}") for n in range(1, count + 1)])
    fleet.look()
    return fleet


def fixed_by_hand(
    fleet: GitFleet, *names: str, path: str = "/etc/app.conf", old: str = "limit 10", new: str = "limit 99"
) -> Finding:
    """The same edit on hosts (web-1 and web-2 unless named), found by a look."""
    known = set(Finding.objects.values_list("pk", flat=True))
    names = names or ("web-1", "web-2")
    for name in names:
        fleet.edit(name, path, old, new)
    fleet.look(*names)
    return Finding.objects.exclude(pk__in=known).get()


def fold(*findings: Finding, layer: str = "", who: str = "ana", **more: Any) -> Decision:
    """Propose to fold findings back."""
    proposal = prepare_fold_back(findings=findings, layer=layer, **more)
    return propose_decision(
        actor=acting(who), kind=FOLD_BACK, findings=findings, reason="it keeps checkout up", proposal=proposal
    )


def waive(*findings: Finding, until: Any, who: str = "ana") -> Decision:
    return propose_decision(
        actor=acting(who), kind=WAIVE, findings=findings, reason="waits for the vendor", until=until
    )


def approve(decision: Decision, who: str = "ben") -> None:
    """Somebody approves, and what follows at once happens (a waiver, a job); no worker has run yet."""
    change = Change.objects.get(pk=decision.change_id)
    approve_change(actor=acting(who), change=change, digest=change.digest)
    work()


def refuse(decision: Decision, who: str = "ben") -> None:
    refuse_change(actor=acting(who), change=Change.objects.get(pk=decision.change_id), reason="not like this")
    work()


def carry_out() -> None:
    """Workers run, until nothing is left."""
    work("fold-back", "settle-fold-back")


def now_is(decision: Decision) -> tuple[str, list[str], str]:
    """(state of its change, states of its findings, commit)"""
    fresh = Decision.objects.select_related("change").get(pk=decision.pk)
    states = list(fresh.findings.order_by("number").values_list("state", flat=True))
    return fresh.change.state, states, fresh.commit


def jobs(decision: Decision) -> list[tuple[str, str]]:
    rows = Job.objects.filter(subject_id=decision.pk).order_by("number")
    return list(rows.values_list("kind", "state"))


def void_reason(decision: Decision) -> str:
    change = Change.objects.get(pk=decision.change_id)
    return str(change.approvals.exclude(voided_at=None).latest("created_at").void_reason)


def change_of(decision: Decision) -> Change:
    return Change.objects.get(pk=decision.change_id)


def event_of(type: str) -> dict[str, Any]:
    event = OutboxEvent.objects.filter(type=type).latest("created_at")
    return {"event_id": event.pk, "type": type, "subject_id": event.subject_id, "data": event.data}


def refresh(decision: Decision, who: str = "ana") -> Decision:
    fresh = Decision.objects.select_related("change").get(pk=decision.pk)
    findings, proposal = prepare_refresh(fresh)
    return refresh_decision(actor=acting(who), decision=fresh, findings=findings, proposal=proposal)
