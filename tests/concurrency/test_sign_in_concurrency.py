"""Guesses sent all at once."""

import pytest
from django.test import RequestFactory

from common.core.errors import NotPermitted
from common.models import LedgerEntry
from tests.factories import in_threads, person
from web.services.signing_in import FAILED, TRIES, TooManyTries, sign_in_with_password

pytestmark = pytest.mark.django_db(transaction=True)


def test_guesses_sent_at_once_do_not_get_past_the_limit() -> None:
    ana = person("ana")
    ana.set_password("the right one, and long")
    ana.save()
    request = RequestFactory().post("/sign-in/")

    def guess(number: int) -> None:
        sign_in_with_password(request=request, username="ana", password=f"wrong {number}")

    outcomes = in_threads(*(lambda number=number: guess(number) for number in range(TRIES + 6)))
    kinds = [type(outcome) for outcome in outcomes]
    assert (kinds.count(NotPermitted), kinds.count(TooManyTries)) == (TRIES, 6)
    assert LedgerEntry.objects.filter(action=FAILED).count() == TRIES
