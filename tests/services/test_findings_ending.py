"""How a finding ends when its hosts went different ways, and when it has ended before."""

from pathlib import Path
from typing import Any

import pytest

from drift.models import Finding
from drift.queries.findings import findings_with_counts
from inventory.models import Host
from inventory.services.hosts import decommission_host
from tests.definitions import GitFleet, work
from tests.factories import acting, host
from tests.folding import approve, begin, carry_out, fixed_by_hand, fold
from tests.looks import Fleet, only_finding

pytestmark = pytest.mark.django_db

HELLO = {"base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n'}
BYE = {"base/resources.yaml": 'files:\n  /etc/motd: {content: "bye\\n"}\n'}


@pytest.fixture
def fleet() -> Fleet:
    """A fleet on which "bye" was found on web-1 and proven, and then taken back."""
    fleet = Fleet(HELLO, [host("web-1"), host("web-2")])
    fleet.look()
    fleet.live["web-1"]["/etc/motd"] = "bye\n"
    fleet.look()
    fleet.define(BYE)
    fleet.look("web-1")
    assert only_finding().state == "proven"
    fleet.define(HELLO)
    fleet.push()
    fleet.look()
    return fleet


def test_what_an_earlier_life_proved_does_not_prove_a_reopened_finding(fleet: Fleet) -> None:
    fleet.live["web-2"]["/etc/motd"] = "bye\n"
    fleet.look("web-2")
    assert (only_finding().state, only_finding().reopened) == ("open", 1)
    fleet.push("web-2")  # put back by hand: nobody decided, and the definition says hello
    fleet.look("web-2")
    assert only_finding().state == "vanished"


def test_hosts_of_an_earlier_life_are_not_counted_as_proven_now(fleet: Fleet) -> None:
    fleet.live["web-2"]["/etc/motd"] = "bye\n"
    fleet.look("web-2")
    [finding] = findings_with_counts()
    assert (finding.hosts_total, finding.hosts_open, finding.hosts_proven) == (1, 1, 0)


def test_a_host_of_an_earlier_life_that_drifts_again_counts_again(fleet: Fleet) -> None:
    fleet.live["web-1"]["/etc/motd"] = "bye\n"
    fleet.look("web-1")
    fleet.define(BYE)
    fleet.look("web-1")
    assert only_finding().state == "proven"


@pytest.fixture
def git_fleet(settings: Any, tmp_path: Path) -> GitFleet:
    return begin(settings, tmp_path)


def test_a_committed_finding_retires_with_its_last_host_though_another_was_put_back_before(
    git_fleet: GitFleet,
) -> None:
    finding = fixed_by_hand(git_fleet, "web-1", "web-2")
    git_fleet.push("web-1")
    git_fleet.look("web-1")
    approve(fold(finding))
    carry_out()
    decommission_host(actor=acting("cy"), host=Host.objects.get(name="web-2"))
    work()
    assert Finding.objects.get(pk=finding.pk).state == "retired"
