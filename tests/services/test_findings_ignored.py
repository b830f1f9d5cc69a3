"""An ignore rule that comes later ends the findings it covers, says so, and is not the end of them."""

from datetime import timedelta

import pytest

from common import clock
from common.models import LedgerEntry
from drift.models import Decision, Finding, Occurrence, ResourceVerdict
from drift.models.decision import WAIVE
from drift.services.decisions import propose_decision, withdraw_decision
from tests.factories import acting, host
from tests.looks import Fleet, only_finding

pytestmark = pytest.mark.django_db

FILES = {"base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n'}
RULE = {"definition.yaml": "format: 1\nignore:\n  - {path: /etc/motd, reason: changes by itself}\n"}


@pytest.fixture
def fleet() -> Fleet:
    """Two hosts with a finding, that is not ignored yet."""
    fleet = Fleet(FILES, [host("web-1"), host("web-2")])
    fleet.look()
    for name in fleet.hosts:
        fleet.live[name]["/etc/motd"] = "bye\n"
    fleet.look()
    return fleet


def test_a_rule_ends_the_finding_once_every_host_was_looked_at_with_it(fleet: Fleet) -> None:
    fleet.define({**FILES, **RULE})
    fleet.look("web-1")
    assert only_finding().state == "open"
    fleet.look("web-2")
    assert only_finding().state == "ignored"
    assert set(Occurrence.objects.values_list("ended_as", flat=True)) == {"ignored"}
    assert set(ResourceVerdict.objects.values_list("hidden", flat=True)) == {"changes by itself"}


def test_when_the_rule_goes_it_is_open_again_and_says_why(fleet: Fleet) -> None:
    fleet.define({**FILES, **RULE})
    fleet.look()
    fleet.define(FILES)
    fleet.look()
    finding = only_finding()
    assert (finding.state, finding.reopened) == ("open", 1)
    entry = LedgerEntry.objects.get(action="finding.reopened")
    assert entry.data["why"] == "no ignore rule hides it any more"


def test_what_is_put_back_while_it_is_ignored_stays_ended(fleet: Fleet) -> None:
    fleet.define({**FILES, **RULE})
    fleet.look()
    fleet.push()
    fleet.define(FILES)
    fleet.look()
    assert only_finding().state == "ignored"


def test_what_somebody_proposed_about_is_left_to_them(fleet: Fleet) -> None:
    until = clock.now() + timedelta(days=3)
    decision: Decision = propose_decision(
        actor=acting("ana"), kind=WAIVE, findings=[only_finding()], reason="waits", until=until
    )
    fleet.define({**FILES, **RULE})
    fleet.look()
    assert only_finding().state == "decided"
    withdraw_decision(actor=acting("ana"), decision=decision, reason="a rule does it")
    Finding.objects.filter(state="decided").update(state="open")  # as its event does
    fleet.look()
    assert only_finding().state == "ignored"
