"""What other tools report becomes incidents, lines of their timelines, and changes: each message once.

Nobody is at the other end to correct a mistake. So what can be taken is taken, and what can't is said in the record.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import transaction

from changemgmt.core import hooks
from changemgmt.core.hooks import Signal
from changemgmt.core.scope import clean_hosts, clean_resources
from changemgmt.core.times import SLACK
from changemgmt.models import Change, Incident
from changemgmt.queries.scope import known_hosts, selected_hosts
from changemgmt.services.changes import log_change
from changemgmt.services.incidents import lock_incident, open_incident, update_incident
from changemgmt.services.timeline import tell
from common import clock
from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.core.errors import Invalid


@dataclass(frozen=True)
class Taken:
    """What came of a message: the incident or change that it made or belongs to, and whether that is new."""

    incident: Incident | None = None
    change: Change | None = None
    is_new: bool = False
    said: str = ""


@dataclass(frozen=True)
class _Scope:
    hosts: list[str]
    problems: list[str]


def take_signal(*, actor: Actor, signal: Signal, selector: str = "") -> Taken:
    """Do what a message means. `selector` is the scope that the hook's address says, where the message has none.

    An incident is led by the token's sponsor, and a change is theirs until somebody claims it.
    """
    signal = replace(
        signal,
        at=_not_ahead(signal.at),
        started_at=_not_ahead(signal.started_at),
        selector=signal.selector or selector.strip(),
    )
    if signal.what == hooks.NOTHING:
        return Taken(said=signal.line)
    if signal.what == hooks.CHANGE:
        return _log(actor, signal)
    roles.require(actor, "incident.open")
    with transaction.atomic():
        known = _known_incident(actor, signal.key)
        if signal.what == hooks.LINE or (known is not None and not _is_another(known, signal)):
            return _note(actor, signal, known)
        return _open(actor, signal, known)


def _known_incident(actor: Actor, key: str) -> Incident | None:
    """The latest that this client opened for this key; a later one has the time when it began behind it."""
    client = actor.token_id or actor.person_id
    if not key or client is None:
        return None
    own = Incident.objects.filter(client_id=client)
    found = own.filter(external_id=key) | own.filter(external_id__startswith=f"{key}@")
    return found.order_by("-created_at").first()


def _is_another(known: Incident, signal: Signal) -> bool:
    """Whether something of it began after the last one was closed."""
    return known.closed_at is not None and any(at > known.closed_at for at in signal.began)


def _open(actor: Actor, signal: Signal, earlier: Incident | None) -> Taken:
    scope = _scope_of(signal)
    key = signal.key
    if earlier is not None and earlier.closed_at is not None:
        began = min(at for at in signal.began if at > earlier.closed_at)
        key = f"{signal.key}@{began:%Y-%m-%dT%H:%M:%S.%f}"
    incident, is_new = open_incident(
        actor=actor,
        title=signal.title,
        description="\n".join([*filter(None, (signal.text, signal.link)), *scope.problems]),
        selector=signal.selector if not scope.problems else "",
        hosts=scope.hosts,
        severity=signal.severity,
        started_at=signal.started_at,
        external_id=key,
    )
    if is_new and signal.line:
        at = signal.at or clock.now()
        tell(incident=incident, kind="note", text=signal.line, at=at, actor=actor, event_id=_event_id(signal))
    return Taken(incident=incident, is_new=is_new, said="opened" if is_new else "it is there already")


def _note(actor: Actor, signal: Signal, known: Incident | None) -> Taken:
    if known is None:
        return Taken(said="nothing was opened for this")
    locked = lock_incident(known)
    more = [host for host in _scope_of(signal).hosts if host not in locked.hosts] if signal.names else []
    if more and locked.state == "open":
        # At its own word, what fires elsewhere too is inside; a selector is not resolved anew.
        locked = update_incident(actor=SYSTEM, incident=locked, fields={"hosts": [*locked.hosts, *more]})
    if signal.line:
        tell(
            incident=locked,
            kind="note",
            text=signal.line,
            at=signal.at or clock.now(),
            actor=actor,
            event_id=_event_id(signal),
        )
    return Taken(incident=locked, said="it is there already")


def _event_id(signal: Signal) -> UUID | None:
    return uuid5(NAMESPACE_URL, signal.event) if signal.event else None


def _log(actor: Actor, signal: Signal) -> Taken:
    scope = _scope_of(signal)
    resources, problems = _resources(signal)
    change, is_new = log_change(
        actor=actor,
        title=signal.title,
        description="\n".join([*filter(None, (signal.text,)), *scope.problems, *problems]),
        hosts=scope.hosts,
        resources=resources,
        happened_at=signal.started_at,
        external_id=signal.key,
        links={"source": signal.link} if signal.link else None,
    )
    return Taken(change=change, is_new=is_new, said="logged" if is_new else "it is there already")


def _resources(signal: Signal) -> tuple[list[str], list[str]]:
    try:
        return clean_resources(signal.resources), []
    except Invalid as error:
        return [], [f"The resources that came with it can't be kept: {error.detail}"]


def _scope_of(signal: Signal) -> _Scope:
    """The hosts that are meant: those of the selector, and the names that inventory knows, in full or by their first
    part. What it doesn't know, and a selector that can't be read, is said."""
    hosts, problems = [], []
    if signal.selector:
        try:
            hosts = selected_hosts(signal.selector)
        except Invalid as error:
            problems.append(f"The scope {signal.selector[:200]!r} could not be used: {error.detail}")
    short = {name: name.partition(".")[0] for name in signal.names}
    known = known_hosts([*signal.names, *short.values()])
    strange = []
    for name in signal.names:
        found = known.get(name.lower()) or known.get(short[name].lower())
        if found is not None:
            hosts.append(found.name)
        else:
            strange.append(name[:100])
    if strange:
        problems.append(f"Named, and not known here: {', '.join(strange[:20])}")
    return _Scope(clean_hosts(hosts), problems)


def _not_ahead(at: datetime | None) -> datetime | None:
    """Other tools' clocks may be wrong: a time that lies ahead is no reason to lose what they say."""
    return None if at is not None and at > clock.now() + SLACK else at
