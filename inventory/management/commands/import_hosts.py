import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.core.errors import FoldbackError
from inventory.core.imports.plan import ImportPlan, InventoryError, hosts
from inventory.core.imports.reader import FORMATS, read_inventory
from inventory.management.acting import actor_from, add_as, find_active
from inventory.services.imports import ImportOutcome, import_hosts

_SHOWN = 20


class Command(BaseCommand):
    help = "Import an Ansible inventory (INI or YAML), CSV or JSON: every host of it, or none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the inventory; - reads standard input")
        parser.add_argument("--format", choices=FORMATS, help="instead of what the file's name tells")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="GROUP=MEANING",
            help="role:web, environment:prod, team:payments, ignore, or skip (leaves its hosts out); repeat",
        )
        parser.add_argument("--team-lead", metavar="USERNAME", help="create missing teams under this person")
        parser.add_argument("--dry-run", action="store_true", help="only tell what would happen")
        add_as(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        plan = self._read(options)
        for note in plan.notes:
            self.stderr.write(f"note: {plan.path}: {note}")
        lead = find_active(options["team_lead"]) if options["team_lead"] else None
        try:
            outcome = import_hosts(
                actor=actor_from(options), plan=plan, dry_run=options["dry_run"], team_lead=lead
            )
        except InventoryError as error:
            raise CommandError(_told(error)) from None
        except FoldbackError as error:
            raise CommandError(error.detail) from None
        self._show(outcome)

    def _read(self, options: dict[str, Any]) -> ImportPlan:
        path = options["file"]
        try:
            content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}.") from None
        try:
            return read_inventory(
                content, path=path, format=options["format"], mapping=_mapping(options["map"])
            )
        except InventoryError as error:
            raise CommandError(_told(error)) from None
        except ValueError as error:
            raise CommandError(f"--map: {error}") from None

    def _show(self, outcome: ImportOutcome) -> None:
        comparison = outcome.comparison
        would = "would " if outcome.record is None else ""
        created = [row.name for row in comparison.created]
        for name in comparison.new_teams:
            self.stdout.write(f"{would}create the team {name}")
        for name in created[:_SHOWN]:
            self.stdout.write(f"{would}create {name}")
        self._more(len(created))
        for change in comparison.changed[:_SHOWN]:
            fields = ", ".join(
                f"{field} {before!r} → {after!r}" for field, (before, after) in change.fields.items()
            )
            self.stdout.write(f"{would}change {change.name}: {fields}")
        self._more(len(comparison.changed))
        self.stdout.write(
            f"{hosts(len(created))} created, {len(comparison.changed)} changed, {len(comparison.unchanged)} unchanged"
            + (" (dry run: nothing was written)" if outcome.record is None else "")
        )

    def _more(self, count: int) -> None:
        if count > _SHOWN:
            self.stdout.write(f"… and {count - _SHOWN:,} more")


def _mapping(pairs: list[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        group, equals, meaning = pair.partition("=")
        if not (group and equals):
            raise CommandError(f"--map takes GROUP=MEANING, as in webservers=role:web, not {pair!r}.")
        mapping[group] = meaning
    return mapping


def _told(error: InventoryError) -> str:
    return "\n".join(["Nothing was imported.", *(str(problem) for problem in error.problems)])
