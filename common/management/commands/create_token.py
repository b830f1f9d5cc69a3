from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.core import roles
from common.core.actor import SYSTEM
from common.core.errors import FoldbackError
from common.models import Person
from common.services.people import create_token


class Command(BaseCommand):
    help = "Create a token for a program (role automation) or for a person's own use; prints it once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--role", required=True, choices=roles.ROLES)
        parser.add_argument("--sponsor", required=True, help="username of the person who answers for it")
        parser.add_argument(
            "--scope", action="append", default=[], help="narrow it to this permission (repeat)"
        )
        parser.add_argument("--days", type=int, default=90)

    def handle(self, *args: Any, **options: Any) -> None:
        sponsor = Person.objects.filter(username=options["sponsor"]).first()
        if sponsor is None:
            raise CommandError(
                f"There is no person {options['sponsor']}: create them with manage.py create_person."
            )
        try:
            _, text = create_token(
                actor=SYSTEM,
                name=options["name"],
                role=options["role"],
                sponsor=sponsor,
                scopes=options["scope"],
                days=options["days"],
            )
        except FoldbackError as error:
            raise CommandError(error.detail) from None
        self.stdout.write(text)
