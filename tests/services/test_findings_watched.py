"""Findings about what nobody declared, on a fleet whose packages and users are watched."""

import pytest

from deployments.core.states import ABSENT, Present, Unknown
from drift.models import Finding, HostScan, HostState, Occurrence, ResourceVerdict
from drift.services.manifests import load_states
from tests.factories import host
from tests.looks import Fleet, only_finding

pytestmark = pytest.mark.django_db

WATCHING = {"definition.yaml": "format: 1\nwatched: [packages, users]\n"}
NGINX = Present({"version": "1.22", "hold": False})
NEWER = Present({"version": "1.24", "hold": False})


def user(*groups: str) -> Present:
    return Present(
        {"uid": 1000, "group": "ana", "groups": list(groups), "home": "/h", "shell": "/bin/sh", "comment": ""}
    )


@pytest.fixture
def fleet() -> Fleet:
    """Three hosts with a package and a user, whose groups differ; looked at once."""
    fleet = Fleet(WATCHING, [host(f"web-{number}") for number in (1, 2, 3)])
    for number, name in enumerate(fleet.hosts):
        groups = ["adm", "www-data"][:number]
        fleet.entries[name] = {"package:nginx": NGINX, "user:ana": user(*groups)}
    fleet.look()
    return fleet


def occurrences() -> dict[str, list[str]]:
    found = Occurrence.objects.filter(ended_at=None).order_by("host__name")
    result: dict[str, list[str]] = {}
    for resource, name in found.values_list("finding__resource", "host__name"):
        result.setdefault(resource, []).append(name)
    return result


def test_the_first_look_at_what_is_watched_finds_nothing(fleet: Fleet) -> None:
    assert not Finding.objects.exists()
    state = HostState.objects.get(host__name="web-1")
    assert state.counts["in sync"] == 2
    assert (load_states(state.base) or {})["package:nginx"] == NGINX


def test_one_group_more_is_one_finding_on_every_host_whatever_groups_there_were(fleet: Fleet) -> None:
    for name in fleet.hosts:
        before = fleet.entries[name]["user:ana"]
        assert isinstance(before, Present)
        fleet.entries[name]["user:ana"] = user(*sorted([*before.data["groups"], "docker"]))
    fleet.look()
    assert occurrences() == {"user:ana": ["web-1", "web-2", "web-3"]}
    assert only_finding().change["items"] == {"groups": {"removed": [], "added": ["docker"]}}
    [watched] = set(Occurrence.objects.values_list("watched", flat=True))
    assert watched


def test_what_was_installed_and_what_was_removed_are_findings_that_vanish_when_it_is_put_back(
    fleet: Fleet,
) -> None:
    fleet.entries["web-1"]["package:vim"] = NGINX
    del fleet.entries["web-2"]["package:nginx"]
    fleet.look()
    assert occurrences() == {"package:vim": ["web-1"], "package:nginx": ["web-2"]}
    del fleet.entries["web-1"]["package:vim"]
    fleet.entries["web-2"]["package:nginx"] = NGINX
    fleet.look()
    assert set(Finding.objects.values_list("state", flat=True)) == {"vanished"}


def test_a_kind_that_can_not_be_listed_clears_no_finding_and_is_one_unknown(fleet: Fleet) -> None:
    fleet.entries["web-1"]["package:nginx"] = NEWER
    fleet.look()
    fleet.incomplete = {"package": "tool missing: dpkg-query"}
    fleet.look("web-1")
    assert only_finding().state == "open" and occurrences() == {"package:nginx": ["web-1"]}
    unknown = ResourceVerdict.objects.filter(host__name="web-1", verdict="unknown")
    assert list(unknown.values_list("resource", "reason")) == [("package:", "tool missing: dpkg-query")]
    look = HostScan.objects.filter(host__name="web-1").latest("created_at")
    assert look.counts["unknown"] == 1
    fleet.incomplete = {}
    fleet.look("web-1")
    assert only_finding().state == "open"


def test_what_is_not_watched_any_more_ends_as_no_longer_managed_and_begins_anew(fleet: Fleet) -> None:
    fleet.entries["web-1"]["package:nginx"] = NEWER
    fleet.look()
    fleet.define({"definition.yaml": "format: 1\nwatched: [users]\n"})
    fleet.look()
    assert only_finding().state == "unmanaged"
    fleet.define(WATCHING)
    fleet.look()
    assert only_finding().state == "unmanaged" and occurrences() == {}
    fleet.entries["web-1"]["package:nginx"] = NGINX
    fleet.look("web-1")
    assert occurrences() == {"package:nginx": ["web-1"]}


def test_declaring_what_was_found_proves_it_and_the_other_hosts_wait(fleet: Fleet) -> None:
    fleet.entries["web-1"]["package:nginx"] = NEWER
    fleet.look()
    declared = "packages:\n  nginx: {version: '1.24'}\n"
    fleet.define({**WATCHING, "roles/web/resources.yaml": declared})
    fleet.look()
    assert only_finding().state == "proven"
    pending = ResourceVerdict.objects.filter(verdict="pending").order_by("host__name")
    assert list(pending.values_list("host__name", flat=True)) == ["web-2", "web-3"]
    fleet.push()
    fleet.look()
    assert not ResourceVerdict.objects.exists()


def test_what_is_declared_no_longer_goes_on_from_what_was_agreed(fleet: Fleet) -> None:
    declared = "packages:\n  nginx: {version: '1.22'}\n"
    fleet.define({**WATCHING, "roles/web/resources.yaml": declared})
    fleet.look()
    fleet.define(WATCHING)
    fleet.look()
    assert not Finding.objects.exists()
    fleet.entries["web-1"]["package:nginx"] = NEWER
    fleet.look()
    assert occurrences() == {"package:nginx": ["web-1"]}
    assert only_finding().change["attributes"] == {"version": ["1.22", "1.24"]}


def test_what_was_taken_out_of_a_state_is_counted_with_its_occurrence(fleet: Fleet) -> None:
    fleet.define({"definition.yaml": "format: 1\nwatched: [cron]\n"})
    fleet.look()
    fleet.entries["web-1"]["cron:root"] = Present({"jobs": ["* * * * * curl -u «redacted» x"]})
    fleet.redacted = {"cron:root": 1}
    fleet.look()
    assert Occurrence.objects.get().redactions == 1


def test_an_entry_that_could_not_be_seen_is_unknown_and_no_finding(fleet: Fleet) -> None:
    fleet.entries["web-1"]["user:ana"] = Unknown("denied")
    fleet.look()
    assert not Finding.objects.exists()
    [verdict] = ResourceVerdict.objects.all()
    assert (verdict.resource, verdict.verdict, verdict.reason) == ("user:ana", "unknown", "denied")


def test_a_rule_of_the_definition_hides_watched_entries(fleet: Fleet) -> None:
    rule = "ignore: [{resource: 'package:ngin*', reason: unattended upgrades}]\n"
    fleet.define({"definition.yaml": WATCHING["definition.yaml"] + rule})
    fleet.entries["web-1"]["package:nginx"] = NEWER
    fleet.entries["web-1"]["user:ana"] = ABSENT
    fleet.look()
    assert occurrences() == {"user:ana": ["web-1"]}
    assert HostState.objects.get(host__name="web-1").counts["hidden"] == 1
