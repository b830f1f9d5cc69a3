"""What happens to a host besides edits: it is renamed, installed anew, or taken back into service."""

from django.db import IntegrityError, transaction
from django.db.models import F

from common import clock
from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, Invalid
from common.services.ledger import record_entry, transition
from common.services.outbox import emit_event
from inventory.core.lifecycles import HOST
from inventory.core.names import host_name_problem
from inventory.models import FormerName, Host
from inventory.services.hosts import taken
from inventory.services.permissions import require


def rename_host(*, actor: Actor, host: Host, name: str) -> None:
    """Call a host otherwise. Its history, findings, manifests and looks are its own and follow.

    Records that name it as text (changes, deployments, selectors) keep what they say, and are read with what it was
    called then; so its old name may be given to another host. What the definition says for the new name is not
    looked at here (see deployments.services.renaming). Raises Invalid, or Conflict for a name that is taken.
    """
    require(actor, "host.edit")
    if (problem := host_name_problem(name)) is not None:
        raise Invalid(f"name: {problem}", errors=[FieldError("/name", problem)])
    if host.state != Host.ACTIVE:
        raise Conflict(f"{host} has been decommissioned, and is kept as it was.")
    former = host.name
    if name == former:
        return
    try:
        with transaction.atomic():
            # The version moves, so that a look that was begun under the old name is not used.
            moved = Host.objects.filter(pk=host.pk, version=host.version, state=Host.ACTIVE).update(
                name=name, version=F("version") + 1
            )
            if not moved:
                raise Conflict(f"{host} has changed since you read it. Read it again and decide anew.")
            FormerName.objects.create(host=host, name=former, until=clock.now())
            host.refresh_from_db()
            record_entry(actor=actor, action="host.renamed", subject=host, data={"name": [former, name]})
            emit_event(type="host.renamed", subject=host, data={"name": name, "former": former})
    except IntegrityError:
        raise taken(name) from None


def mark_reimaged(*, actor: Actor, host: Host, reason: str = "") -> None:
    """The machine was installed anew: what was agreed, and what it said of itself, is over.

    Whoever keeps what was agreed begins again (`host.reimaged`). Its keys are pinned by whoever calls this.
    """
    require(actor, "host.enrol")
    now = clock.now()
    with transaction.atomic():
        moved = Host.objects.filter(pk=host.pk, state=Host.ACTIVE).update(
            reimaged_at=now, facts={}, version=F("version") + 1
        )
        if not moved:
            raise Conflict(f"{host} has been decommissioned; take it back into service first.")
        record_entry(actor=actor, action="host.reimaged", subject=host, data={"reason": reason})
        emit_event(type="host.reimaged", subject=host, data={"name": host.name, "at": now.isoformat()})
    host.refresh_from_db()


def recommission_host(*, actor: Actor, host: Host) -> None:
    """Take a decommissioned host back: selectors find it again. Its next look finds again what is still there."""
    require(actor, "host.edit")
    transition(
        actor=actor,
        lifecycle=HOST,
        subject=host,
        event="recommission",
        action="host.recommissioned",
        fields={"decommissioned_at": None, "version": F("version") + 1},
        emits="host.recommissioned",
    )
    host.refresh_from_db()
