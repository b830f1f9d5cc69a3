"""A conflict whose two changes don't meet: the fold-back keeps what the definition says by now, and adds the fix."""

from pathlib import Path
from typing import Any

import pytest

from common.core.errors import Conflict
from common.models import LedgerEntry
from drift.models import Finding, ResourceVerdict
from drift.models import Occurrence as Row
from drift.services.proposals import placements_for, prepare_fold_back
from tests.definitions import GitFleet
from tests.factories import host
from tests.folding import TEMPLATE, approve, begin, carry_out, fixed_by_hand, fold, now_is

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    return begin(settings, tmp_path)


@pytest.fixture
def finding(fleet: GitFleet) -> Finding:
    """limit 99 by hand on web-1 and web-2, while somebody commits another line of the same template."""
    found = fixed_by_hand(fleet)
    fleet.repository.replace(TEMPLATE, "# {{ host.name }}\n", "# {{ host.name }}\nlog warn\n")
    fleet.read_head()
    fleet.look()
    assert verdicts("web-1") == {"file:/etc/app.conf": "conflict"}
    return found


def verdicts(name: str) -> dict[str, str]:
    return dict(ResourceVerdict.objects.filter(host__name=name).values_list("resource", "verdict"))


def committed(fleet: GitFleet, finding: Finding) -> Any:
    decision = fold(finding)
    approve(decision)
    carry_out()
    fleet.read_head()
    return decision


def test_it_is_advised_and_takes_nothing_back(fleet: GitFleet, finding: Finding) -> None:
    _, previews = placements_for(finding)
    first = previews[0].placement
    assert first.safe and not first.takes_back and "keeps what it says by now" in first.explanation
    proposal = prepare_fold_back(findings=[finding])
    assert proposal.edits[TEMPLATE] == b"# {{ host.name }}\nlog warn\nworkers {{ workers }}\nlimit 99\n"
    assert proposal.missed == ()
    assert proposal.effect["joined"] == [f"{finding.reference} on web-1", f"{finding.reference} on web-2"]


def test_the_hosts_wait_for_the_push_and_only_then_it_is_proven(fleet: GitFleet, finding: Finding) -> None:
    decision = committed(fleet, finding)
    fleet.look()
    assert now_is(decision)[1] == ["committed"], "the commit alone proves nothing"
    assert verdicts("web-1") == verdicts("web-2") == verdicts("web-3") == {"file:/etc/app.conf": "pending"}
    fleet.push("web-1", "web-3")
    fleet.look()
    assert now_is(decision)[1] == ["committed"], "web-2 waits still"
    fleet.push("web-2")
    fleet.look()
    assert now_is(decision)[1] == ["proven"]
    assert all(ended == "proven" for ended in Row.objects.values_list("ended_as", flat=True))
    assert Finding.objects.count() == 1


def test_the_record_names_where_live_was_agreed_on(fleet: GitFleet, finding: Finding) -> None:
    decision = committed(fleet, finding)
    entry = LedgerEntry.objects.get(action="decision.committed")
    assert entry.data["agreed"] == [f"{finding.reference} on web-1", f"{finding.reference} on web-2"]
    assert now_is(decision)[0] == "completed"


def test_a_host_that_is_put_back_by_hand_afterwards_is_found_again(fleet: GitFleet, finding: Finding) -> None:
    decision = committed(fleet, finding)
    fleet.look()
    fleet.edit("web-1", "/etc/app.conf", "limit 99", "limit 10")
    fleet.look()
    assert verdicts("web-1") == {"file:/etc/app.conf": "conflict"}
    again = Finding.objects.exclude(pk=finding.pk).get()
    assert again.change["hunks"] == [{"removed": ["limit 99\n"], "added": ["limit 10\n"]}]
    assert now_is(decision)[1] == ["committed"], "it waits on web-2"


def test_a_host_that_was_edited_further_before_the_commit_agrees_on_nothing(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    approve(decision)
    fleet.edit("web-2", "/etc/app.conf", "limit 99", "limit 98")
    fleet.look("web-2")
    carry_out()
    fleet.read_head()
    fleet.look()
    assert verdicts("web-2") == {"file:/etc/app.conf": "conflict"}
    assert verdicts("web-1") in ({"file:/etc/app.conf": "pending"}, {"file:/etc/app.conf": "conflict"})
    assert now_is(decision)[1][0] in ("committed", "decided")


def test_two_findings_of_one_file_are_folded_back_together(fleet: GitFleet) -> None:
    one = fixed_by_hand(fleet, "web-1")
    two = fixed_by_hand(fleet, "web-2", old="workers 4", new="workers 4 # at most")
    proposal = prepare_fold_back(findings=[one, two], layer="roles/web")
    assert proposal.edits[TEMPLATE] == b"# {{ host.name }}\nworkers {{ workers }} # at most\nlimit 99\n"
    assert proposal.missed == ()
    decision = fold(one, two, layer="roles/web")
    approve(decision)
    carry_out()
    fleet.read_head()
    fleet.look()
    assert now_is(decision)[1] == ["committed", "committed"]
    assert verdicts("web-1") == verdicts("web-2") == {"file:/etc/app.conf": "pending"}
    fleet.push()
    fleet.look()
    assert now_is(decision)[1] == ["proven", "proven"]


def test_a_new_host_with_the_change_is_counted_in(fleet: GitFleet, finding: Finding) -> None:
    fleet.hosts["web-9"] = host("web-9")
    fleet.live["web-9"] = fleet.as_defined("web-9")
    fleet.look("web-9")
    proposal = prepare_fold_back(findings=[finding])
    assert "web-9" in proposal.effect["hosts"]["changed"]


def test_what_the_definition_has_already_waits_for_the_push_and_needs_no_fold_back(
    fleet: GitFleet, finding: Finding
) -> None:
    fleet.repository.replace(TEMPLATE, "limit 10", "limit 99")
    with pytest.raises(Conflict, match="beside something newer"):
        prepare_fold_back(findings=[finding])
    fleet.read_head()
    fleet.push()
    fleet.look()
    finding.refresh_from_db()
    assert finding.state == "proven"


def test_the_next_push_changes_the_hosts_that_are_joined(fleet: GitFleet, finding: Finding) -> None:
    proposal = prepare_fold_back(findings=[finding])
    assert proposal.effect["hosts"]["changed"] == ["web-1", "web-2"]
