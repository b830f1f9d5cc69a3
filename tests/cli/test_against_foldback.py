"""The command against Foldback itself: every verb that reads or decides, with what the API really answers."""

from pathlib import Path
from typing import Any

import pytest

from changemgmt.models import Change, Incident
from deployments.models import Deployment
from drift.models import Decision
from tests.cli.command import Shell
from tests.definitions import GitFleet
from tests.factories import token
from tests.folding import begin, fixed_by_hand

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    return begin(settings, tmp_path, count=3)


class Cast:
    def __init__(self, folder: Path, url: str) -> None:
        self.ana = Shell(folder / "ana", url, token("ana", name="ana-cli", role="ops")[1])
        self.ben = Shell(folder / "ben", url, token("ben", name="ben-cli", role="release-manager")[1])
        self.dee = Shell(folder / "dee", url, token("dee", name="dee-cli", role="auditor")[1])


@pytest.fixture
def cast(live_server: Any, tmp_path: Path, fleet: GitFleet) -> Cast:
    return Cast(tmp_path, live_server.url)


def test_a_fix_is_found_shown_claimed_decided_and_approved(cast: Cast, fleet: GitFleet) -> None:
    assert cast.ana("preflight", "--on", "role=web").returncode == 0
    finding = fixed_by_hand(fleet, "web-1", "web-2")
    name = finding.reference
    listed = cast.ana("findings", "--on", "role=web", "--unexplained")
    assert name in listed.stdout and "2 hosts" in listed.stdout and "/etc/app.conf" in listed.stdout
    assert cast.ana("findings", "--on", "web-3").stdout.startswith("Nothing differs")
    shown = cast.ana("show", name)
    assert "-limit 10" in shown.stdout and "+limit 99" in shown.stdout and "web-1" in shown.stdout
    assert cast.ana("claim", name).returncode == 0
    assert cast.ana("findings", "--claimed-by", "ana").stdout.startswith(name)

    undone = cast.ana("preflight", "--on", "role=web")
    assert undone.returncode == 3 and name in undone.stdout and "by ana" in undone.stdout
    assert "can't be told about" in undone.stderr  # the looks of this test are long ago

    wanted = ["decide", "fold-back", name, "--layer", "role", "-m", "it keeps checkout up"]
    preview = cast.ana(*wanted, "--dry-run")
    assert "+limit 99" in preview.stdout and not Decision.objects.exists()
    proposed = cast.ana(*wanted)
    assert proposed.returncode == 0, proposed.stderr
    change = Decision.objects.get().change
    assert f"foldback approve {change.reference}" in proposed.stdout
    assert "+limit 99" in cast.ben("show", Decision.objects.get().reference).stdout

    own = cast.ana("approve", change.reference, "--yes")
    assert own.returncode == 1 and own.stderr
    assert cast.ben("approve", change.reference, "--yes", "--digest", "0" * 64).returncode == 1
    assert cast.ben("approve", change.reference, "--yes").returncode == 0
    assert Change.objects.get(pk=change.pk).state == "approved"


def test_a_decision_is_refused_with_a_reason(cast: Cast, fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-1")
    assert (
        cast.ana(
            "decide", "waive", finding.reference, "--until", "14d", "-m", "the vendor is asked"
        ).returncode
        == 0
    )
    change = Decision.objects.get().change
    assert cast.ben("refuse", change.reference, "--yes", "-m", "web-1 has to go back").returncode == 0
    assert Change.objects.get(pk=change.pk).state == "rejected"


def test_an_incident_is_led_from_the_terminal(cast: Cast) -> None:
    opened = cast.ana("incident", "open", "checkout", "down", "--on", "role=web", "--severity", "critical")
    assert opened.returncode == 0, opened.stderr
    incident = Incident.objects.get()
    assert incident.reference in opened.stdout
    assert (incident.commander.username, sorted(incident.hosts)) == ("ana", ["web-1", "web-2", "web-3"])

    assert cast.ana("log", "raised the limit", "--on", "web-1", "--file", "/etc/app.conf").returncode == 0
    assert Change.objects.get(title="raised the limit").incident == incident, "the only open one on this host"
    assert cast.ben("incident", "note", "traffic", "is", "back", "--at", "1m").returncode == 0
    shown = cast.ben("incident", "show")
    assert "traffic is back" in shown.stdout and "checkout down" in shown.stdout
    assert incident.reference in cast.ben("incident", "list", "--state", "open").stdout
    assert cast.ana("incident", "close", "a", "limit", "was", "too", "low").returncode == 0
    assert Incident.objects.get().state == "closed"
    assert cast.ana("incident", "note", "late").returncode == 1


def test_changes_are_logged_shown_and_claimed(cast: Cast) -> None:
    program = Shell(cast.ana.home.parent, cast.ana.environment["FOLDBACK_URL"], token("ben", name="ci")[1])
    assert program("log", "restarted", "--on", "role=web", "--external-id", "b-1").returncode == 0
    assert program("log", "restarted", "--on", "role=web", "--external-id", "b-1").returncode == 0
    change = Change.objects.get()
    assert sorted(change.hosts) == ["web-1", "web-2", "web-3"]
    shown = cast.ana("show", change.reference)
    assert "restarted" in shown.stdout and "ben" in shown.stdout
    assert cast.ana("claim", change.reference).returncode == 0
    assert Change.objects.get().owner.username == "ana"
    assert "web-1" in cast.ana("show", "web-1").stdout


def test_who_may_only_read_is_told_so_and_the_record_is_kept(cast: Cast) -> None:
    done = cast.dee("log", "x")
    assert done.returncode == 4 and "may not log changes" in done.stderr
    assert len(cast.dee.waiting()) == 1 and not Change.objects.exists()
    assert cast.dee("findings").returncode == 0


def test_a_selector_without_hosts_is_refused_while_somebody_is_there_to_mend_it(cast: Cast) -> None:
    done = cast.ana("log", "x", "--on", "role=wbe")
    assert done.returncode == 1 and "Nothing was recorded" in done.stderr
    assert cast.ana("fix", "--on", "role=wbe", "--incident", "INC-99", "--", "true").returncode == 0
    change = Change.objects.get()
    assert "role=wbe" in change.description and "INC-99" in change.description


def test_a_scan_is_asked_for_and_a_deployment_reported(cast: Cast, fleet: GitFleet) -> None:
    started = cast.ana("scan", "--on", "role=web", "--quick")
    assert started.returncode == 0 and "SCN-" in started.stdout
    report = ["deployed", fleet.repository.head, "--on", "role=web", "--external-id", "push-1"]
    assert cast.ana(*report).returncode == 4, "an engineer's token may not"
    assert cast.ben(*report).returncode == 0
    assert Deployment.objects.get().hosts == ["web-1", "web-2", "web-3"]
