"""What needs you, what is under way, and how the fleet stands."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse

from changemgmt.core import words
from changemgmt.models import Approval, Change
from common import clock
from common.core import roles
from common.core.actor import Actor
from common.core.errors import FoldbackError
from common.queries.processes import MISSED, missed
from deployments.core.errors import DefinitionUnavailable
from deployments.queries.definitions import definition_at, head_revision
from drift.core.schedule import QUICK
from drift.models import Finding, Scan
from drift.queries.findings import findings_with_counts
from drift.queries.fleet import Coverage, Debt, coverage, debt, last_looks
from drift.queries.scan_policies import PolicyCoverage, policy_coverage
from drift.services.scans import SCHEDULED
from inventory.models import Credential, Host, HostCa, HostKey
from web.core import commands
from web.queries.calendar import FreezeCard, freeze_card
from web.queries.coverage import Chart, coverage_chart
from web.queries.findings import hosts_with_open_findings
from web.queries.fleet import hosts_by_verdict
from web.queries.jobs import JobBar, running_jobs

SHOWN = 5
COUNTED = 100  # beyond that, nobody works it off today

# What of one's own one goes on with oneself; somebody else has to act on all the rest.
IN_HAND = {
    "drafted": "Foldback wrote it down; say whether it is so",
    "rejected": "Refused; correct it, or take it back",
    "approved": "Approved; start it when you begin",
    "ready": "Approved with its template; start it when you begin",
    "started": "Being carried out; say how it went",
}


@dataclass(frozen=True)
class FirstStep:
    """One thing to do before the first scan, and the command that does it."""

    title: str
    text: str
    command: str
    done: bool
    links: tuple[tuple[str, str], ...] = ()  # where the console does it: (label, address)


@dataclass(frozen=True)
class Waiting:
    """The first few of what waits for a person, and how many there are (counted as far as `COUNTED`)."""

    rows: list[Change]
    count: int

    def __bool__(self) -> bool:
        return bool(self.rows)

    @property
    def is_cut(self) -> bool:
        return self.count > len(self.rows)

    @property
    def total(self) -> str:
        return f"{COUNTED} or more" if self.count >= COUNTED else str(self.count)


@dataclass(frozen=True)
class Home:
    coverage: Coverage
    debt: Debt
    open_hosts: int
    verdicts: dict[str, int]
    reasons: dict[str, int]
    to_approve: Waiting
    done_first: Waiting
    in_hand: list[tuple[Change, str]]
    proposed: list[Change]
    claimed: list[Any]
    newest: list[Any]
    jobs: list[JobBar]
    scans: list[Scan]
    policies: PolicyCoverage
    first_steps: list[FirstStep]
    definition_problem: str
    coverage_chart: Chart
    nobody: list[tuple[str, str]]  # what nobody does, and what that means
    freeze: FreezeCard | None

    @property
    def needs_nobody(self) -> bool:
        return not (self.to_approve or self.done_first or self.in_hand or self.claimed or self.newest)


def home(*, actor: Actor, now: datetime) -> Home:
    problem, is_there = definition_problem()
    begun = Scan.objects.exclude(finished_at=None).exists()
    standing = coverage(now)
    claimed = Finding.objects.filter(claimed_by_id=actor.person_id, state="open")
    newest = Finding.objects.filter(state="open", claimed_by=None)
    return Home(
        coverage=standing,
        debt=debt(),
        open_hosts=hosts_with_open_findings(),
        verdicts=hosts_by_verdict(now),
        reasons=last_looks(),
        to_approve=_waiting(waiting_for(actor)),
        done_first=_waiting(done_first(actor)),
        in_hand=[(change, IN_HAND[change.state]) for change in in_hand(actor)[:SHOWN]],
        proposed=list(_proposals().filter(owner_id=actor.person_id)[:SHOWN]),
        claimed=_newest(claimed),
        newest=_newest(newest),
        jobs=running_jobs(now=now, actor=actor),
        scans=_last_scans(),
        policies=policy_coverage(),
        first_steps=[] if begun else first_steps(standing, has_definition=is_there),
        definition_problem=problem if is_there or begun else "",
        coverage_chart=coverage_chart(standing, now=now),
        nobody=[(what.capitalize(), means) for what, means in (MISSED[name] for name in missed(now))],
        freeze=freeze_card(now),
    )


def _waiting(found: QuerySet[Change]) -> Waiting:
    return Waiting(list(found[:SHOWN]), found[:COUNTED].count())


def _newest(found: QuerySet[Finding]) -> list[Any]:
    """The newest of them with their counts of hosts; counted for these few only."""
    ids = list(found.order_by("-number").values_list("pk", flat=True)[:SHOWN])
    return list(findings_with_counts().filter(pk__in=ids).order_by("-number"))


def _last_scans() -> list[Scan]:
    """Without the quick looks of policies: there is one every few minutes, and all else would be lost among them."""
    scans = Scan.objects.select_related("job", "policy").defer("hosts").order_by("-number")
    return list(scans.exclude(purpose=SCHEDULED, mode=QUICK)[:SHOWN])


def _proposals() -> QuerySet[Change]:
    return Change.objects.filter(state="proposed").select_related("owner").order_by("-created_at")


def waiting_for(actor: Actor) -> QuerySet[Change]:
    """Proposals that this person can approve: not their own, nor about what they made by hand."""
    if not roles.allows(actor, "change.approve") or actor.person_id is None:
        return Change.objects.none()
    return _not_own(_proposals(), actor)


def in_hand(actor: Actor) -> QuerySet[Change]:
    """What this person owns and goes on with; decisions are carried out by a worker."""
    own = Change.objects.filter(owner_id=actor.person_id, state__in=IN_HAND).exclude(kind=words.DECISION)
    return own.order_by("-created_at")


def done_first(actor: Actor) -> QuerySet[Change]:
    """What others did first, and nobody else has said yes to yet, that this person can; what is due first, first."""
    if not roles.allows(actor, "change.approve") or actor.person_id is None:
        return Change.objects.none()
    found = (
        Change.objects.filter(state="logged", due_at__isnull=False).select_related("owner").order_by("due_at")
    )
    return _not_own(found, actor)


def _not_own(found: QuerySet[Change], actor: Actor) -> QuerySet[Change]:
    """Without those that four eyes keep from this person, and those that they have said yes to already."""
    given = Approval.objects.filter(approver_id=actor.person_id, voided_at=None, expires_at__gt=clock.now())
    found = found.exclude(pk__in=given.values("change"))
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
