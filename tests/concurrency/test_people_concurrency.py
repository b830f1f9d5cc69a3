"""Two admins who take the role from each other at once: one stays."""

import pytest

from common.core.errors import Conflict
from common.models import Person
from common.services.people import update_person
from tests.factories import acting, in_threads, person

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_admins_who_demote_each_other_at_once_leave_one() -> None:
    cy, eve = person("cy"), person("eve", "admin")
    results = in_threads(
        lambda: update_person(actor=acting(cy), person=eve, changes={"role": "ops"}),
        lambda: update_person(actor=acting(eve), person=cy, changes={"role": "ops"}),
    )
    assert sum(isinstance(result, Conflict) for result in results) == 1
    assert Person.objects.filter(role="admin").count() == 1
