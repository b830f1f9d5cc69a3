"""The cast and small records that tests share.

Ana (ops) requests, Ben (release manager) approves, Cy (admin) operates, Dee (auditor) must be refused.
"""

import secrets
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from changemgmt.models import Change
from changemgmt.services.changes import log_change
from changemgmt.services.proposals import propose_change
from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.models import Job, Person, Token
from common.services.jobs import create_job
from common.services.people import actor_for_person, actor_for_token, create_person, create_token
from inventory.models import Host, Team

CAST = {"ana": roles.OPS, "ben": roles.RELEASE_MANAGER, "cy": roles.ADMIN, "dee": roles.AUDITOR}
DIGEST = "a" * 64
OTHER_DIGEST = "b" * 64


def person(username: str, role: str = "") -> Person:
    """Somebody of the cast (or anybody, with a role); the same person each time."""
    found = Person.objects.filter(username=username).first()
    if found is None:
        found = create_person(
            actor=SYSTEM, username=username, name=username.capitalize(), role=role or CAST[username]
        )
    return found


def acting(who: Person | str) -> Actor:
    return actor_for_person(person(who) if isinstance(who, str) else who)


def token(
    sponsor: Person | str = "ana",
    *,
    name: str = "ci",
    role: str = roles.AUTOMATION,
    scopes: Sequence[str] = (),
) -> tuple[Token, str]:
    """A token and its text; by default a program that Ana answers for."""
    sponsor = person(sponsor) if isinstance(sponsor, str) else sponsor
    return create_token(actor=SYSTEM, name=name, role=role, sponsor=sponsor, scopes=list(scopes))


def program(sponsor: Person | str = "ana", *, name: str = "ci") -> Actor:
    return actor_for_token(token(sponsor, name=name)[0])


def team(name: str = "payments", lead: Person | str = "ben") -> Team:
    lead = person(lead) if isinstance(lead, str) else lead
    return Team.objects.get_or_create(name=name, defaults={"lead": lead})[0]


def host(name: str = "web-1", *, owned_by: Team | None = None, host_roles: Sequence[str] = ("web",)) -> Host:
    return Host.objects.create(name=name, environment="prod", roles=list(host_roles), team=owned_by)


def logged(who: Person | str | Actor = "ana", **fields: Any) -> Change:
    """A change that somebody recorded."""
    actor = who if isinstance(who, Actor) else acting(who)
    change, _ = log_change(actor=actor, **{"title": "raised worker_connections to 4096", **fields})
    return change


def proposed(
    who: Person | str = "ana", *, made_by: Sequence[UUID] = (), digest: str = DIGEST, **fields: Any
) -> Change:
    """A decision that waits for approval."""
    values = {
        "title": "Fold back DRF-1 into roles/web",
        "reason": "it keeps checkout up",
        "hosts": ["web-1", "web-2"],
        "resources": ["file:/etc/nginx/nginx.conf"],
    }
    return propose_change(actor=acting(who), digest=digest, made_by=made_by, **(values | fields))


def job(batches: Sequence[Sequence[Any]] = ((1, 2), (3,)), *, kind: str = "scan", who: str = "ana") -> Job:
    """A job about some record (here: a person, which any record will do for)."""
    return create_job(actor=acting(who), kind=kind, subject=person(who), batches=batches)


def unique(prefix: str = "x") -> str:
    return f"{prefix}-{secrets.token_hex(6)}"


def in_threads(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls at once, each in a thread with a connection of its own; results or exceptions, in order."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    from django.db import connection

    start = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            start.wait(timeout=10)
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, call) for call in calls]]
