"""Incidents: opened over a set of hosts, led by a commander, closed, looked back on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from changemgmt.core import words
from changemgmt.core.incidents import hosts_told, scope_told
from changemgmt.core.lifecycles import INCIDENT
from changemgmt.core.scope import clean_hosts
from changemgmt.core.texts import clean_text, clean_title
from changemgmt.core.times import check_happened_at
from changemgmt.models import Incident
from changemgmt.queries.scope import look_up_scope
from changemgmt.services.records import person_of, same_state, who_was_last
from changemgmt.services.timeline import tell
from common import clock
from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.core.errors import Conflict, FieldError, Invalid, PreconditionFailed
from common.models import Person
from common.services.ledger import record_entry, transition
from common.services.outbox import emit_event

EXTERNAL_ID_LENGTH = 200
EDITABLE = ("title", "description", "severity", "selector", "hosts", "commander", "started_at")


def open_incident(
    *,
    actor: Actor,
    title: str,
    selector: str = "",
    hosts: Sequence[str] = (),
    severity: str = words.MAJOR,
    commander: Person | None = None,
    started_at: datetime | None = None,
    description: str = "",
    external_id: str = "",
) -> tuple[Incident, bool]:
    """Harm to the service goes on; returns the incident and whether it is new.

    1. The same client's earlier incident with this `external_id` is returned as it is, and nothing is written.
    2. `selector` is resolved now and frozen; its hosts are added to `hosts`. A scope that nobody knows yet may be
       said later: opening must not wait for it.
    3. The commander is who is named, else the person who opens it, else the sponsor of the program's token.
    4. Incident, ledger entry, first line of the timeline and the event `incident.opened` are one transaction.
    """
    roles.require(actor, "incident.open")
    now = clock.now()
    external_id = clean_text("external_id", external_id, most=EXTERNAL_ID_LENGTH)
    lead = _check_commander(commander) if commander else person_of(actor)
    opener = person_of(actor)
    client = actor.token_id or opener.pk
    if external_id and (known := _find_known(client, external_id)):
        return known, False
    selector = selector.strip()
    fields = {
        "title": clean_title("title", title),
        "description": clean_text("description", description),
        "severity": _check_severity(severity),
        "selector": selector,
        "hosts": _resolve(hosts, selector),
        "started_at": check_happened_at(started_at, now, field="started_at") or now,
    }
    try:
        with transaction.atomic():
            incident = Incident.objects.create(
                commander=lead,
                opened_by=opener,
                recorded_via=actor.label,
                token_id=actor.token_id,
                client_id=client,
                external_id=external_id,
                **fields,
            )
            data = {
                "title": incident.title,
                "severity": incident.severity,
                "commander": lead.username,
                "hosts": incident.hosts,
                "started_at": incident.started_at.isoformat(),
            }
            record_entry(actor=actor, action="incident.opened", subject=incident, data=data)
            where = f"over {hosts_told(incident.hosts)}" if incident.hosts else "without a scope so far"
            text = f"{incident.reference} was opened {where}; {lead.name} leads"
            tell(incident=incident, kind="opened", text=text, at=now, actor=actor)
            emit_event(type="incident.opened", subject=incident)
    except IntegrityError as error:
        if (
            external_id
            and "incident_external_id_once" in str(error)
            and (known := _find_known(client, external_id))
        ):
            return known, False  # the same request, sent twice at once
        raise
    return incident, True


def _find_known(client: UUID, external_id: str) -> Incident | None:
    return Incident.objects.filter(client_id=client, external_id=external_id).first()


def update_incident(
    *, actor: Actor, incident: Incident, fields: Mapping[str, Any], expected_version: int | None = None
) -> Incident:
    """Correct what an incident says; `fields` are of EDITABLE, `commander` is a Person.

    `selector` and `hosts` say the scope anew, together: one that is not given is empty then. Each thing that people
    in the room have to know (scope, severity, commander) gets a line of the timeline. Emits `incident.updated`.
    """
    roles.require(actor, "incident.edit")
    if unknown := set(fields) - set(EDITABLE):
        raise Invalid(f"These can't be edited: {', '.join(sorted(unknown))}.")
    cleaned = {name: _clean(name, value) for name, value in fields.items()}
    if "selector" in cleaned or "hosts" in cleaned:
        cleaned["selector"] = cleaned.get("selector", "")
        cleaned["hosts"] = _resolve(cleaned.get("hosts", ()), cleaned["selector"])
    with transaction.atomic():
        locked = lock_incident(incident)
        if expected_version is not None and locked.version != expected_version:
            raise PreconditionFailed(
                "Read it again, look at what changed, and send your change with the new ETag."
            )
        if locked.state == "reviewed":
            raise Conflict(f"{locked} is reviewed: what it says stays. Its timeline still takes lines.")
        changed = {name: value for name, value in cleaned.items() if getattr(locked, name) != value}
        if not changed:
            return locked
        if "started_at" in changed and locked.closed_at and changed["started_at"] > locked.closed_at:
            _refuse("started_at", "it can't have begun after it was closed")
        before = {name: getattr(locked, name) for name in changed}
        _write(locked, **changed)
        _tell_of(actor, locked, before)
        data = {
            "from": {name: _plain(value) for name, value in before.items()},
            "to": {name: _plain(value) for name, value in changed.items()},
        }
        record_entry(actor=actor, action="incident.updated", subject=locked, data=data)
        emit_event(type="incident.updated", subject=locked, data={"fields": sorted(changed)})
    return locked


def hand_over_incident(*, actor: Actor, incident: Incident, commander: Person, note: str = "") -> Incident:
    """Somebody else leads from now on; `note` is what they have to know, and stands on the timeline.

    Raises Conflict when somebody handed it to another person since it was read.
    """
    roles.require(actor, "incident.edit")
    note = clean_text("note", note)
    with transaction.atomic():
        locked = lock_incident(incident)
        if locked.commander_id not in (incident.commander_id, commander.pk):
            raise Conflict(
                f"{locked.commander.name} leads {locked} by now: {who_was_last(locked)}. Read it again and decide anew."
            )
        handed = update_incident(actor=actor, incident=incident, fields={"commander": commander})
        if note:
            tell(incident=handed, kind=words.NOTE, text=f"Handover: {note}", at=clock.now(), actor=actor)
    return handed


def hand_over_led(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `person.deactivated`: what they led and is not over goes to the successor that was named, else to the
    lead of the team that has its hosts, else to whoever let them go."""
    leaver = Person.objects.filter(pk=subject_id, is_active=False).first()
    led = Incident.objects.filter(commander_id=subject_id, state__in=("open", "closed")).order_by("number")
    for incident in led if leaver is not None else ():
        candidates = (data.get("successor"), look_up_scope(incident.hosts).lead, data.get("by"))
        heir = next((one for one in map(_active, candidates) if one is not None), None)
        if heir is not None:
            hand_over_incident(actor=SYSTEM, incident=incident, commander=heir)


