"""manage.py init_definition [DIR]: make the definition's repository, from a directory or as a starter."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from common.core.errors import Conflict
from deployments.core.definition.model import DefinitionError
from deployments.core.errors import DefinitionUnavailable
from deployments.services.definition_files import read_directory
from deployments.services.definitions import create_definition, ensure_definition


class Command(BaseCommand):
    help = "Make the definition's repository at DEFINITION_PATH, from a directory (checked first) or as a starter."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "directory", nargs="?", help="its files become the first commit; default: a starter"
        )
        parser.add_argument(
            "--if-missing", action="store_true", help="leave a definition that is there as it is"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        directory = options["directory"]
        try:
            if directory is None:
                sha = (
                    ensure_definition()
                    if options["if_missing"] or settings.DEFINITION_URL
                    else create_definition()
                )
            else:
                sha = create_definition(files=read_directory(directory))
        except DefinitionError as error:
            for problem in error.problems:
                self.stderr.write(str(problem))
            raise CommandError(f"{len(error.problems)} problems; nothing was made.") from None
        except Conflict as error:
            if options["if_missing"]:
                return
            raise CommandError(error.detail) from None
        except (DefinitionUnavailable, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"The definition is at {settings.DEFINITION_PATH}, revision {sha}.")
