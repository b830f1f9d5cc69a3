"""Findings about files that nobody declared, on a fleet whose /etc is watched."""

from pathlib import Path
from typing import Any

import pytest

from deployments.core.definition.placement import placements
from deployments.core.definition.render import desired_manifest
from deployments.core.states import ABSENT, Present
from drift.models import Blob, Finding, HostState, Occurrence, ResourceVerdict
from drift.queries.findings import finding_variants
from drift.services.fold_ground import stand_on
from drift.services.manifests import load_states
from drift.services.roots import watched_roots
from inventory.queries.hosts import host_view
from tests.definitions import GitFleet, Repository, path_settings
from tests.factories import host
from tests.looks import Fleet, only_finding

pytestmark = pytest.mark.django_db

WATCHING = {"definition.yaml": "format: 1\nwatched: [/etc]\n"}
CONF = "/etc/nginx/nginx.conf"
SHIPPED = "user www-data;\nworker_connections 768;\n"
EDITED = "user www-data;\nworker_connections 4096;\n"


def fill(fleet: Fleet) -> None:
    for name in fleet.hosts:
        fleet.live[name] = {CONF: SHIPPED, "/etc/hostname": f"{name}\n"}


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet(WATCHING, [host(f"web-{number}") for number in (1, 2, 3)])
    fill(fleet)
    fleet.look()
    return fleet


def occurrences() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    rows = Occurrence.objects.filter(ended_at=None).order_by("host__name")
    for resource, name in rows.values_list("finding__resource", "host__name"):
        found.setdefault(resource, []).append(name)
    return found


def test_the_first_look_finds_nothing_and_keeps_what_was_there(fleet: Fleet) -> None:
    assert not Finding.objects.exists() and not ResourceVerdict.objects.exists()
    state = HostState.objects.get(host__name="web-1")
    assert state.counts["in sync"] == 2
    assert f"file:{CONF}" in (load_states(state.base) or {})
    assert Blob.objects.filter(text=SHIPPED).count() == 1, "once for all hosts"


def test_the_same_edit_on_three_hosts_is_one_finding_with_the_lines_that_changed(fleet: Fleet) -> None:
    for name in fleet.hosts:
        fleet.live[name][CONF] = EDITED
    fleet.look()
    assert occurrences() == {f"file:{CONF}": ["web-1", "web-2", "web-3"]}
    finding = only_finding()
    assert finding.change["hunks"] == [
        {"removed": ["worker_connections 768;\n"], "added": ["worker_connections 4096;\n"]}
    ]
    [variant] = finding_variants(finding)
    assert (variant.base.text, variant.live.text) == (SHIPPED, EDITED)
    assert variant.watched


def test_what_is_new_and_what_was_deleted_vanish_when_it_is_put_back(fleet: Fleet) -> None:
    fleet.live["web-1"]["/etc/new"] = "x\n"
    del fleet.live["web-2"][CONF]
    fleet.look()
    assert occurrences() == {"file:/etc/new": ["web-1"], f"file:{CONF}": ["web-2"]}
    del fleet.live["web-1"]["/etc/new"]
    fleet.live["web-2"][CONF] = SHIPPED
    fleet.look()
    assert set(Finding.objects.values_list("state", flat=True)) == {"vanished"}


def test_a_root_that_can_not_be_listed_clears_no_finding_and_is_one_unknown(fleet: Fleet) -> None:
    fleet.live["web-1"][CONF] = EDITED
    fleet.look("web-1")
    fleet.incomplete = {"/etc": "over limit: more than 20000 entries"}
    del fleet.live["web-1"][CONF]
    fleet.look("web-1")
    assert only_finding().state == "open"
    rows = dict(ResourceVerdict.objects.filter(host__name="web-1").values_list("resource", "verdict"))
    assert rows == {"path:/etc": "unknown"}


def test_what_is_no_longer_watched_is_no_longer_managed(fleet: Fleet) -> None:
    fleet.live["web-1"][CONF] = EDITED
    fleet.look()
    fleet.define({"definition.yaml": "format: 1\n"})
    fleet.look()
    assert only_finding().state == "unmanaged"
    fleet.define(WATCHING)
    fleet.look()
    assert only_finding().state == "unmanaged", "watched anew, what is there is agreed"


def test_a_host_is_asked_with_what_is_agreed_and_texts_are_kept_once(fleet: Fleet) -> None:
    new = host("web-9")
    desired = {one.pk: desired_manifest(fleet.definition, host_view(one)) for one in fleet.hosts.values()}
    kept: set[str] = set()
    known = watched_roots(desired, kept)[fleet.hosts["web-1"].pk]
    assert (known.paths, known.first, kept) == (("/etc",), frozenset(), set())
    assert isinstance(known.agreed[f"file:{CONF}"], Present)
    first = watched_roots({new.pk: desired_manifest(fleet.definition, host_view(new))}, kept)[new.pk]
    assert first.first == {"/etc"} and set(Blob.objects.values_list("pk", flat=True)) <= kept


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", ["edited", "new", "deleted"])
def test_an_edit_of_a_file_that_nobody_declared_is_folded_back_in_its_natural_form(
    settings: Any, tmp_path: Path, change: str
) -> None:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    fleet = GitFleet(Repository(WATCHING), [host(f"web-{number}") for number in (1, 2, 3)])
    fill(fleet)
    fleet.look()
    path = "/etc/new.conf" if change == "new" else CONF
    for name in ("web-1", "web-2", "web-3"):
        if change == "deleted":
            del fleet.live[name][path]
        else:
            fleet.live[name][path] = EDITED
    fleet.look()
    ground = stand_on(fleet.repository.head, [only_finding()])
    ways = placements(ground.definition, ground.files, ground.changes[only_finding().reference], ground.views)
    safe = {way.layer: way for way in ways if way.safe}
    assert "roles/web" in safe, [(way.layer, way.why_not) for way in ways]
    edits = {name: (content or b"").decode() for name, content in safe["roles/web"].edits.items()}
    if change == "deleted":
        assert edits == {"roles/web/resources.yaml": f"files:\n  {path}: {{state: absent}}\n"}, edits
    else:
        assert edits[f"roles/web/files{path}"] == EDITED
        assert f"{path}: {{source: {path[1:]}}}" in edits["roles/web/resources.yaml"], edits


def test_a_directory_and_a_link_are_findings_too(fleet: Fleet) -> None:
    link = Present({"type": "symlink", "target": "/tmp", "owner": "root", "group": "root"})
    fleet.live["web-1"]["/etc/link"] = link
    fleet.live["web-1"][CONF] = link
    fleet.look()
    assert occurrences() == {"symlink:/etc/link": ["web-1"], f"file:{CONF}": ["web-1"]}
    assert Finding.objects.get(resource=f"file:{CONF}").change["kind"] == "replaced"
    assert ABSENT not in (load_states(HostState.objects.get(host__name="web-1").base) or {}).values()
