"""What is recalled of a host, where it does not do: its text, or whether it holds a secret, was never read."""

from pathlib import Path
from typing import Any

import pytest

from common import clock
from deployments.services.deployments import report_deployment
from drift.models import Finding, Occurrence
from tests.definitions import Repository, path_settings, work
from tests.factories import acting, host
from tests.quick_fleet import QuickFleet

pytestmark = pytest.mark.django_db
RESOURCES = 'files:\n  /etc/motd: {content: "hello\\n"}\npackages:\n  nginx: {version: "1.22"}\n'


@pytest.fixture
def repository(settings: Any, tmp_path: Path) -> Repository:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    return Repository({"definition.yaml": "format: 1\n", "base/resources.yaml": RESOURCES})


@pytest.fixture
def fleet(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> QuickFleet:
    """web-1 and web-2, as defined, looked at once."""
    fleet = QuickFleet(monkeypatch, [host("web-1"), host("web-2")])
    for name in fleet.hosts:
        fleet.write(name, "/etc/motd", "hello\n")
    fleet.scan()
    return fleet


def test_one_drift_is_one_finding_also_where_something_else_moved_on_one_of_the_hosts(
    fleet: QuickFleet, repository: Repository
) -> None:
    """Without its text it would be another finding than with it."""
    later = repository.replace("base/resources.yaml", "hello", "welcome")
    hosts = ["web-1", "web-2"]
    report_deployment(actor=acting("ben"), revision=later, hosts=hosts, deployed_at=clock.now())
    work("move-base")
    fleet.install("web-1", nginx="1.22", vim="9")
    scan = fleet.scan()
    finding = Finding.objects.get()
    assert finding.change["hunks"] == [{"removed": ["welcome\n"], "added": ["hello\n"]}]
    assert Occurrence.objects.filter(finding=finding, ended_at=None).count() == 2
    assert scan.job is not None and scan.job.items_done == 2


@pytest.mark.parametrize("moves", [False, True])
def test_a_file_too_large_to_read_that_was_declared_as_it_is_is_in_sync(
    fleet: QuickFleet, repository: Repository, moves: bool
) -> None:
    large = "x = 1\n" * 60_000
    fleet.write("web-1", "/etc/motd", large)
    fleet.scan()
    assert Occurrence.objects.get(ended_at=None).live["data"]["sha256"].startswith("hmac:")
    declared = RESOURCES.replace('content: "hello\\n"', "source: motd")
    repository.commit({"base/resources.yaml": declared, "base/files/motd": large})
    if moves:
        fleet.install("web-1", vim="9")
    fleet.scan("name=web-1")
    assert not Occurrence.objects.filter(ended_at=None).exists()
