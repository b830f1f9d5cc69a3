"""Closing an incident drafts one change for each finding inside it that nobody explained, exactly once."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from changemgmt.models import Change
from changemgmt.services.incidents import close_incident, hand_over_incident, reopen_incident
from changemgmt.services.proposals import withdraw_change
from changemgmt.services.transfers import claim_change, confirm_change
from common import clock
from drift.models import DraftedChange, Explanation, Finding
from drift.queries.incidents import findings_inside, incidents_of
from drift.services.drafting import draft_unexplained
from drift.services.findings import claim_finding
from tests.api.client import Caller
from tests.definitions import deliver_events
from tests.factories import acting, host, logged, person
from tests.looks import Fleet
from tests.services.incident_fleet import begun, carry_out_all, drafts, fleet_of, scans_of, seen, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet() -> Fleet:
    return fleet_of(host("web-1"), host("web-2"), host("db-1"))


def by_hand(fleet: Fleet, *names: str, path: str = "/etc/motd", text: str = "by hand\n") -> None:
    for name in names:
        fleet.live[name][path] = text


def test_each_finding_that_nobody_logged_is_drafted_as_the_commanders(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    by_hand(fleet, "web-1", "web-2")
    by_hand(fleet, "web-1", path="/etc/issue", text="two\n")
    by_hand(fleet, "db-1")  # outside
    close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    issue, motd = sorted(drafts(incident), key=lambda change: change.title)
    assert (motd.state, motd.kind, motd.hosts) == ("drafted", "emergency", ["web-1", "web-2"])
    assert motd.resources == ["file:/etc/motd"]
    assert (motd.owner.username, motd.owner_source) == ("ana", "commander")
    assert motd.due_at is not None
    assert (issue.hosts, issue.resources) == (["web-1"], ["file:/etc/issue"])
    assert "file:/etc/motd: edited" in motd.title
    finding = Finding.objects.get(resource="file:/etc/motd")
    assert motd.links == {"findings": [finding.reference]}
    assert "nobody had logged it" in motd.description
    assert any(f"{motd.reference} was drafted" in text for text in told(incident, "change"))


def test_what_only_the_last_look_saw_was_done_before_the_end(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    by_hand(fleet, "web-1")
    incident = close_incident(actor=acting("ana"), incident=incident)
    fleet.now = clock.now()
    carry_out_all(fleet, incident)
    assert [change.happened_at for change in drafts(incident)] == [incident.closed_at]


def test_what_somebody_logged_is_not_drafted(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    by_hand(fleet, "web-1")
    logged("ben", hosts=["web-1"], resources=["file:/etc/motd"], happened_at=fleet.now)
    close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    assert drafts(incident) == []
    [one] = findings_inside(incident)
    assert one.is_explained


def test_a_record_that_names_no_file_stands_for_the_only_finding_it_can_be(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    by_hand(fleet, "web-1")
    logged("ben", title="fixed it", hosts=["web-1"], happened_at=fleet.now)
    close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    assert drafts(incident) == []


def test_behind_a_record_that_names_no_file_nothing_is_lost(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    by_hand(fleet, "web-1")
    by_hand(fleet, "web-1", path="/etc/issue", text="two\n")
    logged("ben", title="restarted nginx", hosts=["web-1"], happened_at=fleet.now)
    close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    assert len(drafts(incident)) == 2


def test_what_is_named_elsewhere_leaves_the_other_to_a_record_that_names_no_file(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    by_hand(fleet, "web-1")
    by_hand(fleet, "web-1", path="/etc/issue", text="two\n")
    logged("ben", title="fixed it", hosts=["web-1"], happened_at=fleet.now)
    logged("ana", title="put it into motd", hosts=["web-1"], happened_at=fleet.now)
    close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    assert drafts(incident) == []


def test_what_was_there_before_or_came_after_is_not_drafted(fleet: Fleet) -> None:
    by_hand(fleet, "web-1")
    fleet.look()
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    fleet.now = clock.now() + timedelta(minutes=1)
    fleet.look()
    by_hand(fleet, "web-2", text="later\n")
    fleet.look()
    incident.refresh_from_db()
    assert draft_unexplained(incident=incident) == []


def test_nothing_is_drafted_before_the_scope_was_looked_at_again(fleet: Fleet) -> None:
    incident = begun(fleet)
    by_hand(fleet, "web-1")
    carry_out_all(fleet, incident)
    close_incident(actor=acting("ana"), incident=incident)
    deliver_events()
    assert drafts(incident) == []
    carry_out_all(fleet, incident)
    assert len(drafts(incident)) == 1


def test_closing_again_drafts_only_what_is_new(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    by_hand(fleet, "web-1")
    incident = close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    incident = reopen_incident(actor=acting("ana"), incident=incident, reason="it is back")
    by_hand(fleet, "web-2", path="/etc/issue", text="two\n")
    incident = close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    assert [change.resources for change in drafts(incident)] == [["file:/etc/motd"], ["file:/etc/issue"]]


def test_reopening_before_the_last_look_ended_drafts_nothing_yet(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    by_hand(fleet, "web-1")
    incident = close_incident(actor=acting("ana"), incident=incident)
    deliver_events()
    reopen_incident(actor=acting("ana"), incident=incident, reason="it is back")
    carry_out_all(fleet, incident)
    assert drafts(incident) == []


def test_a_finding_has_one_draft_an_incident_by_the_database_too(fleet: Fleet) -> None:
    incident = begun(fleet)
    by_hand(fleet, "web-1")
    carry_out_all(fleet, incident)
    incident = close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    [draft] = DraftedChange.objects.all()
    with pytest.raises(IntegrityError), transaction.atomic():
        DraftedChange.objects.create(
            incident=incident, finding=draft.finding, change=logged("ana", hosts=["web-1"])
        )
    incident.refresh_from_db()
    assert draft_unexplained(incident=incident) == []


def test_what_was_withdrawn_is_not_drafted_again(fleet: Fleet) -> None:
    incident = begun(fleet)
    by_hand(fleet, "web-1")
    carry_out_all(fleet, incident)
    incident = close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    [draft] = drafts(incident)
    withdraw_change(actor=acting("ana"), change=draft)
    assert draft_unexplained(incident=incident) == []


def test_a_host_that_could_not_be_looked_at_then_is_made_up_for_by_a_later_scan(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    by_hand(fleet, "web-2")
    incident = close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident, unreachable=("web-2",))
    assert drafts(incident) == []
    fleet.now = clock.now()
    seen(fleet, "web-2")
    assert [change.hosts for change in drafts(incident)] == [["web-2"]]


def test_who_claimed_the_finding_owns_what_is_drafted_for_it(fleet: Fleet) -> None:
    incident = begun(fleet)
    by_hand(fleet, "web-1")
    carry_out_all(fleet, incident)
    claim_finding(actor=acting("ben"), finding=Finding.objects.get())
    close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    [draft] = drafts(incident)
    assert (draft.owner.username, draft.owner_source) == ("ben", "claimant")


def test_the_commander_at_the_end_answers_for_it(fleet: Fleet) -> None:
    incident = begun(fleet)
    by_hand(fleet, "web-1")
    carry_out_all(fleet, incident)
    incident = hand_over_incident(actor=acting("ana"), incident=incident, commander=person("ben"))
    close_incident(actor=acting("ben"), incident=incident)
    carry_out_all(fleet, incident)
    assert drafts(incident)[0].owner.username == "ben"


def test_a_draft_explains_nothing_until_a_person_stands_by_it(fleet: Fleet) -> None:
    incident = begun(fleet)
    by_hand(fleet, "web-1")
    carry_out_all(fleet, incident)
    close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    [draft] = drafts(incident)
    fleet.look()
    assert not Explanation.objects.exists()
    confirm_change(actor=acting("ana"), change=draft)
    deliver_events()
    [explanation] = Explanation.objects.all()
    assert explanation.change_id == draft.pk and explanation.reasons


def test_whoever_it_was_claims_it_and_it_explains_the_finding(fleet: Fleet) -> None:
    incident = begun(fleet)
    by_hand(fleet, "web-1")
    carry_out_all(fleet, incident)
    close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    claim_change(actor=acting("ben"), change=drafts(incident)[0])
    deliver_events()
    change = Change.objects.get(pk=drafts(incident)[0].pk)
    assert (change.state, change.owner.username) == ("logged", "ben")
    assert Explanation.objects.filter(change=change).count() == 1


def test_a_finding_knows_the_incident_that_it_came_about_in(fleet: Fleet) -> None:
    incident = begun(fleet)
    by_hand(fleet, "web-1")
    by_hand(fleet, "db-1", text="elsewhere\n")
    carry_out_all(fleet, incident)
    fleet.look("db-1")
    inside = Finding.objects.get(occurrences__host__name="web-1")
    outside = Finding.objects.get(occurrences__host__name="db-1")
    assert (incidents_of(inside), incidents_of(outside)) == ([incident], [])
    told = Caller.person("dee").get(f"findings/{inside.reference}/").json()
    assert (told["incidents"], told["draft"]) == ([incident.reference], None)
    close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    [draft] = drafts(incident)
    told = Caller.person("dee").get(f"findings/{inside.reference}/").json()
    assert (told["incidents"], told["draft"]) == ([incident.reference], draft.reference)


def test_an_incident_without_hosts_to_look_at_closes_quietly(fleet: Fleet) -> None:
    incident = begun(fleet, hosts=[])
    close_incident(actor=acting("ana"), incident=incident)
    deliver_events()
    assert (drafts(incident), scans_of(incident)) == ([], [])


def test_what_was_kept_on_a_laptop_and_arrives_afterwards_is_the_one_record(fleet: Fleet) -> None:
    incident = begun(fleet)
    by_hand(fleet, "web-1", "web-2")
    carry_out_all(fleet, incident)
    incident = close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    [draft] = drafts(incident)
    told_late = logged(
        "ben",
        hosts=["web-1", "web-2"],
        resources=["file:/etc/motd"],
        happened_at=clock.now() - timedelta(minutes=30),
    )
    deliver_events()
    draft.refresh_from_db()
    told_late.refresh_from_db()
    assert (draft.state, told_late.state, told_late.incident) == ("withdrawn", "logged", incident)
    assert [one.change_id for one in Explanation.objects.all()] == [told_late.pk]
    assert any(text.startswith(f"{draft.reference} was withdrawn") for text in told(incident, "change"))
    assert draft_unexplained(incident=incident) == []


@pytest.mark.parametrize(
    "said",
    [{"hosts": ["web-1"], "resources": ["file:/etc/motd"]}, {"hosts": ["web-1", "web-2"]}],
    ids=["one of two hosts", "no resource"],
)
def test_what_says_less_than_the_draft_leaves_it_to_a_person(
    fleet: Fleet, said: dict[str, list[str]]
) -> None:
    incident = begun(fleet)
    by_hand(fleet, "web-1", "web-2")
    carry_out_all(fleet, incident)
    incident = close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    logged("ben", happened_at=clock.now() - timedelta(minutes=30), **said)
    deliver_events()
    assert Explanation.objects.count() == 1
    assert [change.state for change in drafts(incident)] == ["drafted"]


def test_a_draft_that_somebody_stands_by_stays_whatever_else_is_told(fleet: Fleet) -> None:
    incident = begun(fleet)
    by_hand(fleet, "web-1")
    carry_out_all(fleet, incident)
    incident = close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    claim_change(actor=acting("ben"), change=drafts(incident)[0])
    logged(
        "ana", hosts=["web-1"], resources=["file:/etc/motd"], happened_at=clock.now() - timedelta(minutes=30)
    )
    deliver_events()
    assert [change.state for change in drafts(incident)] == ["logged"]