def _active(person_id: Any) -> Person | None:
    return Person.objects.filter(pk=person_id, is_active=True).first() if person_id else None


def close_incident(*, actor: Actor, incident: Incident, summary: str = "") -> Incident:
    """The harm has ended. Emits `incident.closed`: its scope is looked at again, and what nobody logged is drafted.

    `summary`, what it was and what helped, is kept as its description where it has none yet.
    """
    roles.require(actor, "incident.edit")
    summary = clean_text("summary", summary)
    now = clock.now()
    with transaction.atomic():
        locked = _lock_to(incident, "close")
        fields: dict[str, Any] = {"closed_at": now}
        if summary and not locked.description:
            fields["description"] = summary
        _move(actor, locked, "close", "incident.closed", {"summary": summary} if summary else {}, **fields)
        text = f"Closed: {summary}" if summary else "Closed"
        tell(incident=locked, kind="closed", text=text, at=now, actor=actor)
    return locked


def reopen_incident(*, actor: Actor, incident: Incident, reason: str) -> Incident:
    """It was not over. Emits `incident.reopened`; what was drafted stays, and is not drafted again."""
    roles.require(actor, "incident.edit")
    reason = clean_text("reason", reason, required=True)
    with transaction.atomic():
        locked = _lock_to(incident, "reopen")
        _move(actor, locked, "reopen", "incident.reopened", {"reason": reason}, closed_at=None)
        tell(incident=locked, kind="reopened", text=f"Reopened: {reason}", at=clock.now(), actor=actor)
    return locked


