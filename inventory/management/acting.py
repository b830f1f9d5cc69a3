"""`--as USERNAME`: on whose behalf a command acts, for the ledger and the check of permissions."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from common.core.actor import SYSTEM, Actor
from common.models import Person
from common.services.people import actor_for_person


def add_as(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--as", dest="as_person", metavar="USERNAME", help="act as this person, with their rights"
    )


def actor_from(options: dict[str, Any]) -> Actor:
    """The named person, or Foldback itself: whoever can run commands on the server owns its database anyway."""
    if not options["as_person"]:
        return SYSTEM
    return actor_for_person(find_active(options["as_person"]))


def find_active(username: str) -> Person:
    person = Person.objects.filter(username=username, is_active=True).first()
    if person is None:
        raise CommandError(f"There is no active person {username}: create them with manage.py create_person.")
    return person
