"""Reports of other pushers: what went where, so that base can follow."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from common import clock
from common.core import roles
from common.core.actor import Actor
from common.core.errors import FieldError, Invalid, Unprocessable
from common.services.ledger import record_entry
from common.services.outbox import emit_event
from deployments.models import Deployment
from inventory.models import Host

EXTERNAL_ID_LENGTH = 200
CLOCK_SKEW = timedelta(minutes=5)


def report_deployment(
    *,
    actor: Actor,
    revision: str,
    hosts: Sequence[str],
    resources: Sequence[str] = (),
    deployed_at: datetime | None = None,
    external_id: str = "",
) -> tuple[Deployment, bool]:
    """Record that `revision` (a full commit id, checked against the definition by the caller: this service
    does no I/O) went to `hosts`; returns the report and whether it is new.

    The same client's earlier report with this `external_id` is returned as it is, and nothing is written.
    Raises Unprocessable, naming them, for hosts that the inventory doesn't have.
    """
    roles.require(actor, "deployment.report")
    if actor.person_id is None:
        raise Invalid(
            "Nobody answers for this report: it needs a person, or a program's token with a sponsor."
        )
    client = actor.token_id or actor.person_id
    external_id = external_id.strip()
    if known := find_reported(actor=actor, external_id=external_id):
        return known, False
    if len(external_id) > EXTERNAL_ID_LENGTH:
        raise Invalid(f"/external_id: {EXTERNAL_ID_LENGTH} characters at most.")
    names = _known_hosts(hosts)
    now = clock.now()
    if deployed_at is not None and deployed_at > now + CLOCK_SKEW:
        detail = "it is in the future; say when it was deployed"
        raise Unprocessable(f"/deployed_at: {detail}.", errors=[FieldError("/deployed_at", detail)])
    try:
        with transaction.atomic():
            deployment = Deployment.objects.create(
                revision=revision,
                hosts=names,
                resources=sorted(set(resources)),
                deployed_at=min(deployed_at or now, now),
                reported_by=actor.label,
                person_id=actor.person_id,
                token_id=actor.token_id,
                client_id=client,
                external_id=external_id,
            )
            deployment.refresh_from_db()
            record_entry(
                actor=actor,
                action="deployment.reported",
                subject=deployment,
                data={"revision": revision, "hosts": names, "resources": deployment.resources},
            )
            emit_event(type="deployment.reported", subject=deployment)
    except IntegrityError as error:
        if "deployment_external_id_once" in str(error) and (known := _find(client, external_id)):
            return known, False  # the same request, sent twice at once
        raise
    return deployment, True


def find_reported(*, actor: Actor, external_id: str) -> Deployment | None:
    """The actor's earlier report with this external id."""
    client = actor.token_id or actor.person_id
    return _find(client, external_id.strip()) if client else None


def _find(client: UUID, external_id: str) -> Deployment | None:
    if not external_id:
        return None
    return Deployment.objects.filter(client_id=client, external_id=external_id).first()


def _known_hosts(hosts: Sequence[str]) -> list[str]:
    names = sorted(set(hosts))
    if not names:
        raise Unprocessable("/hosts: name at least one host.", errors=[FieldError("/hosts", "empty")])
    known = set(Host.objects.filter(name__in=names, state=Host.ACTIVE).values_list("name", flat=True))
    unknown = [name for name in names if name not in known]
    if unknown:
        shown = ", ".join(unknown[:10]) + (f" and {len(unknown) - 10} more" if len(unknown) > 10 else "")
        raise Unprocessable(
            f"/hosts: not in the inventory: {shown}. Import or add them first, or leave them out.",
            errors=[FieldError(f"/hosts/{hosts.index(name)}", f"no host {name}") for name in unknown[:100]],
        )
    return names
