import getpass
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from common.core import roles
from common.core.actor import SYSTEM
from common.core.errors import FoldbackError
from common.services.people import create_login_link, create_person


class Command(BaseCommand):
    help = "Create a person. Without --password, prints a link that signs them in once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="")
        parser.add_argument("--email", default="")
        parser.add_argument(
            "--role", required=True, choices=[r for r in roles.ROLES if r != roles.AUTOMATION]
        )
        parser.add_argument("--password", action="store_true", help="ask for a password on the terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        password = None
        if options["password"]:
            password = getpass.getpass("Password: ")
            try:
                validate_password(password)
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from None
        try:
            person = create_person(
                actor=SYSTEM,
                username=options["username"],
                name=options["name"] or options["username"],
                role=options["role"],
                email=options["email"],
                password=password,
            )
        except FoldbackError as error:
            raise CommandError(error.detail) from None
        if password is None:
            secret = create_login_link(actor=SYSTEM, person=person)
            self.stdout.write(f"{settings.PUBLIC_URL}/sign-in/{secret}/")
