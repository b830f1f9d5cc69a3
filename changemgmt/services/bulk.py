"""Many changes in one call: each is filed or refused by itself, and all of them take the same few statements."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from changemgmt.core.texts import clean_text
from changemgmt.models import Change
from changemgmt.services.filing import (
    EXTERNAL_ID_LENGTH,
    Drawn,
    Filing,
    client_of,
    draw_up,
    keep,
    prepare_ground,
)
from common.core import roles
from common.core.actor import Actor
from common.core.errors import FoldbackError

MOST = 1_000


@dataclass(frozen=True)
class Filed:
    """What became of one: `change`, and whether it is new; or why it was refused."""

    change: Change | None = None
    created: bool = False
    error: FoldbackError | None = None


def log_changes(*, actor: Actor, filings: Sequence[Filing | FoldbackError]) -> list[Filed]:
    """File each of these as `log_change` would; what came as an error is handed through in its place.

    One that can't be taken does not sink the others. An `external_id` that this client used before, also in an
    earlier one of these, means that record. What is written is written in one transaction.
    """
    roles.require(actor, "change.log")
    try:
        return _file(actor, filings)
    except IntegrityError as error:
        if "change_external_id_once" not in str(error):
            raise
    return _file(actor, filings)  # somebody sent one of them just now: it is known this time


def _file(actor: Actor, filings: Sequence[Filing | FoldbackError]) -> list[Filed]:
    known = _known(actor, filings)
    wanted = [one for one in filings if isinstance(one, Filing) and one.external_id.strip() not in known]
    ground = prepare_ground(actor=actor, filings=wanted)
    filed: list[Filed | Drawn] = []
    begun: dict[str, Drawn] = {}
    for one in filings:
        if isinstance(one, FoldbackError):
            filed.append(Filed(error=one))
            continue
        name = one.external_id.strip()
        if name in known:
            filed.append(Filed(known[name]))
        elif name in begun:
            filed.append(Filed(begun[name].change))
        else:
            try:
                drawn = draw_up(actor=actor, filing=one, ground=ground)
            except FoldbackError as error:
                filed.append(Filed(error=error))
                continue
            filed.append(drawn)
            if name:
                begun[name] = drawn
    new = [one for one in filed if isinstance(one, Drawn)]
    if new:
        with transaction.atomic():
            keep(actor=actor, drawn=new)
    return [Filed(one.change, created=True) if isinstance(one, Drawn) else one for one in filed]


def _known(actor: Actor, filings: Sequence[Filing | FoldbackError]) -> dict[str, Change]:
    """Records that this client filed before, by their external ids."""
    names = {one.external_id.strip() for one in filings if isinstance(one, Filing)} - {""}
    names = {clean_text("external_id", name) for name in names if len(name) <= EXTERNAL_ID_LENGTH}
    if not names:
        return {}
    rows = Change.objects.select_related("owner").filter(client_id=client_of(actor), external_id__in=names)
    return {change.external_id: change for change in rows}
