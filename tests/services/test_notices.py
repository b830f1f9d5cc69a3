"""Who is told what, by events, as things stand when it is told; and of one event only once over one channel."""

from datetime import timedelta
from typing import Any

import pytest

from changemgmt.core.notices import HELD_AFTER
from changemgmt.models import Change, Comment, Incident, Notice
from changemgmt.services.approvals import approve_change, refuse_change, void_approval
from changemgmt.services.notices import write_notices
from changemgmt.services.proposals import withdraw_change
from changemgmt.services.transfers import claim_change
from changemgmt.services.windows import create_window
from common import clock
from common.models import OutboxEvent
from common.models.base import new_id
from common.services.deliveries import deliver_event
from common.services.outbox import emit_event
from drift.models import Finding
from inventory.models import Team
from tests.factories import DIGEST, acting, host, logged, person, program, proposed, team
from tests.telling import allow, mail, team_mail, tell, told

pytestmark = pytest.mark.django_db
ANA, BEN, CY, DEE = (f"{name}@example.org" for name in ("ana", "ben", "cy", "dee"))
PAYMENTS = "payments@example.org"
WRITER = "changemgmt.services.notices.write_notices"


@pytest.fixture(autouse=True)
def channels(settings: Any) -> None:
    """Everybody of the cast has a mailbox; nobody else listens to events."""
    allow(settings)
    settings.EVENT_CONSUMERS = {type: [WRITER] for type in settings.NOTICE_WRITERS}
    for name in ("ana", "ben", "cy", "dee"):
        mail(name, f"{name}@example.org")


@pytest.fixture
def payments() -> Team:
    """web-1 is theirs; Ben leads it, Dee is in it."""
    made = team("payments", "ben")
    made.members.add(person("dee"))
    team_mail(made, PAYMENTS)
    host("web-1", owned_by=made)
    return made


def happened(type: str, subject: Any, **data: Any) -> None:
    emit_event(type=type, subject=subject, data=data)


# ---- changes


def test_whoever_may_approve_is_told_what_waits_and_whoever_proposed_it_is_not() -> None:
    change = proposed("ana")
    tell()
    title = f"{change.reference} waits for approval: Fold back DRF-1 into roles/web"
    assert told() == {BEN: [title], CY: [title]}
    one = Notice.objects.first()
    assert one is not None and one.link == f"/changes/{change.reference}/" and one.topic == "approvals"
    assert "it keeps checkout up" in one.text and "web-1, web-2" in one.text and "Ana" in one.text


def test_what_was_decided_before_it_was_told_is_not_waited_for_any_more() -> None:
    change = proposed("ana")
    withdraw_change(actor=acting("ana"), change=change)
    tell()
    assert told() == {}


def test_whoever_proposed_it_is_told_that_it_is_approved_and_whoever_approved_it_is_not() -> None:
    change = proposed("ana")
    tell()
    Notice.objects.all().delete()
    approve_change(actor=acting("ben"), change=change, digest=DIGEST, comment="looks right")
    tell()
    assert told() == {ANA: [f"{change.reference} is approved by Ben: {change.title}"]}
    assert "looks right" in Notice.objects.get().text


def test_a_refusal_comes_with_its_reason() -> None:
    change = proposed("ana")
    refuse_change(actor=acting("ben"), change=change, reason="not before the release")
    tell()
    assert told()[ANA] == [f"{change.reference} was refused by Ben: {change.title}"]
    assert "not before the release" in Notice.objects.get(channel__target=ANA).text


def test_a_voided_approval_is_told_to_whoever_proposed_it_and_asked_for_again() -> None:
    change = proposed("ana")
    approve_change(actor=acting("ben"), change=change, digest=DIGEST)
    tell()
    Notice.objects.all().delete()
    void_approval(actor=acting("cy"), change=Change.objects.get(pk=change.pk), reason="the definition moved")
    tell()
    assert "has lost its approval by Cy" in told()[ANA][0]
    assert "waits for approval" in told()[BEN][0]


