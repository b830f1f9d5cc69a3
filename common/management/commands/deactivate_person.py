from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.core.actor import SYSTEM
from common.core.errors import FoldbackError
from common.models import Person
from common.services.people import deactivate_person


class Command(BaseCommand):
    help = (
        "Deactivate a person who left: no sign-in, and their tokens are revoked. Their history stays; their open "
        "work goes to --successor, or to the leads of the teams."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--successor", default="", help="username of who takes over their open work")

    def handle(self, *args: Any, **options: Any) -> None:
        person = Person.objects.filter(username=options["username"]).first()
        if person is None:
            raise CommandError(f"There is no person {options['username']}.")
        successor = Person.objects.filter(username=options["successor"]).first()
        if options["successor"] and successor is None:
            raise CommandError(f"There is no person {options['successor']}.")
        try:
            tokens = deactivate_person(actor=SYSTEM, person=person, successor=successor)
        except FoldbackError as error:
            raise CommandError(error.detail) from None
        self.stdout.write(f"{person.name} can't sign in any more; {tokens} tokens were revoked.")
