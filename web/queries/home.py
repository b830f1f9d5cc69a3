"""What needs you, what is under way, and how the fleet stands."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse

from changemgmt.core import words
from changemgmt.models import Change
from common.core import roles
from common.core.actor import Actor
from common.core.errors import FoldbackError
from deployments.core.errors import DefinitionUnavailable
from deployments.queries.definitions import definition_at, head_revision
from drift.models import Finding, Scan
from drift.queries.findings import findings_with_counts
from drift.queries.fleet import Coverage, Debt, coverage, debt, last_looks
from inventory.models import Credential, Host, HostCa, HostKey
from web.core import commands
from web.queries.findings import hosts_with_open_findings
from web.queries.fleet import hosts_by_verdict
from web.queries.jobs import JobBar, running_jobs

SHOWN = 5


@dataclass(frozen=True)
class FirstStep:
    """One thing to do before the first scan, and the command that does it."""

    title: str
    text: str
    command: str
    done: bool
    links: tuple[tuple[str, str], ...] = ()  # where the console does it: (label, address)


@dataclass(frozen=True)
class Home:
    coverage: Coverage
    debt: Debt
    open_hosts: int
    verdicts: dict[str, int]
    reasons: dict[str, int]
    to_approve: list[Change]
    proposed: list[Change]
    claimed: list[Any]
    newest: list[Any]
    jobs: list[JobBar]
    scans: list[Scan]
    first_steps: list[FirstStep]
    definition_problem: str

    @property
    def needs_nobody(self) -> bool:
        return not (self.to_approve or self.claimed or self.newest)


def home(*, actor: Actor, now: datetime) -> Home:
    problem, is_there = definition_problem()
    scans = list(Scan.objects.select_related("job").order_by("-number")[:SHOWN])
    standing = coverage(now)
    claimed = Finding.objects.filter(claimed_by_id=actor.person_id, state="open")
    newest = Finding.objects.filter(state="open", claimed_by=None)
    return Home(
        coverage=standing,
        debt=debt(),
        open_hosts=hosts_with_open_findings(),
        verdicts=hosts_by_verdict(now),
        reasons=last_looks(),
        to_approve=list(waiting_for(actor)[:SHOWN]),
        proposed=list(_proposals().filter(owner_id=actor.person_id)[:SHOWN]),
        claimed=_newest(claimed),
        newest=_newest(newest),
        jobs=running_jobs(now=now, actor=actor),
        scans=scans,
        first_steps=[] if _has_begun(scans) else first_steps(standing, has_definition=is_there),
        definition_problem=problem if is_there or _has_begun(scans) else "",
    )


def _newest(found: QuerySet[Finding]) -> list[Any]:
    """The newest of them with their counts of hosts; counted for these few only."""
    ids = list(found.order_by("-number").values_list("pk", flat=True)[:SHOWN])
    return list(findings_with_counts().filter(pk__in=ids).order_by("-number"))


def _has_begun(scans: list[Scan]) -> bool:
    return any(scan.finished_at for scan in scans)


def _proposals() -> QuerySet[Change]:
    return Change.objects.filter(state="proposed").select_related("owner").order_by("-created_at")


def waiting_for(actor: Actor) -> QuerySet[Change]:
    """Proposals that this person can approve: not their own, nor about what they made by hand."""
    if not roles.allows(actor, "change.approve") or actor.person_id is None:
        return Change.objects.none()
    found = _proposals().filter(kind=words.DECISION)
    if not settings.FOUR_EYES:
        return found
    own = (
        Q(requested_by_id=actor.person_id)
        | Q(owner_id=actor.person_id)
        | Q(made_by__contains=[actor.person_id])
    )
    return found.exclude(own)


def definition_problem() -> tuple[str, bool]:
    """Why the definition can't be compared with (empty when it can), and whether there is one at all."""
    try:
        definition_at(head_revision())
    except DefinitionUnavailable as error:
        return error.detail, False
    except FoldbackError as error:
        return error.detail, True
    return "", True


def first_steps(standing: Coverage, *, has_definition: bool) -> list[FirstStep]:
    has_keys = (
        HostKey.objects.filter(revoked_at=None).exists()
        or HostCa.objects.filter(revoked_at=None).exists()
        or Host.objects.filter(transport="local").exists()
    )
    return [
        FirstStep(
            "Describe your hosts",
            "The definition is a Git repository that says what hosts should be. Begin with a starter, or with a folder of yours.",
            commands.INIT_DEFINITION,
            has_definition,
        ),
        FirstStep(
            "Bring your inventory",
            "An Ansible inventory (INI or YAML), CSV or JSON. A dry run tells what would happen, and changes nothing.",
            commands.IMPORT_HOSTS,
            standing.hosts > 0,
        ),
        FirstStep(
            "Give a credential",
            "A key that may only run the collector is enough: Foldback reads, and changes nothing on hosts.",
            commands.CREATE_CREDENTIAL,
            Credential.objects.exists(),
        ),
        FirstStep(
            "Pin the host keys",
            "Each host's fingerprint is shown once and pinned; a changed key is told, never asked about.",
            commands.ENROL,
            has_keys,
        ),
        FirstStep(
            "Look for the first time",
            "A scan compares every host with the definition. Nothing is changed on any of them.",
            commands.SCAN,
            False,
            (
                ("Scan all hosts", f"{reverse('web:scans')}?hosts=*"),
                ("Adopt what is live into the definition", reverse("web:adoptions")),
            )
            if standing.hosts
            else (),
        ),
    ]
