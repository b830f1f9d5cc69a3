"""After a commit: hosts that it does not concern are told apart by what is stored, without asking or judging each."""

from pathlib import Path
from typing import Any

import pytest

from common.models import JobBatch
from common.services.jobs import claim_batch
from deployments.queries.definitions import definition_at
from drift.models import HostMemory, HostScan, HostState, ResourceVerdict, Scan
from drift.services.judging import compare_anew
from drift.services.memories import known_of
from drift.services.scans import create_scan
from inventory.models import Host
from tests.definitions import Repository, path_settings
from tests.factories import acting, host
from tests.quick_fleet import QuickFleet

pytestmark = pytest.mark.django_db
FILES = {
    "definition.yaml": "format: 1\nwatched: [packages]\n",
    "base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n  /etc/app: {template: app.j2}\n',
    "base/templates/app.j2": "# {{ host.name }}\nlimit 10\n",
    "roles/web/resources.yaml": 'files: {/etc/web: {content: "web\\n"}}\n',
}


@pytest.fixture
def repository(settings: Any, tmp_path: Path) -> Repository:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    return Repository(FILES)


@pytest.fixture
def fleet(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> QuickFleet:
    """web-1, web-2 and db-1, as defined, looked at once."""
    fleet = QuickFleet(monkeypatch, [host("web-1"), host("web-2"), host("db-1", host_roles=["db"])])
    for name in fleet.hosts:
        fleet.write(name, "/etc/motd", "hello\n")
        fleet.write(name, "/etc/app", f"# {name}\nlimit 10\n")
        fleet.write(name, "/etc/web", "web\n")
    fleet.scan()
    return fleet


def compare(revision: str) -> set[str]:
    """The names of the hosts that are by this revision as they were."""
    create_scan(actor=acting("ana"), selector="*")
    claim = claim_batch(batch_id=JobBatch.objects.get(job=Scan.objects.latest("number").job).pk)
    assert claim is not None
    hosts = list(Host.objects.order_by("name"))
    done = compare_anew(claim=claim, hosts=hosts, definition=definition_at(revision), revision=revision)
    for one in hosts:
        known = known_of([one.pk])[one.pk]
        assert known.is_judged_by(one, revision) == (one.pk in done)
        assert (known.revision == revision) == (one.pk in done)
    return {one.name for one in hosts if one.pk in done}


def test_hosts_that_a_commit_does_not_concern_are_by_it_as_they_were(
    fleet: QuickFleet, repository: Repository
) -> None:
    assert HostMemory.objects.exclude(judged="").count() == 3
    assert compare(repository.replace("roles/web/resources.yaml", "web\\n", "new\\n")) == {"db-1"}


def test_a_template_that_says_something_else_on_each_host_concerns_all(
    fleet: QuickFleet, repository: Repository
) -> None:
    assert compare(repository.replace("base/templates/app.j2", "limit 10", "limit 20")) == set()


def test_a_comment_concerns_nobody(fleet: QuickFleet, repository: Repository) -> None:
    assert compare(repository.replace("definition.yaml", "format: 1", "format: 1  # ours")) == {
        "web-1",
        "web-2",
        "db-1",
    }


def test_what_is_pending_and_stays_so_is_as_it_was(fleet: QuickFleet, repository: Repository) -> None:
    repository.replace("roles/web/resources.yaml", "web\\n", "new\\n")
    fleet.scan()
    assert ResourceVerdict.objects.filter(verdict="pending").count() == 2
    assert compare(repository.replace("definition.yaml", "format: 1", "format: 1  # ours")) == {
        "web-1",
        "web-2",
        "db-1",
    }


def test_a_host_with_a_finding_is_left_to_a_look(fleet: QuickFleet, repository: Repository) -> None:
    fleet.write("web-1", "/etc/motd", "by hand\n")
    fleet.scan()
    assert compare(repository.replace("definition.yaml", "format: 1", "format: 1  # ours")) == {
        "web-2",
        "db-1",
    }


def test_what_was_judged_from_something_else_meanwhile_is_not_overwritten(
    fleet: QuickFleet, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drift.services import judging

    is_the_same = judging._is_the_same

    def and_somebody_else_moves_base(*args: Any) -> bool:
        HostState.objects.filter(host__name="web-2").update(base=None)
        HostMemory.objects.filter(host__name="db-1").update(judged="")
        return is_the_same(*args)

    monkeypatch.setattr(judging, "_is_the_same", and_somebody_else_moves_base)
    revision = repository.replace("definition.yaml", "format: 1", "format: 1  # ours")
    assert compare(revision) == {"web-1"}
    assert not HostScan.objects.filter(revision=revision).exists()
