"""How changes come to be: what is looked up for them, what they say, and how they are written.

One change or a thousand take the same statements: `prepare_ground` looks up, `draw_up` decides about each without a
query (so that one that can't be taken does not sink the others), `keep` writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from changemgmt.core import words
from changemgmt.core.filing import begins_as, check_plan, check_planned, check_risk, invalid, kind_of
from changemgmt.core.links import clean_links
from changemgmt.core.ownership import choose_owner
from changemgmt.core.requirements import Policy
from changemgmt.core.scope import clean_hosts, clean_resources
from changemgmt.core.texts import clean_text, clean_title
from changemgmt.core.times import check_happened_at
from changemgmt.models import Change, ChangeTemplate, Incident
from changemgmt.queries.ground import NearIncident, look_up_ground
from changemgmt.queries.scope import KnownHost, scope_of, selected_hosts
from changemgmt.services.records import person_of
from changemgmt.services.timeline import timeline_of_filed
from changemgmt.services.weighing import fit_template, weigh
from common import clock
from common.core.actor import Actor
from common.core.errors import Invalid
from common.models import Person
from common.services.ledger import record_and_emit
from common.services.rows import insert_referenced

NOBODY = UUID(int=0)  # the client of what Foldback itself records
EXTERNAL_ID_LENGTH = 200
LATE = timedelta(days=7)
"""How long after an incident was closed what was done in it may still arrive, and be found to belong to it."""
_ACTIONS = {
    "logged": "change.logged",
    "proposed": "change.proposed",
    "ready": "change.prepared",
    "drafted": "change.drafted",
}


@dataclass(frozen=True)
class Filing:
    """What somebody wants to file, as it was said. `is_history`: an old record, which nobody has to approve now.
    `is_draft`: Foldback wrote it down, and a person has to confirm it."""

    title: str = ""
    description: str = ""
    reason: str = ""
    kind: str = ""
    template: ChangeTemplate | None = None
    owner: Person | None = None
    claimant: Person | None = None  # who has said already that it was them
    incident: Incident | None = None
    hosts: Sequence[str] = ()
    resources: Sequence[str] = ()
    selector: str = ""
    happened_at: datetime | None = None
    planned_start: datetime | None = None
    planned_end: datetime | None = None
    plan: str = ""
    backout: str = ""
    risk: str = ""
    external_id: str = ""
    links: Mapping[str, Any] | None = None
    is_history: bool = False
    is_draft: bool = False


@dataclass(frozen=True)
class Ground:
    """What filings stand on, looked up once for all of them."""

    now: datetime
    recorder: Person | None  # the actor's own person; None for a program
    known: Mapping[str, KnownHost]
    selected: Mapping[str, Sequence[str] | Invalid]
    policies: Sequence[Policy]
    incidents: Sequence[NearIncident]


@dataclass(frozen=True)
class Drawn:
    """A change that can be written, and what the ledger keeps of it."""

    change: Change
    data: dict[str, Any]


def client_of(actor: Actor) -> UUID:
    """Whose external ids the actor's are."""
    return actor.token_id or actor.person_id or NOBODY


def prepare_ground(*, actor: Actor, filings: Sequence[Filing]) -> Ground:
    """Look up what these filings need: a constant number of queries, and one more for each distinct selector."""
    selectors = {filing.selector.strip() for filing in filings}
    selectors |= {filing.template.selector for filing in filings if filing.template is not None}
    selected = {selector: _select(selector) for selector in selectors if selector}
    names: set[str] = {name.strip() for filing in filings for name in filing.hosts}
    for hosts in selected.values():
        if not isinstance(hosts, Invalid):
            names.update(hosts)
    now = clock.now()
    known, policies, incidents = look_up_ground(names, _earliest(filings, now))
    return Ground(
        now=now,
        recorder=person_of(actor) if actor.kind == "person" else None,
        known=known,
        selected=selected,
        policies=policies,
        incidents=incidents,
    )


def _select(selector: str) -> Sequence[str] | Invalid:
    try:
        return selected_hosts(selector)
    except Invalid as error:
        return error


def _earliest(filings: Sequence[Filing], now: datetime) -> datetime:
    """When the first of them happened, as far back as somebody may tell it late."""
    told = (filing.happened_at for filing in filings if filing.happened_at is not None)
    return max(min((at for at in told if at.tzinfo), default=now), now - LATE)