def test_a_record_is_told_to_the_team_of_its_hosts_and_to_an_owner_who_did_not_file_it(
    payments: Team,
) -> None:
    change = logged("ana", hosts=["web-1"])
    tell()
    assert told() == {PAYMENTS: [f"{change.reference} was logged: raised worker_connections to 4096"]}
    logged("ana", owner=person("dee"))
    tell()
    assert "is logged as yours" in told()[DEE][0]


def test_nobody_is_told_of_history_that_is_written_down_late(payments: Team) -> None:
    logged("ana", hosts=["web-1"], happened_at=clock.now() - timedelta(days=30))
    tell()
    assert told() == {}


def test_who_stood_in_is_told_that_it_was_claimed() -> None:
    change = logged(program("ben"))
    claim_change(actor=acting("ana"), change=change)
    tell()
    assert told() == {BEN: [f"{change.reference} was claimed by Ana: {change.title}"]}


def test_a_comment_is_told_to_the_owner_and_whoever_has_commented_but_not_to_its_author() -> None:
    change = logged("ana")
    for who, text in (("ben", "why?"), ("dee", "and since when?")):
        comment = Comment.objects.create(change=change, author=person(who), via=who, text=text)
        happened("change.commented", change, comment=str(comment.pk))
        tell()
    assert told()[ANA] == [
        f"{change.reference} has a comment by {name}: {change.title}" for name in ("Ben", "Dee")
    ]
    assert told()[BEN] == [f"{change.reference} has a comment by Dee: {change.title}"] and DEE not in told()


def test_what_nobody_approved_in_time_is_told_to_its_owner_and_whoever_can_unless_it_was_meanwhile() -> None:
    change = logged("ana")
    Change.objects.filter(pk=change.pk).update(due_at=clock.now())
    happened("change.overdue", change)
    tell()
    assert set(told()) == {ANA, BEN, CY} and "is overdue for approval" in told()[ANA][0]
    Notice.objects.all().delete()
    happened("change.overdue", change)
    Change.objects.filter(pk=change.pk).update(due_at=None)
    tell()
    assert told() == {}


# ---- incidents, windows, findings


def incident(**fields: Any) -> Incident:
    ana = person("ana")
    values = {
        "title": "checkout down", "commander": ana, "opened_by": ana, "recorded_via": "ana", "client_id": ana.pk,
        "hosts": ["web-1"], "started_at": clock.now(),
    }  # fmt: skip
    return Incident.objects.create(**values | fields)


def test_an_incident_is_told_to_its_commander_and_the_teams_of_its_hosts(payments: Team) -> None:
    one = incident()
    happened("incident.opened", one)
    tell()
    title = f"{one.reference} opened: checkout down"
    assert told() == {ANA: [title], BEN: [title], DEE: [title], PAYMENTS: [title]}
    assert Notice.objects.first().link == f"/incidents/{one.reference}/"  # type: ignore[union-attr]


@pytest.mark.parametrize("fields", [{"severity": "critical"}, {"hosts": ["db-9"]}, {"hosts": []}])
def test_a_critical_one_or_one_on_hosts_of_no_team_is_told_to_everybody_who_acts(
    payments: Team, fields: dict[str, Any]
) -> None:
    happened("incident.opened", incident(**fields))
    tell()
    assert set(told()) == {ANA, BEN, CY, PAYMENTS}


def test_of_an_incident_only_what_matters_is_told_while_it_is_open(payments: Team) -> None:
    one = incident()
    happened("incident.updated", one, fields=["description"])
    tell()
    assert told() == {}
    happened("incident.updated", one, fields=["severity"])
    tell()
    assert set(told()) == {ANA, BEN, DEE, PAYMENTS}
    Notice.objects.all().delete()
    Incident.objects.filter(pk=one.pk).update(state="closed", closed_at=clock.now())
    happened("incident.opened", one)
    happened("incident.closed", one)
    tell()
    assert told()[ANA] == [f"{one.reference} closed: checkout down"]


