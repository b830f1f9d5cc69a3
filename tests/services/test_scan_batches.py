"""One batch of a scan over real trees: each host fails alone, and what moves meanwhile is noticed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from psycopg2.errors import DeadlockDetected

from common import clock
from common.models import JobBatch
from common.services.jobs import run_batch
from drift.models import Finding, HostScan, HostState, Scan
from drift.services import scan_batches
from drift.services.scans import create_scan
from inventory.models import Host
from tests.definitions import Repository, path_settings, work
from tests.factories import acting

pytestmark = pytest.mark.django_db(transaction=True)

FILES = {
    "base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\ndirectories:\n  /etc/d: {exhaustive: true}\n'
}
REAL = scan_batches.record_look


@pytest.fixture
def repository(settings: Any, tmp_path: Path) -> Repository:
    """Three hosts as directory trees, each edited by hand in the same way."""
    for name, value in path_settings(tmp_path, LOCAL_ROOTS=[str(tmp_path)]).items():
        setattr(settings, name, value)
    for name in ("web-1", "web-2", "web-3"):
        (tmp_path / name / "etc" / "d").mkdir(parents=True)
        (tmp_path / name / "etc" / "motd").write_text("by hand\n")
        Host.objects.create(
            name=name, environment="prod", roles=["web"], transport="local", root=str(tmp_path / name)
        )
    return Repository(FILES)


def scan() -> Scan:
    made = create_scan(actor=acting("cy"), selector="*")
    run_batch(batch_id=JobBatch.objects.get(job=made.job).pk)
    return made


def looks(made: Scan) -> dict[str, tuple[str, str]]:
    rows = HostScan.objects.filter(scan=made).values_list("host__name", "status", "reason")
    return {name: (status, reason) for name, status, reason in rows}


def test_a_host_whose_look_can_not_be_recorded_is_unknown_and_the_others_are_looked_at(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choking(**what: Any) -> None:
        if what["look"].host.name == "web-2" and what["look"].observation.states:
            raise ValueError("a value that no column takes")
        REAL(**what)

    monkeypatch.setattr(scan_batches, "record_look", choking)
    made = scan()
    assert looks(made) == {
        "web-1": ("ok", ""),
        "web-2": ("unknown", "internal error"),
        "web-3": ("ok", ""),
    }
    assert JobBatch.objects.get(job=made.job).state == "done"
    assert Finding.objects.get().occurrences.count() == 2


def test_a_deadlock_is_tried_again(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def unlucky_at_first(**what: Any) -> None:
        told.append(what["look"].host.name)
        if len(told) == 1:
            raise OperationalError("deadlock detected") from _deadlock()
        REAL(**what)

    monkeypatch.setattr(scan_batches, "record_look", unlucky_at_first)
    assert set(looks(scan()).values()) == {("ok", "")}
    assert len(told) == 4


def _deadlock() -> Exception:
    class Deadlock(DeadlockDetected):
        pgcode = "40P01"

    return Deadlock()


def test_a_host_that_was_compared_with_a_later_revision_meanwhile_keeps_what_that_said(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    later: list[Scan] = []

    def overtaken(**what: Any) -> None:
        look = what["look"]
        if not later:
            repository.replace("base/resources.yaml", "hello", "by hand")
            others = create_scan(actor=acting("cy"), selector=f"* -{look.host.name}")
            later.append(others)
            run_batch(batch_id=JobBatch.objects.get(job=others.job).pk)
        elif what["scan"] != later[0]:
            what["look"] = replace(look, started_at=clock.now())  # only the revision is older
        REAL(**what)

    monkeypatch.setattr(scan_batches, "record_look", overtaken)
    made = scan()
    assert set(looks(later[0]).values()) == {("ok", "")}
    assert sorted(looks(made).values()) == [("ok", ""), ("unknown", "outdated"), ("unknown", "outdated")]
    detail = HostScan.objects.filter(scan=made, reason="outdated")[0].detail
    assert detail == f"it was compared with a later revision, {repository.head[:12]}, meanwhile"


def test_a_path_too_long_for_any_system_call_is_the_problem_of_its_own_host(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "web-1" / "etc" / "d")
    for _ in range(25):
        Path("x" * 200).mkdir()
        monkeypatch.chdir("x" * 200)
    Path("deep").touch()
    made = scan()
    assert looks(made)["web-1"] == ("partial", "over limit")
    assert {looks(made)[name] for name in ("web-2", "web-3")} == {("ok", "")}


def test_a_scan_that_a_broken_definition_stops_says_so_and_looks_at_nobody(repository: Repository) -> None:
    repository.commit({"base/resources.yaml": "files: [\n"})
    made = scan()
    work()
    made.refresh_from_db()
    assert made.counts["hosts"] == {
        "ok": 0, "partial": 0, "overtaken": 0, "unknown": 0, "total": 3, "not_tried": 3,
    }  # fmt: skip
    assert "base/resources.yaml" in made.counts["problem"]
    assert not HostState.objects.exists()