def draw_up(*, actor: Actor, filing: Filing, ground: Ground) -> Drawn:
    """The change that this filing makes, not written yet; raises Invalid, saying what is wrong where.

    1. Kind, and with it where it begins: see `core.filing.begins_as`.
    2. What a template says is taken over from it; hosts and resources have to be within it.
    3. Hosts are frozen as text, with inventory's spelling.
    4. The one incident that went on when it happened and has all of them in its scope is its incident, unless another
       is named.
    5. The owner: named, else who records it, else the incident's commander, else the lead of the team that has all
       hosts, else the sponsor of the program's token.
    6. Risk, the approvals that it takes, and the digest of what they bind.
    """
    now, template = ground.now, filing.template
    kind = kind_of(filing.kind, from_template=template is not None)
    state, is_due = begins_as(
        kind, from_template=template is not None, happened=filing.happened_at is not None
    )
    if filing.is_draft:
        state = "drafted"
    is_ahead = state in words.NOT_DONE
    happened_at = check_happened_at(filing.happened_at, now) or now
    planned_start, planned_end = check_planned(
        filing.planned_start, filing.planned_end, now, is_ahead=is_ahead
    )
    selector = filing.selector.strip()
    wanted = [*clean_hosts(filing.hosts), *_hosts_of(ground, selector, "/selector")]
    scope = scope_of(wanted, ground.known)
    change = Change(
        kind=kind,
        state=state,
        title=clean_title("title", filing.title or (template.title if template else "")),
        description=clean_text(
            "description", filing.description or (template.description if template else "")
        ),
        reason=clean_text("reason", filing.reason),
        recorded_via=actor.label,
        token_id=actor.token_id,
        client_id=client_of(actor),
        external_id=clean_text("external_id", filing.external_id, most=EXTERNAL_ID_LENGTH),
        happened_at=happened_at,
        hosts=clean_hosts(scope.hosts),
        resources=clean_resources(filing.resources),
        selector=clean_text("selector", selector),
        environments=scope.environments,
        links=clean_links(filing.links),
        plan=clean_text("plan", filing.plan),
        backout=clean_text("backout", filing.backout),
        planned_start=planned_start,
        planned_end=planned_end,
        risk_said=check_risk(filing.risk),
        due_at=now + timedelta(hours=settings.REVIEW_HOURS)
        if state == "drafted" or (state == "logged" and is_due and not filing.is_history)
        else None,
        created_at=now,
        updated_at=now,
    )
    if template is not None:
        fit_template(change, template, _hosts_of(ground, template.selector, "/template"))
    if state == "proposed":
        check_plan(change.plan, change.backout)
    incident, because = _incident_of(filing, change, ground)
    change.incident_id = incident.id if incident else None
    change.owner_id, change.owner_source = _find_owner(actor, filing, incident, scope.lead, ground)
    change.requested_by_id = actor.person_id or change.owner_id
    weigh(change, ground.policies)
    return Drawn(change, _summary(change, incident, because))


def _hosts_of(ground: Ground, selector: str, pointer: str) -> Sequence[str]:
    if not selector:
        return ()
    hosts = ground.selected[selector]
    if isinstance(hosts, Invalid):
        if pointer == "/selector":
            raise hosts
        raise invalid(pointer, f"what it is for can't be said now: {hosts.detail}")
    return hosts


def _incident_of(filing: Filing, change: Change, ground: Ground) -> tuple[NearIncident | None, str]:
    """(incident, how it was found): the one that was named, else the one that all hosts are in the scope of."""
    if filing.incident is not None:
        one = filing.incident
        commander = one.commander_id if one.commander.is_active else None
        return NearIncident(
            one.pk, one.reference, one.started_at, one.closed_at, commander, frozenset()
        ), "named"
    if not change.is_record or not change.hosts:
        return None, ""
    names = {name.lower() for name in change.hosts}
    found = [one for one in ground.incidents if one.went_on_at(change.happened_at) and names <= one.hosts]
    if len(found) != 1:
        return None, ""
    when = "open" if found[0].closed_at is None else "at that time"
    return found[0], f"it is the one incident {when} that has all of these hosts in its scope"


def _find_owner(
    actor: Actor, filing: Filing, incident: NearIncident | None, lead: UUID | None, ground: Ground
) -> tuple[UUID, str]:
    named = filing.owner
    if named is not None and not named.is_active:
        raise Invalid(f"/owner: {named.username} is not active, and can't answer for a change.")
    found = choose_owner(
        {
            words.NAMED: named.pk if named else None,
            words.RECORDER: ground.recorder.pk if ground.recorder else None,
            words.CLAIMANT: filing.claimant.pk if filing.claimant else None,
            words.COMMANDER: incident.commander if incident else None,
            words.TEAM_LEAD: lead,
            words.SPONSOR: actor.person_id,
        }
    )
    if found is None:
        raise Invalid("/owner: nobody answers for this change. Name its owner.")
    return found


def _summary(change: Change, incident: NearIncident | None, because: str) -> dict[str, Any]:
    """What the ledger keeps of a new change: enough to know later what was said at the time."""
    data = {
        "title": change.title,
        "kind": change.kind,
        "state": change.state,
        "owner": str(change.owner_id),
        "owner_source": change.owner_source,
        "hosts": change.hosts,
        "resources": change.resources,
        "happened_at": change.happened_at.isoformat(),
        "digest": change.digest,
        "risk": change.risk,
        "approvals_needed": change.approvals_needed,
    }
    if incident is not None:
        data |= {"incident": incident.reference, "incident_because": because}
    if change.template_id is not None and change.template is not None:
        data["template"] = f"{change.template.name}, version {change.template.version}"
    return data


def keep(*, actor: Actor, drawn: Sequence[Drawn], action: str = "") -> list[Change]:
    """Write these changes, their ledger entries and events: in a transaction of the caller's. Entries and events are
    called by where a change begins, unless `action` says else."""
    changes = [one.change for one in drawn]
    insert_referenced(changes)
    by_action: dict[str, list[tuple[Change, dict[str, Any]]]] = {}
    for one in drawn:
        by_action.setdefault(action or _ACTIONS[one.change.state], []).append((one.change, one.data))
    for name, subjects in by_action.items():
        lines = timeline_of_filed(change for change, _ in subjects)
        record_and_emit(actor=actor, action=name, emits=name, subjects=subjects, beside=lines)
    return changes
