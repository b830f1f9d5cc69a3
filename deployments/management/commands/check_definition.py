"""manage.py check_definition [--revision SHA | DIR]: every problem of a definition, one line each."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.core.errors import FoldbackError
from deployments.core.definition.model import DefinitionError
from deployments.core.definition.parse import parse_definition
from deployments.queries.definitions import definition_at, head_revision, resolve_revision
from deployments.services.definition_files import read_directory


class Command(BaseCommand):
    help = "Check a definition: the head, a revision, or a directory. Prints `file:line: what. remedy`; exit 1 if any."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", nargs="?", help="a working copy to check instead of the repository")
        parser.add_argument("--revision", help="a commit of the repository; default: its head")

    def handle(self, *args: Any, **options: Any) -> None:
        directory, revision = options["directory"], options["revision"]
        if directory and revision:
            raise CommandError("Give a directory or --revision, not both.")
        try:
            if directory:
                definition = parse_definition(read_directory(directory))
            else:
                definition = definition_at(resolve_revision(revision) if revision else head_revision())
        except DefinitionError as error:
            for problem in error.problems:
                self.stderr.write(str(problem))
            count = len(error.problems)
            raise CommandError(f"{count} problem{'' if count == 1 else 's'}.") from None
        except (FoldbackError, OSError) as error:
            raise CommandError(str(error)) from None
        declared = sum(len(layer.declarations) for layer in definition.layers.values())
        self.stdout.write(f"No problems: {len(definition.layers)} layers, {declared} declarations.")
