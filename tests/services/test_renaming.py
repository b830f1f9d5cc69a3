"""A host is renamed: what is known of it follows, and what the definition says by name does not."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from changemgmt.models import Change
from common import clock
from common.core.errors import Conflict
from deployments.services.deployments import report_deployment
from deployments.services.renaming import preview_rename, rename_with_definition
from drift.models import Finding, HostHistory, HostScan, HostState, Occurrence
from drift.services.observations import record_look
from inventory.models import Host
from inventory.services.host_life import rename_host
from tests.definitions import GitFleet, path_settings, work
from tests.factories import acting, host, logged, program
from tests.folding import approve, begin, fixed_by_hand, waive

pytestmark = pytest.mark.django_db

OWN = "files:\n  /etc/own: {content: 'its own'}\n"


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    return begin(settings, tmp_path)


def renamed(fleet: GitFleet, old: str, new: str, **options: Any) -> Host:
    found = fleet.hosts[old]
    found.refresh_from_db()
    preview = preview_rename(host=found, name=new)
    rename_with_definition(actor=acting("ben"), host=found, name=new, preview=preview, **options)
    fleet.hosts[new] = fleet.hosts.pop(old)
    fleet.live[new], fleet.entries[new] = fleet.live.pop(old), fleet.entries.pop(old)
    return found


def joined(fleet: GitFleet, name: str) -> Host:
    """Another machine, as the definition says."""
    fleet.hosts[name] = host(name)
    fleet.live[name], fleet.entries[name] = fleet.as_defined(name), {}
    return fleet.hosts[name]


# What follows


def test_findings_manifests_and_looks_follow_the_host(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-2", path="/etc/issue", old="two", new="zwei")
    before = HostState.objects.get(host__name="web-2")
    history = HostHistory.objects.filter(host__name="web-2").count()
    renamed(fleet, "web-2", "edge-2")
    state = HostState.objects.get(host__name="edge-2")
    assert (state.base_id, state.observed_id) == (before.base_id, before.observed_id)
    assert HostHistory.objects.filter(host__name="edge-2").count() == history
    assert HostScan.objects.filter(host__name="edge-2").count() == 2
    assert Occurrence.objects.get(finding=finding).host.name == "edge-2"
    fleet.look("edge-2")
    finding.refresh_from_db()
    assert (finding.state, Finding.objects.count()) == ("open", 1)


def test_what_was_frozen_keeps_the_old_text(fleet: GitFleet) -> None:
    scan = fleet.look("web-2")
    change = logged(hosts=["web-2"], title="raised the limit")
    renamed(fleet, "web-2", "edge-2")
    scan.refresh_from_db()
    change.refresh_from_db()
    assert (scan.selector, change.hosts) == ("name=web-2", ["web-2"])
    assert scan.hosts == [Host.objects.get(name="edge-2").pk]


def test_a_look_that_was_begun_under_the_old_name_is_not_used(fleet: GitFleet) -> None:
    scan, claim = fleet.claim("web-2")
    look, against = fleet.shown("web-2"), fleet.against("web-2")
    rename_host(actor=acting("ben"), host=Host.objects.get(name="web-2"), name="edge-2")
    record_look(claim=claim, scan=scan, look=look, against=against)
    assert HostScan.objects.get(scan=scan).reason == "outdated"


def test_a_change_that_was_logged_under_the_old_name_explains_what_is_found_under_the_new(
    fleet: GitFleet,
) -> None:
    change = logged(hosts=["web-2"], resources=["file:/etc/issue"], happened_at=fleet.now)
    Change.objects.filter(pk=change.pk).update(happened_at=fleet.now)
    renamed(fleet, "web-2", "edge-2")
    finding = fixed_by_hand(fleet, "edge-2", path="/etc/issue", old="two", new="zwei")
    assert finding.explanations.get().change == change


def test_a_change_on_the_host_that_had_the_name_before_explains_nothing(fleet: GitFleet) -> None:
    happened = clock.now() - timedelta(minutes=5)
    change = logged(hosts=["web-2"], resources=["file:/etc/issue"])
    Change.objects.filter(pk=change.pk).update(happened_at=happened)
    renamed(fleet, "web-2", "edge-2")
    joined(fleet, "web-2")
    fleet.now = clock.now() - timedelta(minutes=3)
    fleet.look("web-2")
    finding = fixed_by_hand(fleet, "web-2", path="/etc/issue", old="two", new="zwei")
    assert not finding.explanations.exists()


def test_a_waiver_is_for_the_machine_and_not_for_whoever_gets_its_name(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-2", "web-3", path="/etc/issue", old="two", new="zwei")
    decision = waive(finding, until=clock.now() + timedelta(days=9))
    renamed(fleet, "web-2", "edge-2")
    approve(decision)  # it is on the hosts that were looked at, whatever they are called by now
    finding.refresh_from_db()
    assert finding.state == "waived"
    joined(fleet, "web-2")
    fleet.look("web-2")
    fleet.edit("web-2", "/etc/issue", "two", "zwei")
    fleet.look("web-2")
    finding.refresh_from_db()
    assert finding.state == "open"


def test_a_report_of_a_deployment_is_about_the_host_that_was_called_so(fleet: GitFleet) -> None:
    fleet.repository.replace("base/files/issue", "two", "zwei")
    fleet.read_head()
    deployment, _ = report_deployment(
        actor=program("cy"), revision=fleet.revision, hosts=["web-2"], deployed_at=clock.now()
    )
    before = HostState.objects.get(host__name="web-2").base_id
    found = renamed(fleet, "web-2", "edge-2")
    other = host("web-2")
    work("move-base")  # the report is acted on when the host is called otherwise
    assert deployment.hosts == ["web-2"]
    assert HostState.objects.get(host=found).base_id != before
    assert not HostState.objects.filter(host=other).exists()


# What the definition says by name


def test_a_host_without_a_layer_of_its_own_is_renamed_and_told_what_uses_its_name(fleet: GitFleet) -> None:
    preview = preview_rename(host=fleet.hosts["web-2"], name="edge-2")
    assert not preview.moves_layer and (preview.left, preview.found) == ((), ())
    assert [item.resource for item in preview.changed] == ["file:/etc/app.conf"]  # it says {{ host.name }}
    renamed(fleet, "web-2", "edge-2")
    fleet.look("edge-2")
    assert not Finding.objects.exists()
    assert HostState.objects.get(host__name="edge-2").counts["pending"] == 1


def test_a_host_is_not_renamed_away_from_its_own_layer(fleet: GitFleet) -> None:
    fleet.repository.commit({"hosts/web-2/resources.yaml": OWN})
    preview = preview_rename(host=fleet.hosts["web-2"], name="edge-2")
    assert preview.left == ("resources.yaml",)
    assert "file:/etc/own" in [item.resource for item in preview.changed]
    with pytest.raises(Conflict, match=r"Commit a copy of it as hosts/edge-2/ first"):
        renamed(fleet, "web-2", "edge-2")
    assert Host.objects.filter(name="web-2").exists()


def test_with_a_copy_of_the_layer_under_the_new_name_nothing_is_lost(fleet: GitFleet) -> None:
    fleet.repository.commit({"hosts/web-2/resources.yaml": OWN, "hosts/edge-2/resources.yaml": OWN})
    preview = preview_rename(host=fleet.hosts["web-2"], name="edge-2")
    assert not preview.moves_layer
    assert [item.resource for item in preview.changed] == ["file:/etc/app.conf"]
    renamed(fleet, "web-2", "edge-2")


def test_a_layer_that_waits_under_the_new_name_is_not_taken_up_by_accident(fleet: GitFleet) -> None:
    fleet.repository.commit({"hosts/edge-2/resources.yaml": OWN})
    with pytest.raises(Conflict, match="would apply to this host as soon as it is called so"):
        renamed(fleet, "web-2", "edge-2")


def test_two_layers_that_differ_are_not_exchanged_by_accident(fleet: GitFleet) -> None:
    fleet.repository.commit(
        {"hosts/web-2/resources.yaml": OWN, "hosts/edge-2/resources.yaml": OWN.replace("its own", "other")}
    )
    with pytest.raises(Conflict, match="and they differ"):
        renamed(fleet, "web-2", "edge-2")


def test_it_is_done_when_somebody_says_that_it_is_meant_so(fleet: GitFleet) -> None:
    fleet.repository.commit({"hosts/web-2/resources.yaml": OWN})
    assert renamed(fleet, "web-2", "edge-2", accept_layer=True).name == "edge-2"


def test_while_the_definition_can_not_be_read_nobody_knows(fleet: GitFleet) -> None:
    fleet.repository.commit({"base/resources.yaml": "files: ["})
    with pytest.raises(Conflict, match="can't be told"):
        renamed(fleet, "web-2", "edge-2")


def test_without_a_definition_a_host_is_renamed(settings: Any, tmp_path: Path) -> None:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    assert not preview_rename(host=host("web-1"), name="edge-1").moves_layer
