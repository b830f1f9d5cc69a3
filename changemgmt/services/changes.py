"""Filing changes: logging what was done, proposing what is to be done, drafting what nobody logged.

Filing needs the database and nothing else.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from changemgmt.core import words
from changemgmt.core.texts import clean_text
from changemgmt.models import Change, ChangeTemplate, Incident
from changemgmt.services.filing import (
    EXTERNAL_ID_LENGTH,
    Filing,
    client_of,
    draw_up,
    keep,
    prepare_ground,
)
from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.models import Person


def log_change(
    *,
    actor: Actor,
    title: str = "",
    description: str = "",
    reason: str = "",
    kind: str = "",
    template: ChangeTemplate | None = None,
    owner: Person | None = None,
    incident: Incident | None = None,
    hosts: Sequence[str] = (),
    resources: Sequence[str] = (),
    selector: str = "",
    happened_at: datetime | None = None,
    planned_start: datetime | None = None,
    planned_end: datetime | None = None,
    plan: str = "",
    backout: str = "",
    risk: str = "",
    external_id: str = "",
    links: Mapping[str, Any] | None = None,
) -> tuple[Change, bool]:
    """Record what was done, or propose what is to be done; returns the change and whether it is new.

    1. The same client's earlier record with this `external_id` is returned as it is, and nothing is written.
    2. What it says decides where it begins: an emergency (unless `kind` or `template` say else) and whatever has a
       `happened_at` is logged; a normal change without is proposed; one from a template is ready. See `draw_up`.
    3. Record, ledger entry and event (`change.logged`, `.proposed`, `.prepared`) are written in one transaction.
    """
    roles.require(actor, "change.log")
    client = client_of(actor)
    external_id = clean_text("external_id", external_id, most=EXTERNAL_ID_LENGTH)
    if external_id and (known := _find_known(client, external_id)):
        return known, False
    filing = Filing(
        title=title,
        description=description,
        reason=reason,
        kind=kind,
        template=template,
        owner=owner,
        incident=incident,
        hosts=hosts,
        resources=resources,
        selector=selector,
        happened_at=happened_at,
        planned_start=planned_start,
        planned_end=planned_end,
        plan=plan,
        backout=backout,
        risk=risk,
        external_id=external_id,
        links=links,
    )
    drawn = draw_up(actor=actor, filing=filing, ground=prepare_ground(actor=actor, filings=[filing]))
    try:
        # A savepoint is only for what may be there already.
        with transaction.atomic(savepoint=bool(external_id)):
            (change,) = keep(actor=actor, drawn=[drawn])
    except IntegrityError as error:
        if (
            external_id
            and "change_external_id_once" in str(error)
            and (known := _find_known(client, external_id))
        ):
            return known, False  # the same request, sent twice at once
        raise
    return change, True


def _find_known(client: UUID, external_id: str) -> Change | None:
    return Change.objects.filter(client_id=client, external_id=external_id).first()


def draft_change(
    *,
    incident: Incident,
    title: str,
    description: str = "",
    hosts: Sequence[str] = (),
    resources: Sequence[str] = (),
    happened_at: datetime | None = None,
    claimant: Person | None = None,
    links: Mapping[str, Any] | None = None,
) -> Change:
    """Foldback writes down what was done in an incident and nobody logged. It is `claimant`'s, who said so of what was
    found, else the commander's, until a person claims or confirms it. Emits `change.drafted`."""
    filing = Filing(
        title=title,
        description=description,
        kind=words.EMERGENCY,
        claimant=claimant,
        incident=incident,
        hosts=hosts,
        resources=resources,
        happened_at=happened_at,
        links=links,
        is_draft=True,
    )
    drawn = draw_up(actor=SYSTEM, filing=filing, ground=prepare_ground(actor=SYSTEM, filings=[filing]))
    with transaction.atomic():
        (change,) = keep(actor=SYSTEM, drawn=[drawn])
    return change
