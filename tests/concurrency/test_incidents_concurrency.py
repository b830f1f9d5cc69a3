"""Two people, or two workers, act on one incident at once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from changemgmt.models import Change, Incident
from changemgmt.services.incidents import close_incident, lock_incident, open_incident
from common import clock
from common.core.errors import Conflict
from drift.services.alerts import alert_unexplained
from drift.services.drafting import draft_unexplained
from drift.services.explanations import explain_by_change
from drift.services.incident_scans import scan_closed
from tests.concurrency.test_approvals_concurrency import wait_until_somebody_waits
from tests.factories import acting, host, in_threads, logged, person, program
from tests.services.incident_fleet import begun, carry_out, fleet_of, scans_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}
    person("ana")
    person("ben")


def test_of_two_people_who_close_it_at_once_one_does_and_the_other_is_told() -> None:
    incident, _ = open_incident(actor=acting("ana"), title="checkout is down")
    outcomes = in_threads(
        *(partial(close_incident, actor=acting(who), incident=incident) for who in ("ana", "ben"))
    )
    assert Counter(type(outcome) for outcome in outcomes) == {Incident: 1, Conflict: 1}
    assert incident.timeline.filter(kind="closed").count() == 1


def test_an_alert_that_is_sent_five_times_at_once_opens_one() -> None:
    alerts = program()
    calls = [partial(open_incident, actor=alerts, title="checkout is down", external_id="P-1")] * 5
    outcomes = in_threads(*calls)
    assert len({incident.pk for incident, _ in outcomes}) == 1
    assert sum(is_new for _, is_new in outcomes) == 1


def test_two_workers_that_draft_at_once_draft_once() -> None:
    fleet = fleet_of(host("web-1"), host("web-2"))
    incident = begun(fleet)
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    close_incident(actor=acting("ana"), incident=incident)
    with transaction.atomic():  # as a delivery does it
        scan_closed(event_id=incident.pk, type="incident.closed", subject_id=incident.pk, data={})
    [scan] = scans_of(incident)
    carry_out(fleet, scan)

    def draft() -> int:
        with transaction.atomic():
            return len(draft_unexplained(incident=lock_incident(incident)))

    assert sorted(in_threads(draft, draft)) == [0, 1]
    assert Change.objects.filter(state="drafted").count() == 1


def test_two_beats_alert_once() -> None:
    fleet = fleet_of(host("web-1"))
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    fleet.look()
    later = clock.now() + timedelta(hours=1)
    told = in_threads(*[partial(alert_unexplained, now=later)] * 3)
    assert sum(told) == 1


def test_logging_does_not_wait_for_a_worker_that_looks_through_the_incident() -> None:
    host("web-1")
    incident, _ = open_incident(actor=acting("ana"), title="checkout is down", hosts=["web-1"])

    def file() -> Change:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        return logged("ben", hosts=["web-1"])

    with transaction.atomic():
        lock_incident(incident)
        [change] = in_threads(file)
    assert isinstance(change, Change), change
    assert change.incident_id == incident.pk


def test_what_is_told_while_it_is_drafted_ends_as_one_record() -> None:
    """Whoever explains waits for whoever drafts, sees the draft, and withdraws it."""
    fleet = fleet_of(host("web-1"), host("web-2"))
    incident = begun(fleet)
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    fleet.look()
    incident = close_incident(actor=acting("ana"), incident=incident)
    told = logged("ben", hosts=["web-1"], resources=["file:/etc/motd"], happened_at=fleet.now)

    def explain() -> None:
        try:
            with transaction.atomic():  # as a delivery does it
                explain_by_change(event_id=told.pk, type="change.logged", subject_id=told.pk, data={})
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            locked = lock_incident(incident)
            explaining = pool.submit(explain)
            wait_until_somebody_waits()
            [draft] = draft_unexplained(incident=locked)
        explaining.result(timeout=30)
    draft.refresh_from_db()
    assert draft.state == "withdrawn"
