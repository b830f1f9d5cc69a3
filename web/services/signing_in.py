"""Signing in with a name and a password. Each sign-in is in the ledger; so are failures, which slow down guessing."""

from datetime import timedelta

from django.contrib.auth import authenticate
from django.db import connection, transaction
from django.http import HttpRequest

from common import clock
from common.core.actor import SYSTEM
from common.core.errors import FoldbackError, NotPermitted
from common.models import LedgerEntry, Person
from common.services.ledger import record_entry
from common.services.people import actor_for_person

FAILED = "person.sign_in_failed"
TRIES = 10
WITHIN = timedelta(minutes=10)


class TooManyTries(FoldbackError):
    status = 429
    type = "too-many-tries"
    title = "Too many tries"


def sign_in_with_password(*, request: HttpRequest, username: str, password: str) -> Person:
    """The person; raises NotPermitted with the same words for a wrong name and a wrong password, and TooManyTries
    after ten failures within ten minutes, when even the right password is not tried."""
    known = Person.objects.filter(username=username).first() if "\0" not in username else None
    with transaction.atomic():
        if known is not None:
            _one_at_a_time(known)
        if known is not None and _failures(known) >= TRIES:
            raise TooManyTries(
                f"There were {TRIES} failed tries for this name. Wait {WITHIN.seconds // 60} minutes, or ask an admin for a link."
            )
        person = authenticate(request, username=username, password=password) if "\0" not in password else None
        if isinstance(person, Person):
            record_entry(
                actor=actor_for_person(person),
                action="person.signed_in",
                subject=person,
                data={"by": "password"},
            )
            return person
        if known is not None:
            record_entry(actor=SYSTEM, action=FAILED, subject=known)
    raise NotPermitted("The name or the password is not right.")


def _one_at_a_time(person: Person) -> None:
    """Guesses sent at once are tried one after the other, so that none is made beyond the limit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"sign-in {person.pk}"])


def _failures(person: Person) -> int:
    since = clock.now() - WITHIN
    recent = LedgerEntry.objects.filter(subject_id=person.pk, created_at__gte=since, action=FAILED)
    return recent[:TRIES].count()
