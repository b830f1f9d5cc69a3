"""Many things changed on a host at once: written together, with all that is written of one."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from changemgmt.models import Change
from common.models import LedgerEntry, OutboxEvent
from drift.models import Explanation, Finding, Occurrence
from tests.factories import host, logged
from tests.looks import Fleet

pytestmark = pytest.mark.django_db

FILES = 200


def fleet_of(*names: str) -> Fleet:
    paths = "\n".join(f'  /srv/f{number}: {{content: "text {number}\\n"}}' for number in range(FILES))
    fleet = Fleet({"base/resources.yaml": f"files:\n{paths}\n"}, [host(name) for name in names])
    fleet.look()
    return fleet


def edit(fleet: Fleet, name: str, first: int, last: int, text: str = "by hand\n") -> None:
    for number in range(first, last):
        fleet.live[name][f"/srv/f{number}"] = text


def statements(fleet: Fleet, name: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        fleet.look(name)
    return len(queries)


def test_ten_times_as_many_findings_take_no_more_statements() -> None:
    fleet = fleet_of("web-1")
    edit(fleet, "web-1", 0, 18)
    few = statements(fleet, "web-1")
    edit(fleet, "web-1", 18, FILES)
    assert statements(fleet, "web-1") <= few + 2
    assert Finding.objects.count() == Occurrence.objects.filter(ended_at=None).count() == FILES


def test_each_has_its_entry_its_event_and_its_explanation() -> None:
    fleet = fleet_of("web-1", "web-2")
    change = logged(hosts=["web-1"], title="new texts everywhere", happened_at=fleet.now)
    edit(fleet, "web-1", 0, FILES)
    fleet.look("web-1")
    edit(fleet, "web-2", 0, FILES)
    fleet.look("web-2")
    opened = LedgerEntry.objects.filter(action="finding.opened")
    findings = set(Finding.objects.values_list("pk", flat=True))
    assert len(findings) == opened.count() == FILES
    assert set(opened.values_list("subject_id", flat=True)) == findings
    assert {entry.data["host"] for entry in opened} == {"web-1"}
    assert (
        set(OutboxEvent.objects.filter(type="finding.opened").values_list("subject_id", flat=True))
        == findings
    )
    explained = Explanation.objects.filter(change=Change.objects.get(pk=change.pk))
    assert set(explained.values_list("finding_id", flat=True)) == findings
    assert {why.reasons[0] for why in explained} == {"it names 1 of 2 hosts (web-1)"}


def test_a_further_edit_of_all_supersedes_each_and_is_still_the_same_persons() -> None:
    fleet = fleet_of("web-1")
    edit(fleet, "web-1", 0, FILES)
    fleet.look()
    edit(fleet, "web-1", 0, FILES, "by another hand\n")
    few = statements(fleet, "web-1")
    superseding = Finding.objects.filter(supersedes__isnull=False)
    assert superseding.count() == Finding.objects.filter(state="superseded").count() == FILES
    assert all(finding.resource == finding.supersedes.resource for finding in superseding)
    assert few < 20 * FILES
