"""manage.py definition adopt|merge|discard: write the definition from live hosts, with the plan to read first."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.api.views import find_by_reference
from common.core.errors import FoldbackError
from drift.core.adoption_options import ADOPTABLE
from drift.core.proposals import edits_from_json
from drift.management.adopting import drive
from drift.models import Adoption
from drift.queries.adoptions import layers_in_order, left_out_by_reason, unseen_hosts
from drift.services.adoptions import (
    create_adoption,
    discard_adoption,
    merge_adoption,
    propose_adoption,
)
from inventory.management.acting import actor_from, add_as

_SHOWN = 12


class Command(BaseCommand):
    help = "Write the definition from live hosts (adopt), bring it to main (merge), or give it up (discard)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        adopt = steps.add_parser("adopt", help="look at hosts, and show the definition that they would have")
        adopt.add_argument("adoption", nargs="?", help="one that is planned already, as in ADO-1")
        adopt.add_argument("--hosts", metavar="SELECTOR", help="as in 'role=web env=prod'")
        adopt.add_argument("--root", action="append", metavar="DIR", help="where to look for files; repeat")
        adopt.add_argument("--section", action="append", choices=ADOPTABLE, help="only these; repeat")
        adopt.add_argument("--no-versions", action="store_true", help="packages without their versions")
        adopt.add_argument("--shipped", action="store_true", help="files as packages ship them, too")
        adopt.add_argument(
            "--exhaustive", action="append", metavar="DIR", help="a directory; or auto, or none; repeat"
        )
        adopt.add_argument("--others", action="store_true", help="speak to hosts that were not chosen, too")
        adopt.add_argument(
            "--show", action="append", default=[], metavar="PATH", help="print this file of the plan"
        )
        adopt.add_argument("--dry-run", action="store_true", help="discard it afterwards")
        adopt.add_argument("--commit", action="store_true", help="onto a branch, for another person to merge")
        adopt.add_argument("--reason", default="")
        adopt.add_argument(
            "--without-unseen", action="store_true", help="go on without hosts that could not be looked at"
        )
        add_as(adopt)
        merge = steps.add_parser("merge", help="approve somebody else's, and bring it to main")
        merge.add_argument("adoption", help="as in ADO-1")
        merge.add_argument("--comment", default="")
        add_as(merge)
        discard = steps.add_parser("discard", help="give it up")
        discard.add_argument("adoption", help="as in ADO-1")
        add_as(discard)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['step']}")(options)
        except FoldbackError as error:
            raise CommandError(error.detail) from None

    def _adopt(self, options: dict[str, Any]) -> None:
        if bool(options["hosts"]) == bool(options["adoption"]):
            raise CommandError("Say --hosts SELECTOR to begin, or name an adoption, as in ADO-1.")
        adoption = _find(options["adoption"]) if options["adoption"] else self._begin(options)
        adoption = drive(
            adoption, until=lambda found: found.state not in ("looking", "planning"), tell=self._tell
        )
        if adoption.state == "failed":
            raise CommandError(f"{adoption} failed: {adoption.problem}")
        self._show(adoption, options["show"])
        if options["dry_run"]:
            discard_adoption(actor=actor_from(options), adoption=adoption)
            self.stdout.write("Dry run: nothing was committed, and what was seen is forgotten.")
        elif options["commit"]:
            self._commit(adoption, options)
        elif adoption.state == "planned" and adoption.edits:
            self.stdout.write(
                f"Nothing is committed. To go on: manage.py definition adopt {adoption} --commit --as YOU"
            )

    def _begin(self, options: dict[str, Any]) -> Adoption:
        exhaustive = options["exhaustive"] or ["auto"]
        chosen = {
            "sections": options["section"] or [],
            "versions": not options["no_versions"],
            "shipped": options["shipped"],
            "exhaustive": exhaustive[0] if exhaustive in (["auto"], ["none"]) else exhaustive,
            "others": options["others"],
        }
        return create_adoption(
            actor=actor_from(options), selector=options["hosts"], roots=options["root"], options=chosen
        )

    def _commit(self, adoption: Adoption, options: dict[str, Any]) -> None:
        if not options["as_person"]:
            raise CommandError("Say --as USERNAME: a proposal needs a person who answers for it.")
        proposed = propose_adoption(
            actor=actor_from(options),
            adoption=adoption,
            reason=options["reason"],
            without_unseen=options["without_unseen"],
        )
        done = drive(proposed, until=lambda found: bool(found.commit or found.problem), tell=self._tell)
        if done.problem:
            raise CommandError(f"{done}: {done.problem}")
        assert done.change is not None
        self.stdout.write(
            f"Committed as {done.commit[:12]} on {done.branch}. Another person reads it and merges {done} "
            f"(its change is {done.change.reference}): manage.py definition merge {done} --as THEM"
        )

    def _merge(self, options: dict[str, Any]) -> None:
        adoption = _find(options["adoption"])
        merge_adoption(
            actor=actor_from(options), adoption=adoption, digest=adoption.digest, comment=options["comment"]
        )
        done = drive(adoption, until=lambda found: found.state != "proposed", tell=self._tell)
        if done.state != "merged":
            raise CommandError(f"{done} could not be merged: {done.problem}")
        self.stdout.write(f"{done} is on main as {done.merged[:12]}. Its hosts are looked at again.")

    def _discard(self, options: dict[str, Any]) -> None:
        adoption = discard_adoption(actor=actor_from(options), adoption=_find(options["adoption"]))
        drive(adoption, until=lambda found: found.state == "discarded", tell=self._tell)
        self.stdout.write(f"{adoption} is discarded.")

    def _tell(self, progress: str) -> None:
        self.stderr.write(progress)

    def _show(self, adoption: Adoption, paths: list[str]) -> None:
        summary, say = adoption.summary, self.stdout.write
        rendering = summary["hosts"]
        say(f"{adoption}: renders to live on {rendering['render']} of {rendering['seen']} hosts looked at")
        if unseen := unseen_hosts(adoption):
            say(
                f"could not be looked at, {len(unseen)} of {len(adoption.hosts)}: {', '.join(unseen[:_SHOWN])}"
            )
        for layer, counts in layers_in_order(adoption):
            said = ", ".join(f"{count} {section}" for section, count in counts)
            say(f"  {layer}: {said}")
        if not summary["layers"]:
            say("  nothing to add: all that was seen is declared already, or left out")
        for path, action in sorted(summary["files"].items()):
            say(f"  {action:<8}{path}")
        for note in summary["notes"][:_SHOWN]:
            say(f"  note: {note['resource']}: {note['text']}")
        for why in left_out_by_reason(adoption):
            say(f"  left out, {why.resources}: {why.reason}")
        files = edits_from_json(adoption.edits)
        for path in paths:
            if path not in files:
                raise CommandError(f"The plan has no file {path}.")
            say(f"--- {path}\n{(files[path] or b'').decode()}")


def _find(text: str) -> Adoption:
    return find_by_reference(Adoption.objects.select_related("change", "job"), text)
