from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.core.errors import FoldbackError
from deployments.services.credential_tests import OK, try_credential
from inventory.api.references import find_credential, find_host
from inventory.management.acting import actor_from, add_as
from inventory.services.credentials import CannotOpen, record_credential_test

# What mends it, by the stable part of the reason.
_ADVICE = {
    "authentication failed": ". An account that takes this key is made on the host by what `manage.py collector kit` prints."
}


class Command(BaseCommand):
    help = "Sign in to a host with a credential, ask the collector for the time, and tell how it went."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("credential", help="its name")
        parser.add_argument("host", help="an enrolled host's name")
        add_as(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        actor = actor_from(options)
        try:
            credential, host = find_credential(options["credential"]), find_host(options["host"])
            result = try_credential(credential=credential, host=host)
            record_credential_test(actor=actor, credential=credential, host=host.name, result=result)
        except FoldbackError as error:
            raise CommandError(error.detail) from None
        except CannotOpen as error:
            raise CommandError(str(error)) from None
        if result != OK:
            raise CommandError(
                f"{credential} does not open {host}: {result}{_ADVICE.get(result.split(':')[0], '')}"
            )
        self.stdout.write(f"{credential} opens {host}")
