"""Reports of other pushers, and base that follows them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from common import clock
from common.core.errors import NotPermitted, Unprocessable
from common.models import Job, LedgerEntry
from deployments.models import Deployment
from deployments.queries.definitions import resolve_revision
from deployments.services.deployments import report_deployment
from drift.models import Finding, HostState, ResourceVerdict
from drift.services.manifests import load_states
from inventory.models import Host
from tests.definitions import GitFleet, Repository, path_settings, work
from tests.factories import acting, host, program

pytestmark = pytest.mark.django_db

FILES = {
    "base/resources.yaml": 'files:\n  /etc/motd: {content: "one\\n"}\n  /etc/app.conf: {template: app.j2}\n',
    "base/templates/app.j2": "# {{ host.name }}\nlimit 10\n",
}


@pytest.fixture
def repository(settings: Any, tmp_path: Path) -> Repository:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    return Repository(FILES)


@pytest.fixture
def fleet(repository: Repository) -> GitFleet:
    fleet = GitFleet(repository, [host(f"web-{n}") for n in (1, 2)])
    fleet.look()
    return fleet


def report(fleet: GitFleet, *names: str, **more: Any) -> Deployment:
    """Somebody else's pusher says so, of a moment between the looks before and after."""
    values = {
        "revision": fleet.repository.head,
        "hosts": list(names or fleet.hosts),
        "deployed_at": fleet.now,
    }
    values |= more
    deployment, _ = report_deployment(actor=program("cy"), **values)
    work("move-base")
    return deployment


def base_of(name: str) -> Any:
    return load_states(HostState.objects.get(host__name=name).base)


def agreed(name: str, path: str) -> Any:
    return dict(base_of(name)[f"file:{path}"].data)


def verdicts() -> set[tuple[str, str, str]]:
    return set(ResourceVerdict.objects.values_list("host__name", "resource", "verdict"))


def test_what_another_pusher_deployed_becomes_base_on_each_host(fleet: GitFleet) -> None:
    before = agreed("web-1", "/etc/app.conf")["sha256"]
    fleet.repository.replace("base/templates/app.j2", "limit 10", "limit 20")
    fleet.read_head()
    report(fleet)
    after = agreed("web-1", "/etc/app.conf")["sha256"]
    assert after != before
    assert agreed("web-2", "/etc/app.conf")["sha256"] != after  # rendered for each host
    # The pusher says it is there; the host shows the old text: that is drift now, not "has not arrived".
    fleet.look("web-1")
    assert verdicts() == {("web-1", "file:/etc/app.conf", "drifted")}


def test_without_a_report_a_moved_definition_is_pending(fleet: GitFleet) -> None:
    fleet.repository.replace("base/templates/app.j2", "limit 10", "limit 20")
    fleet.read_head()
    fleet.look("web-1")
    assert verdicts() == {("web-1", "file:/etc/app.conf", "pending")}


def test_only_the_hosts_and_resources_that_are_named_move(fleet: GitFleet) -> None:
    motd = agreed("web-1", "/etc/motd")
    conf = {name: agreed(name, "/etc/app.conf") for name in fleet.hosts}
    fleet.repository.replace("base/templates/app.j2", "limit 10", "limit 20")
    fleet.repository.replace("base/resources.yaml", "one", "two")
    report(fleet, "web-1", resources=["file:/etc/app.conf"])
    assert agreed("web-1", "/etc/motd") == motd
    assert agreed("web-1", "/etc/app.conf") != conf["web-1"]
    assert agreed("web-2", "/etc/app.conf") == conf["web-2"]


def test_an_older_revision_can_be_deployed_again(fleet: GitFleet) -> None:
    first = fleet.repository.head
    before = base_of("web-1")
    fleet.repository.replace("base/templates/app.j2", "limit 10", "limit 20")
    report(fleet)
    assert base_of("web-1") != before
    report(fleet, revision=first)
    assert base_of("web-1") == before


def test_a_report_that_comes_late_takes_back_nothing_that_a_later_deployment_said(fleet: GitFleet) -> None:
    first = fleet.repository.head
    fleet.repository.replace("base/templates/app.j2", "limit 10", "limit 20")
    report(fleet, deployed_at=clock.now() - timedelta(minutes=1))
    after = base_of("web-1")
    report(fleet, revision=first, deployed_at=clock.now() - timedelta(hours=1))
    assert base_of("web-1") == after


def test_a_late_report_still_moves_what_the_later_one_did_not_name(fleet: GitFleet) -> None:
    fleet.repository.replace("base/resources.yaml", "one", "two")
    middle = fleet.repository.head
    fleet.repository.replace("base/templates/app.j2", "limit 10", "limit 20")
    report(fleet, resources=["file:/etc/app.conf"], deployed_at=clock.now())
    conf = agreed("web-1", "/etc/app.conf")
    motd = agreed("web-1", "/etc/motd")
    report(fleet, revision=middle, deployed_at=clock.now() - timedelta(hours=1))
    assert agreed("web-1", "/etc/app.conf") == conf
    assert agreed("web-1", "/etc/motd") != motd


