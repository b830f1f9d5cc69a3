from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from common.core.actor import SYSTEM
from common.models import Person
from common.services.people import create_login_link


class Command(BaseCommand):
    help = "Print a link that signs a person in once: for somebody who has no password, or lost it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--minutes", type=int, default=60, help="how long it works (default 60)")

    def handle(self, *args: Any, **options: Any) -> None:
        person = Person.objects.filter(username=options["username"], is_active=True).first()
        if person is None:
            raise CommandError(
                f"There is no active person {options['username']}: manage.py create_person makes one."
            )
        secret = create_login_link(actor=SYSTEM, person=person, minutes=options["minutes"])
        self.stdout.write(f"{settings.PUBLIC_URL}/sign-in/{secret}/")
