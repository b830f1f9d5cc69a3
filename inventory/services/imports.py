"""Importing an inventory: everything or nothing, told beforehand by a dry run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Lower

from common.core.actor import Actor
from common.core.errors import Conflict
from common.models import Person
from common.services.ledger import record_entry
from common.services.outbox import emit_event
from inventory.core.imports.compare import Comparison, HostChange, KnownHost, compare
from inventory.core.imports.plan import HostRow, ImportPlan, InventoryError
from inventory.models import Credential, FormerName, Host, HostImport, Site, Team
from inventory.services.hosts import lock_jump_hosts, told
from inventory.services.permissions import require
from inventory.services.teams import create_team

_BATCH = 500


@dataclass(frozen=True)
class ImportOutcome:
    """`record` is None for a dry run, which wrote nothing."""

    plan: ImportPlan
    comparison: Comparison
    record: HostImport | None


def import_hosts(
    *, actor: Actor, plan: ImportPlan, dry_run: bool = False, team_lead: Person | None = None
) -> ImportOutcome:
    """Create and change the plan's hosts, or (`dry_run`) only tell what that would do.

    With `team_lead`, teams that don't exist are created under that lead. Raises InventoryError with every
    problem (an unknown team or credential, a decommissioned host), and then nothing is written; hosts that
    the file does not name are left alone.
    """
    require(actor, "host.edit")
    if dry_run:
        return ImportOutcome(plan, _comparison(plan, _known_hosts(plan), team_lead), None)
    try:
        with transaction.atomic():
            lock_jump_hosts()
            known = _known_hosts(plan, lock=True)
            comparison = _comparison(plan, known, team_lead)
            for name in comparison.new_teams:
                assert team_lead is not None
                create_team(actor=actor, name=name, lead=team_lead)
            _write(comparison, known)
            record = _record(actor, plan, comparison)
    except IntegrityError:
        raise Conflict(
            "Somebody added some of these hosts just now. Nothing was imported; do it again."
        ) from None
    return ImportOutcome(plan, comparison, record)


def _known_hosts(plan: ImportPlan, *, lock: bool = False) -> dict[str, Host]:
    """The hosts that the plan names, by their names in lower case."""
    hosts = Host.objects.annotate(key=Lower("name")).select_related("team", "credential", "jump_host")
    if lock:
        hosts = hosts.select_for_update(of=("self",))
    return {host.name.lower(): host for host in hosts.filter(key__in=[row.name.lower() for row in plan.rows])}


def _comparison(plan: ImportPlan, known: dict[str, Host], team_lead: Person | None) -> Comparison:
    comparison = compare(
        plan,
        {key: KnownHost(host.name, host.state != Host.ACTIVE, told(host)) for key, host in known.items()},
        teams=list(Team.objects.values_list("name", flat=True)),
        credentials=list(Credential.objects.values_list("name", flat=True)),
        creates_teams=team_lead is not None,
        renamed=_renamed(plan),
        jump_hosts=_named(plan).values_list("name", flat=True),
        jumps=dict(Host.objects.exclude(jump_host=None).values_list("name", "jump_host__name")),
        sites=list(Site.objects.values_list("name", flat=True)),
    )
    if comparison.problems:
        raise InventoryError(sorted(comparison.problems, key=lambda problem: problem.line))
    return comparison


def _named(plan: ImportPlan) -> QuerySet[Host]:
    """The jump hosts that the plan names and that are known."""
    names = {row.jump_host.lower() for row in plan.rows if row.jump_host}
    hosts = Host.objects.annotate(key=Lower("name")).filter(state=Host.ACTIVE, transport="ssh")
    return hosts.filter(key__in=names)


def _renamed(plan: ImportPlan) -> dict[str, str]:
    """Names of the plan that an active host gave up: in lower case, with what it is called now."""
    gone = FormerName.objects.annotate(key=Lower("name")).filter(
        key__in=[row.name.lower() for row in plan.rows], host__state=Host.ACTIVE
    )
    return dict(gone.order_by("until").values_list("key", "host__name"))


def _write(comparison: Comparison, known: dict[str, Host]) -> None:
    rows = [*comparison.created, *(change.row for change in comparison.changed)]
    teams = _by_name(Team, (row.team for row in rows))
    credentials = _by_name(Credential, (row.credential for row in rows))
    made = {row.name: Host(name=row.name) for row in comparison.created}
    jump_hosts = _by_name(Host, (row.jump_host for row in rows)) | made

    def fields(row: HostRow) -> dict[str, Any]:
        said = row.said()
        references = (("team", teams), ("credential", credentials), ("jump_host", jump_hosts))
        for field, records in references:
            if field in said:
                said[field] = records[said[field]]
        return said

    for row in comparison.created:
        for field, value in fields(row).items():
            setattr(made[row.name], field, value)
    # A host may stand in the file before its jump host: the database looks at that when all is written.
    Host.objects.bulk_create(made.values(), batch_size=_BATCH)
    _update([(known[change.name.lower()], change) for change in comparison.changed], fields)


def _update(changes: Sequence[tuple[Host, HostChange]], fields: Any) -> None:
    written: set[str] = set()
    for host, change in changes:
        values = fields(change.row)
        for field in change.fields:
            setattr(host, field, values[field])
        host.version = F("version") + 1
        written.update(change.fields)
    if changes:
        Host.objects.bulk_update(
            [host for host, _ in changes], [*sorted(written), "version"], batch_size=_BATCH
        )


def _record(actor: Actor, plan: ImportPlan, comparison: Comparison) -> HostImport:
    record = HostImport.objects.create(
        path=plan.path[:300],
        format=plan.format,
        created=len(comparison.created),
        changed=len(comparison.changed),
        unchanged=len(comparison.unchanged),
        requested_by=actor.label,
    )
    data = {
        "created": [row.name for row in comparison.created],
        "changed": {
            change.name: {k: list(pair) for k, pair in change.fields.items()} for change in comparison.changed
        },
        "teams": list(comparison.new_teams),
    }
    record_entry(actor=actor, action="hosts.imported", subject=record, data=data)
    counts = {"created": record.created, "changed": record.changed, "unchanged": record.unchanged}
    emit_event(type="hosts.imported", subject=record, data=counts)
    return record


def _by_name(model: Any, names: Iterable[str | None]) -> dict[str, Any]:
    return {record.name: record for record in model.objects.filter(name__in={name for name in names if name})}