def test_a_freeze_is_told_to_the_teams_whose_hosts_it_holds(payments: Team) -> None:
    now = clock.now()
    create_window(
        actor=acting("cy"),
        kind="freeze",
        title="year's end",
        selector="web-1",
        starts_at=now + timedelta(days=1),
        ends_at=now + timedelta(days=2),
    )
    tell()
    assert set(told()) == {BEN, DEE, PAYMENTS} and told()[DEE] == ["A freeze is planned: year's end"]


def finding(**fields: Any) -> Finding:
    now = clock.now()
    values = {
        "fingerprint": new_id().hex * 2, "resource": "file:/etc/motd", "change": {}, "first_seen_at": now,
        "last_seen_at": now,
    }  # fmt: skip
    made = Finding.objects.create(**values | fields)
    made.occurrences.create(
        host=host("db-1"), verdict="drifted", base={}, head={}, live={}, first_seen_at=now, last_seen_at=now
    )
    return made


def test_an_unexplained_finding_is_told_and_one_that_was_claimed_meanwhile_is_not() -> None:
    one = finding()
    happened("finding.unexplained", one)
    tell()
    assert told()[ANA] == [f"{one.reference} changed by hand: file:/etc/motd"] and DEE not in told()
    assert "db-1" in Notice.objects.filter(channel__target=ANA).get().text
    Notice.objects.all().delete()
    Finding.objects.filter(pk=one.pk).update(claimed_by=person("ana"))
    happened("finding.unexplained", one)
    tell()
    assert told() == {}


def test_a_finding_that_somebody_explained_meanwhile_is_told_to_nobody() -> None:
    one = finding()
    change = logged("ana", hosts=["db-1"])
    one.explanations.create(change=change)
    happened("finding.unexplained", one)
    tell()
    assert told() == {}


# ---- channels


def test_a_channel_takes_the_topics_it_is_narrowed_to(settings: Any) -> None:
    mail("ben", "ben+incidents@example.org", topics=["incidents"])
    mail("ben", "ben+approvals@example.org", topics=["approvals", "due"])
    proposed("ana")
    tell()
    assert set(told()) == {BEN, "ben+approvals@example.org", CY}


def test_one_event_is_one_notice_however_often_it_is_delivered(payments: Team) -> None:
    proposed("ana", hosts=["web-1"])
    event = OutboxEvent.objects.get(type="change.proposed")
    for _ in range(3):
        write_notices(event_id=event.pk, type=event.type, subject_id=event.subject_id, data=event.data)
    assert {address: len(titles) for address, titles in told().items()} == {BEN: 1, CY: 1, PAYMENTS: 1}
    delivery = event.deliveries.get()
    assert deliver_event(delivery_id=delivery.pk) and not deliver_event(delivery_id=delivery.pk)
    assert Notice.objects.count() == 3


def test_a_mailbox_that_is_a_persons_and_a_teams_gets_it_once(payments: Team) -> None:
    team_mail(payments, BEN.upper())
    proposed("ana", hosts=["web-1"])
    tell()
    assert {address: len(titles) for address, titles in told().items()} == {BEN: 1, CY: 1, PAYMENTS: 1}


def test_nobody_who_has_left_is_told_anything() -> None:
    person("ben")
    type(person("ben")).objects.filter(username="ben").update(is_active=False)
    proposed("ana")
    tell()
    assert set(told()) == {CY}


def test_a_flood_of_one_topic_is_held_back_and_says_so(payments: Team) -> None:
    for number in range(HELD_AFTER + 3):
        logged("ana", hosts=["web-1"], title=f"step {number}")
    tell()
    notices = list(Notice.objects.filter(channel__target=PAYMENTS).order_by("created_at"))
    assert [one.state for one in notices] == ["pending"] * HELD_AFTER + ["failed"] * 3
    assert "held back" in notices[HELD_AFTER - 1].text and "Held back" in notices[-1].error
    happened("incident.opened", incident())
    tell()
    assert Notice.objects.get(channel__target=PAYMENTS, topic="incidents").state == "pending"


def test_what_is_gone_when_it_is_told_is_told_to_nobody(settings: Any) -> None:
    for type in settings.NOTICE_WRITERS:
        write_notices(event_id=new_id(), type=type, subject_id=new_id(), data={})
    assert told() == {}
