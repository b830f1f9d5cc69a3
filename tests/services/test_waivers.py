"""Waivers: accepted until a date, with a reason, by two people; open again by themselves."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from common import clock
from common.core.errors import Conflict, NotPermitted, Unprocessable
from common.models import Job, LedgerEntry
from drift.models import Decision, Finding
from drift.services.waivers import end_waiver, reopen_expired_waivers
from drift.tasks import reopen_expired_waivers_task
from tests.definitions import GitFleet
from tests.factories import acting
from tests.folding import approve, begin, fixed_by_hand, fold, now_is, refuse, waive

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    return begin(settings, tmp_path)


@pytest.fixture
def finding(fleet: GitFleet) -> Finding:
    return fixed_by_hand(fleet)


def waived(*findings: Finding, days: int = 7) -> Decision:
    decision = waive(*findings, until=clock.now() + days * DAY)
    approve(decision)
    return decision


def state(finding: Finding) -> str:
    return Finding.objects.get(pk=finding.pk).state


def test_an_approved_waiver_takes_effect_without_a_job(fleet: GitFleet, finding: Finding) -> None:
    decision = waive(finding, until=clock.now() + DAY)
    assert now_is(decision) == ("proposed", ["decided"], "")
    approve(decision)
    assert now_is(decision) == ("completed", ["waived"], "")
    assert Finding.objects.get(pk=finding.pk).waived_until == decision.until
    assert not Job.objects.exclude(kind="scan").exists()


def test_an_expired_waiver_reopens_the_finding(fleet: GitFleet, finding: Finding) -> None:
    waived(finding, days=7)
    assert reopen_expired_waivers(now=clock.now() + 6 * DAY) == 0
    assert state(finding) == "waived"
    assert reopen_expired_waivers(now=clock.now() + 8 * DAY) == 1
    fresh = Finding.objects.get(pk=finding.pk)
    assert (fresh.state, fresh.waived_until) == ("open", None)
    assert LedgerEntry.objects.get(action="finding.waiver_ended").data["why"] == "its date has come"
    assert reopen_expired_waivers(now=clock.now() + 8 * DAY) == 0
    fold(fresh)


def test_beat_reopens_by_the_clock(fleet: GitFleet, finding: Finding) -> None:
    waived(finding, days=1)
    reopen_expired_waivers_task()
    assert state(finding) == "waived"
    with clock.shifted(2 * DAY):
        reopen_expired_waivers_task()
    assert state(finding) == "open"


def test_a_waiver_needs_a_date_and_not_one_that_has_passed(fleet: GitFleet, finding: Finding) -> None:
    for until in (None, clock.now(), clock.now() - DAY):
        with pytest.raises(Unprocessable) as caught:
            waive(finding, until=until)
        assert caught.value.errors[0].pointer == "/until"
    assert state(finding) == "open"


def test_the_database_refuses_a_waiver_without_a_date(fleet: GitFleet, finding: Finding) -> None:
    decision = waive(finding, until=clock.now() + DAY)
    with pytest.raises(IntegrityError, match="a_waive_decision_has_a_date"), transaction.atomic():
        Decision.objects.filter(pk=decision.pk).update(until=None)
    with pytest.raises(IntegrityError, match="a_waiver_has_a_date"), transaction.atomic():
        Finding.objects.filter(pk=finding.pk).update(state="waived")


def test_a_waiver_whose_date_passed_before_it_was_approved_fails_and_says_so(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = waive(finding, until=clock.now() + DAY)
    with clock.shifted(2 * DAY):
        approve(decision)
    assert now_is(decision) == ("failed", ["open"], "")
    assert "had passed" in LedgerEntry.objects.get(action="change.failed").data["reason"]


def test_a_refused_waiver_opens_its_findings(fleet: GitFleet, finding: Finding) -> None:
    decision = waive(finding, until=clock.now() + DAY)
    refuse(decision)
    assert now_is(decision) == ("rejected", ["open"], "")


def test_a_waiver_can_be_ended_early_and_then_folded_back(fleet: GitFleet, finding: Finding) -> None:
    decision = waived(finding)
    ended = end_waiver(actor=acting("ana"), decision=decision, reason="the vendor answered")
    assert ended == [finding]
    assert state(finding) == "open"
    entry = LedgerEntry.objects.get(action="finding.waiver_ended")
    assert (entry.actor_label, entry.data["why"]) == ("ana", "the vendor answered")
    fold(Finding.objects.get(pk=finding.pk))
    with pytest.raises(Conflict, match="not in force"):
        end_waiver(actor=acting("ana"), decision=decision, reason="again")


def test_an_earlier_waiver_does_not_end_a_later_one(fleet: GitFleet, finding: Finding) -> None:
    first = waived(finding, days=1)
    reopen_expired_waivers(now=clock.now() + 2 * DAY)
    waived(Finding.objects.get(pk=finding.pk), days=30)
    with pytest.raises(Conflict, match="not in force"):
        end_waiver(actor=acting("ana"), decision=first, reason="mine is over")
    assert state(finding) == "waived"


def test_dee_may_not_end_a_waiver_and_a_fold_back_is_none(fleet: GitFleet, finding: Finding) -> None:
    decision = waived(finding)
    with pytest.raises(NotPermitted):
        end_waiver(actor=acting("dee"), decision=decision, reason="x")
    other = fixed_by_hand(fleet, "web-3", path="/etc/motd", old="hello", new="bye")
    with pytest.raises(Conflict, match="not a waiver"):
        end_waiver(actor=acting("ana"), decision=fold(other), reason="x")


def test_a_waived_finding_stays_waived_while_it_is_seen_again(fleet: GitFleet, finding: Finding) -> None:
    waived(finding)
    fleet.look()
    assert state(finding) == "waived"


def test_a_waived_finding_that_is_edited_further_is_a_new_open_one(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-1")
    waived(finding)
    newer = fixed_by_hand(fleet, "web-1", old="limit 99", new="limit 7")
    assert (state(finding), newer.state) == ("superseded", "open")
    reopen_expired_waivers(now=clock.now() + 30 * DAY)
    assert state(finding) == "superseded"


def test_of_two_findings_the_one_that_ended_is_left_out(fleet: GitFleet) -> None:
    stays = fixed_by_hand(fleet, "web-1")
    goes = fixed_by_hand(fleet, "web-3", path="/etc/motd", old="hello", new="bye")
    decision = waive(stays, goes, until=clock.now() + DAY)
    fleet.edit("web-3", "/etc/motd", "bye", "good night")
    fleet.look("web-3")
    approve(decision)
    assert now_is(decision) == ("completed", ["waived", "superseded"], "")


def test_a_waiver_is_for_the_hosts_it_was_agreed_for(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-1")
    waived(finding)
    assert state(finding) == "waived"
    fixed_by_hand_too(fleet, "web-2")
    assert (state(finding), Finding.objects.get(pk=finding.pk).waived_until) == ("open", None)
    assert "web-2" in LedgerEntry.objects.get(action="finding.waiver_ended").data["why"]


def test_a_waiver_that_was_outgrown_before_it_was_approved_is_given_up(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-1")
    decision = waive(finding, until=clock.now() + DAY)
    fixed_by_hand_too(fleet, "web-2")
    approve(decision)
    assert now_is(decision) == ("failed", ["open"], "")


def fixed_by_hand_too(fleet: GitFleet, name: str) -> None:
    fleet.edit(name, "/etc/app.conf", "limit 10", "limit 99")
    fleet.look(name)