def review_incident(*, actor: Actor, incident: Incident, text: str) -> Incident:
    """What was learnt is written down, by a person; the incident's own record ends with it. Emits `incident.reviewed`."""
    roles.require(actor, "incident.edit")
    text = clean_text("text", text, required=True)
    person, now = person_of(actor), clock.now()
    with transaction.atomic():
        locked = _lock_to(incident, "review")
        data = {"review": text}
        fields = {"review": text, "reviewed_by": person, "reviewed_at": now}
        _move(actor, locked, "review", "incident.reviewed", data, **fields)
        tell(incident=locked, kind="reviewed", text="The review is written", at=now, actor=actor)
    return locked


def lock_incident(incident: Incident) -> Incident:
    """The row as it is now, locked until the transaction ends: against other writers, not against changes that are
    filed for it meanwhile."""
    return Incident.objects.select_for_update(no_key=True).get(pk=incident.pk)


def _lock_to(incident: Incident, event: str) -> Incident:
    """The same; raises Conflict, saying who was first, when its state moved since it was read, or is none for this."""
    locked = lock_incident(incident)
    same_state(locked, incident)
    if (locked.state, event) not in INCIDENT.table:
        raise Conflict(f"You can't {event} {locked}: it is {locked.state} ({who_was_last(locked)}).")
    return locked


def _move(
    actor: Actor, locked: Incident, event: str, action: str, data: dict[str, Any], **fields: Any
) -> None:
    transition(
        actor=actor,
        lifecycle=INCIDENT,
        subject=locked,
        event=event,
        action=action,
        data=data,
        fields={"version": locked.version + 1, "updated_at": clock.now(), **fields},
        emits=action,
    )


def _write(incident: Incident, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(incident, name, value)
    incident.version += 1
    incident.updated_at = clock.now()
    incident.save(update_fields=[*fields, "version", "updated_at"])


def _tell_of(actor: Actor, incident: Incident, before: Mapping[str, Any]) -> None:
    now = clock.now()
    if "hosts" in before and (told := scope_told(before["hosts"], incident.hosts)):
        text = f"Its scope is {hosts_told(incident.hosts)} now; {told}"
        tell(incident=incident, kind="scope", text=text, at=now, actor=actor)
    if "severity" in before:
        text = f"Severity: {incident.severity} (it was {before['severity']})"
        tell(incident=incident, kind="severity", text=text, at=now, actor=actor)
    if "commander" in before:
        text = f"{incident.commander.name} leads now; it was {before['commander'].name}"
        tell(incident=incident, kind="commander", text=text, at=now, actor=actor)


def _resolve(hosts: Sequence[str], selector: str) -> list[str]:
    return clean_hosts(look_up_scope(clean_hosts(hosts), selector).hosts)


def _clean(name: str, value: Any) -> Any:
    if name == "title":
        return clean_title("title", value)
    if name == "severity":
        return _check_severity(value)
    if name == "commander":
        return _check_commander(value)
    if name == "started_at":
        return check_happened_at(value, clock.now(), field="started_at")
    if name == "hosts":
        return clean_hosts(value)
    return clean_text(name, value)


def _check_severity(severity: str) -> str:
    if severity not in words.SEVERITIES:
        _refuse("severity", f"{severity[:40]!r} is not one of these: {', '.join(words.SEVERITIES)}")
    return severity


def _check_commander(person: Person) -> Person:
    if not person.is_active:
        _refuse("commander", f"{person.username} is not active, and can't lead an incident")
    return person


def _refuse(field: str, problem: str) -> None:
    raise Invalid(f"/{field}: {problem}.", errors=[FieldError(f"/{field}", problem)])


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.username if isinstance(value, Person) else value