def test_a_host_that_was_never_looked_at_begins_with_the_head_and_what_was_deployed(
    repository: Repository,
) -> None:
    fleet = GitFleet(repository, [host("web-9")])
    old = repository.head
    repository.replace("base/templates/app.j2", "limit 10", "limit 20")
    repository.replace("base/resources.yaml", "one", "two")
    report(fleet, revision=old, resources=["file:/etc/app.conf"])
    state = HostState.objects.get(host__name="web-9")
    assert (state.status, state.observed_at) == ("unknown", None)
    fleet.read_head()
    fleet.look("web-9")
    # It shows the old app.conf, as deployed, and the old motd, which is not what the head says.
    assert verdicts() == {("web-9", "file:/etc/app.conf", "pending"), ("web-9", "file:/etc/motd", "drifted")}


def test_what_the_deployed_revision_no_longer_declares_is_no_longer_agreed(fleet: GitFleet) -> None:
    fleet.repository.commit({"base/resources.yaml": 'files:\n  /etc/motd: {content: "one\\n"}\n'})
    report(fleet, "web-1")
    assert "file:/etc/app.conf" not in base_of("web-1")


def test_attributes_that_the_revision_does_not_declare_stay_as_agreed(fleet: GitFleet) -> None:
    assert agreed("web-1", "/etc/motd")["mode"] == "0644"  # seen, though not declared
    fleet.repository.replace("base/resources.yaml", "one", "two")
    report(fleet, "web-1")
    assert agreed("web-1", "/etc/motd")["mode"] == "0644"


def test_what_can_not_be_rendered_for_a_host_leaves_its_base(fleet: GitFleet) -> None:
    before = agreed("web-1", "/etc/app.conf")
    fleet.repository.commit({"base/templates/app.j2": "{{ nobody_defined_this }}\n"})
    report(fleet, "web-1")
    assert agreed("web-1", "/etc/app.conf") == before


def test_a_batch_that_is_done_again_counts_its_hosts_once(fleet: GitFleet) -> None:
    deployment = report(fleet)
    job = Job.objects.get(kind="move-base", subject_id=deployment.pk)
    assert (job.state, job.items_done, job.items_total) == ("done", 2, 2)


def test_the_same_external_id_is_one_report(fleet: GitFleet) -> None:
    actor = program("cy")
    values = {"revision": fleet.repository.head, "hosts": ["web-1"], "external_id": "build-7"}
    first, is_new = report_deployment(actor=actor, **values)
    again, is_new_again = report_deployment(actor=actor, **{**values, "hosts": ["web-2"]})
    other, _ = report_deployment(actor=program("ben", name="other"), **values)
    assert (is_new, is_new_again, first) == (True, False, again)
    assert other != first
    assert LedgerEntry.objects.filter(action="deployment.reported").count() == 2


def test_unknown_hosts_are_refused_by_name_and_nothing_is_written(fleet: GitFleet) -> None:
    Host.objects.filter(name="web-2").update(state="decommissioned", decommissioned_at=clock.now())
    with pytest.raises(Unprocessable, match="web-2, web-77") as caught:
        report_deployment(
            actor=acting("ben"), revision=fleet.repository.head, hosts=["web-77", "web-1", "web-2"]
        )
    assert {error.pointer for error in caught.value.errors} == {"/hosts/0", "/hosts/2"}
    assert not Deployment.objects.exists()


def test_a_deployment_in_the_future_is_refused(fleet: GitFleet) -> None:
    with pytest.raises(Unprocessable, match="deployed_at"):
        report_deployment(
            actor=acting("ben"),
            revision=fleet.repository.head,
            hosts=["web-1"],
            deployed_at=clock.now() + timedelta(hours=1),
        )


def test_dee_may_not_report_deployments(fleet: GitFleet) -> None:
    with pytest.raises(NotPermitted):
        report_deployment(actor=acting("dee"), revision=fleet.repository.head, hosts=["web-1"])


def test_a_revision_is_taken_by_its_beginning_and_only_from_main(fleet: GitFleet) -> None:
    repository = fleet.repository
    head = repository.head
    assert resolve_revision(head[:9]) == resolve_revision(head.upper()) == head
    aside = repository.git.write_commit(
        parent=head,
        edits={"base/x": b"x"},
        author=("A", "a@example.org"),
        message="not on main",
        when=repository.when,
    )
    for text in (aside, "0" * 40, "abcdef0", "main", "", "HEAD~1", "-x"):
        with pytest.raises(Unprocessable, match="revision"):
            resolve_revision(text)


def test_a_finding_that_was_deployed_over_is_not_kept_open(fleet: GitFleet) -> None:
    fleet.edit("web-1", "/etc/motd", "one", "by hand")
    fleet.look()
    assert Finding.objects.get().state == "open"
    fleet.push("web-1")
    report(fleet, "web-1")
    fleet.look()
    assert Finding.objects.get().state == "vanished"
