"""A decision about a finding that is no more does not wait for anybody's approval."""

from datetime import timedelta

import pytest

from common import clock
from common.models import EventDelivery
from common.services.deliveries import deliver_event
from drift.models import Decision, Finding
from drift.services.decisions import propose_decision
from inventory.services.hosts import decommission_host
from tests.factories import acting, host
from tests.looks import Fleet
from tests.services.test_findings import DEFINITION, edit

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet(DEFINITION, [host("web-1"), host("web-2")])
    fleet.look()
    edit(fleet, "web-1", "limit 10", "limit 99")
    edit(fleet, "web-2", "hello", "bye", "/etc/motd")
    fleet.look()
    return fleet


def waive(*findings: Finding) -> Decision:
    return propose_decision(
        actor=acting("ana"),
        kind="waive",
        findings=findings,
        reason="for now",
        until=clock.now() + timedelta(days=3),
    )


def deliver_all() -> None:
    for delivery in EventDelivery.objects.filter(done_at=None):
        assert deliver_event(delivery_id=delivery.pk), EventDelivery.objects.get(pk=delivery.pk).error


def state(decision: Decision) -> str:
    return str(Decision.objects.select_related("change").get(pk=decision.pk).change.state)


def test_a_further_edit_withdraws_what_was_proposed_for_the_edit_before(fleet: Fleet) -> None:
    decision = waive(Finding.objects.get(resource="file:/etc/app.conf"))
    edit(fleet, "web-1", "limit 99", "limit 50")
    fleet.look()
    deliver_all()
    assert state(decision) == "withdrawn"


def test_a_host_that_is_decommissioned_withdraws_what_was_proposed_for_it_alone(fleet: Fleet) -> None:
    decision = waive(Finding.objects.get(resource="file:/etc/motd"))
    decommission_host(actor=acting("cy"), host=fleet.hosts["web-2"])
    deliver_all()
    deliver_all()
    assert state(decision) == "withdrawn"


def test_a_decision_that_stands_for_another_finding_too_stays(fleet: Fleet) -> None:
    decision = waive(*Finding.objects.all())
    edit(fleet, "web-1", "limit 99", "limit 50")
    fleet.look()
    deliver_all()
    assert state(decision) == "proposed"
