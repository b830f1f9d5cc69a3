import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from changemgmt.core.history import COLUMNS, read_history
from changemgmt.services.history import Imported, import_history
from common.core.errors import FoldbackError
from inventory.management.acting import actor_from, add_as, find_active

_SHOWN = 20


class Command(BaseCommand):
    help = "Import the history of another change system from a CSV: every change of it that is new, or none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="a CSV with a header line; - reads standard input")
        parser.add_argument("--source", required=True, help="the system it comes from, in one word")
        parser.add_argument(
            "--column",
            action="append",
            default=[],
            metavar="THEIRS=OURS",
            help=f"what a column of the file means; repeat. There are {', '.join(COLUMNS)}",
        )
        parser.add_argument("--owner", metavar="USERNAME", help="answers for what nobody here owns")
        parser.add_argument(
            "--owned-by",
            action="append",
            default=[],
            metavar="THEIRS=USERNAME",
            help="an owner in the file; repeat",
        )
        parser.add_argument("--timezone", default="UTC", help="of times without an offset (default: UTC)")
        parser.add_argument("--dry-run", action="store_true", help="only tell what would happen")
        add_as(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["file"]
        try:
            content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}.") from None
        history = read_history(
            content, columns=_pairs("--column", options["column"]), timezone=options["timezone"]
        )
        owners = {name: find_active(who) for name, who in _pairs("--owned-by", options["owned_by"]).items()}
        try:
            imported = import_history(
                actor=actor_from(options),
                history=history,
                source=options["source"],
                owner=find_active(options["owner"]) if options["owner"] else None,
                owners=owners,
                dry_run=options["dry_run"],
            )
        except FoldbackError as error:
            lines = [error.detail, *(one.detail for one in error.errors[1:])]
            raise CommandError("\n".join(lines)) from None
        self._show(imported, dry_run=options["dry_run"])

    def _show(self, imported: Imported, *, dry_run: bool) -> None:
        for change in imported.changes[:_SHOWN]:
            name = "would record" if dry_run else change.reference
            self.stdout.write(
                f"{name}  {change.happened_at:%Y-%m-%d %H:%M}  {change.external_id}  {change.title}"
            )
        if len(imported.changes) > _SHOWN:
            self.stdout.write(f"… and {len(imported.changes) - _SHOWN:,} more")
        for name in imported.stand_ins:
            self.stdout.write(f"nobody here is {name}: the owner that you named answers for theirs")
        if imported.ignored:
            self.stdout.write(f"columns left out: {', '.join(imported.ignored)}")
        self.stdout.write(
            f"{len(imported.changes):,} changes, {imported.known:,} known already"
            + (" (dry run: nothing was written)" if dry_run else "")
        )


def _pairs(option: str, texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        theirs, equals, ours = text.partition("=")
        if not (theirs and equals and ours):
            raise CommandError(f"{option} takes THEIRS=OURS, not {text!r}.")
        pairs[theirs] = ours
    return pairs
