"""Hosts one by one: added, changed, taken out of service."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import F

from common import clock
from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, Invalid
from common.services.ledger import record_entry, transition
from common.services.outbox import emit_event
from inventory.core.host_fields import EDITABLE, field_problems
from inventory.core.jump_hosts import jump_problems
from inventory.core.lifecycles import HOST
from inventory.models import Credential, Host, Site, Team
from inventory.services.permissions import require


def create_host(
    *,
    actor: Actor,
    name: str,
    environment: str,
    roles: Sequence[str] = (),
    team: Team | None = None,
    variables: Mapping[str, Any] | None = None,
    address: str = "",
    port: int = 22,
    user: str = "",
    transport: str = "ssh",
    root: str = "",
    credential: Credential | None = None,
    jump_host: Host | None = None,
    site: str = "",
) -> Host:
    """A new host; raises Invalid naming every field that can't be kept, Conflict for a taken name."""
    require(actor, "host.edit")
    host = Host(
        name=name,
        environment=environment,
        roles=list(roles),
        team=team,
        variables=dict(variables or {}),
        address=address,
        port=port,
        user=user,
        transport=transport,
        root=root,
        credential=credential,
        jump_host=jump_host,
        site=site,
    )
    _check(host)
    try:
        with transaction.atomic():
            host.save(force_insert=True)
            if jump_host is not None:
                check_jump_hosts([host.name])
            record_entry(actor=actor, action="host.created", subject=host, data=told(host))
            emit_event(type="host.created", subject=host, data={"name": name})
    except IntegrityError:
        raise taken(name) from None
    return host


def update_host(*, actor: Actor, host: Host, changes: Mapping[str, Any]) -> None:
    """Change some of EDITABLE; only those are written. Raises Invalid, or Conflict if it changed since it was read."""
    require(actor, "host.edit")
    unknown = set(changes) - set(EDITABLE)
    if unknown:
        raise ValueError(f"not a host's editable field: {sorted(unknown)}")
    if host.state != Host.ACTIVE:
        raise Conflict(f"{host} has been decommissioned, and is kept as it was.")
    before = told(host)
    for field, value in changes.items():
        setattr(host, field, value)
    _check(host)
    after = told(host)
    changed = [field for field in changes if before[field] != after[field]]
    if not changed:
        return
    with transaction.atomic():
        moved = Host.objects.filter(pk=host.pk, version=host.version, state=Host.ACTIVE).update(
            version=F("version") + 1, **{field: changes[field] for field in changed}
        )
        if not moved:
            raise Conflict(f"{host} has changed since you read it. Read it again and decide anew.")
        if "jump_host" in changed:
            check_jump_hosts([host.name])
        data = {field: [before[field], after[field]] for field in changed}
        record_entry(actor=actor, action="host.updated", subject=host, data=data)
        emit_event(type="host.updated", subject=host, data={"name": host.name, "fields": changed})
    host.refresh_from_db()


def decommission_host(*, actor: Actor, host: Host) -> None:
    """Take a host out of service: selectors no longer find it. Its record, keys and history stay (and so it can be
    told from one that never was); `recommission_host` takes it back."""
    require(actor, "host.edit")
    transition(
        actor=actor,
        lifecycle=HOST,
        subject=host,
        event="decommission",
        action="host.decommissioned",
        fields={"decommissioned_at": clock.now(), "version": F("version") + 1},
        emits="host.decommissioned",
    )
    host.refresh_from_db()


def told(host: Host) -> dict[str, Any]:
    """The editable fields as the ledger and the import comparison write them: names instead of rows."""
    return {
        "environment": host.environment,
        "roles": list(host.roles),
        "team": host.team.name if host.team else None,
        "variables": dict(host.variables),
        "address": host.address,
        "port": host.port,
        "user": host.user,
        "transport": host.transport,
        "root": host.root,
        "credential": host.credential.name if host.credential else None,
        "jump_host": host.jump_host.name if host.jump_host else None,
        "site": host.site,
    }


def _check(host: Host) -> None:
    problems = field_problems({"name": host.name, **told(host)})
    jump = host.jump_host
    if jump is not None and jump.transport != "ssh":
        problems.append(("jump_host", f"{jump} is a local folder: nobody is reached through it"))
    elif jump is not None and jump.state != Host.ACTIVE:
        problems.append(("jump_host", f"{jump} has been decommissioned"))
    if other := Site.objects.filter(name__iexact=host.site).exclude(name=host.site).first():
        problems.append(("site", f"the site is called {other}"))
    if problems:
        errors = [FieldError(f"/{field}", problem) for field, problem in problems]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise Invalid(f"{problems[0][0]}: {problems[0][1]}{more}", errors=errors)


def check_jump_hosts(changed: Collection[str]) -> None:
    """Raise Invalid where a way leads in a ring, or over too many. Call it in the transaction that wrote them."""
    lock_jump_hosts()
    rows = Host.objects.exclude(jump_host=None).values_list("name", "jump_host__name")
    for problem in jump_problems(dict(rows), changed).values():
        raise Invalid(f"jump_host: {problem}", errors=[FieldError("/jump_host", problem)])


def lock_jump_hosts() -> None:
    """Nobody else writes who is reached through whom until the transaction has ended."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('jump hosts', 0))")


def taken(name: str) -> Conflict:
    known = Host.objects.filter(name__iexact=name).first()
    if known is not None and known.state != Host.ACTIVE:
        return Conflict(f"{known} was decommissioned, and its name is not given again. Choose another name.")
    return Conflict(f"There is a host {known or name} already.")
