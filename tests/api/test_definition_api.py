"""`definition/` and `deployments/` over the API."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from common import clock
from common.models import Job
from deployments.models import Deployment
from drift.models import HostState
from inventory.models import Host
from tests.api.client import Caller
from tests.definitions import Repository, path_settings, work
from tests.factories import host

pytestmark = pytest.mark.django_db

FILES = {
    "base/resources.yaml": (
        "files:\n"
        '  /etc/motd: {content: "one\\n", mode: "0644"}\n'
        "  /etc/app.conf: {template: app.j2}\n"
        "  /etc/app/db.password: {secret: db-password}\n"
    ),
    "base/templates/app.j2": "# {{ host.name }}\nlimit {{ limit }}\n",
    "roles/web/resources.yaml": 'variables: {limit: 10}\nfiles:\n  /etc/motd: {mode: "0600"}\n',
}
ROOT = "/api/v1/"


@pytest.fixture
def repository(settings: Any, tmp_path: Path) -> Repository:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    return Repository(FILES)


@pytest.fixture
def ci() -> Caller:
    return Caller.program("ben")


def test_revisions_are_listed_page_by_page_the_latest_first(repository: Repository, ci: Caller) -> None:
    for number in range(4):
        repository.commit({"base/files/x": f"{number}"}, message=f"Edit {number}\n\nChange: CHG-{number}\n")
    first = ci.get("definition/revisions/?limit=3")
    assert [row["subject"] for row in first.json()["results"]] == ["Edit 3", "Edit 2", "Edit 1"]
    assert first.json()["results"][0]["trailers"] == [{"key": "Change", "value": "CHG-3"}]
    second = ci.get(first.json()["next"].partition(ROOT)[2])
    assert [row["subject"] for row in second.json()["results"]] == ["Edit 0", "Begin"]
    assert second.json()["next"] is None


def test_one_revision_shows_what_it_changed_and_whether_it_can_be_used(
    repository: Repository, ci: Caller
) -> None:
    good = ci.get("definition/revisions/head/").json()
    assert (good["sha"], good["problems"]) == (repository.head, [])
    assert good["layers"] == ["base", "roles/web"]
    sha = repository.commit({"base/resources.yaml": "files:\n  /etc/motd: {mode: 644}\n"})
    broken = ci.get(f"definition/revisions/{sha[:8]}/").json()
    assert [(p["path"], p["line"]) for p in broken["problems"]] == [("base/resources.yaml", 2)]
    assert [(f["path"], f["kind"]) for f in broken["files"]] == [("base/resources.yaml", "modified")]
    assert "+  /etc/motd: {mode: 644}\n" in broken["files"][0]["patch"]


@pytest.mark.parametrize("sha", ["0" * 40, "abcdef1", "main", "%00", "..", "HEAD~1"])
def test_what_is_no_revision_is_not_found(repository: Repository, ci: Caller, sha: str) -> None:
    answer = ci.get(f"definition/revisions/{sha}/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=٣", "cursor=nothing", "page=2"])
def test_bad_parameters_of_the_list_are_refused(repository: Repository, ci: Caller, query: str) -> None:
    assert ci.get(f"definition/revisions/?{query}").status_code == 400


def test_a_host_is_shown_with_layer_file_and_line_and_never_a_secret(
    repository: Repository, ci: Caller
) -> None:
    host("web-1")
    body = ci.get("definition/hosts/web-1/").json()
    assert body["layers"] == ["base", "roles/web"]
    resources = {row["resource"]: row for row in body["resources"]}
    motd = resources["file:/etc/motd"]
    assert (motd["layer"], motd["path"], motd["line"]) == ("roles/web", "roles/web/resources.yaml", 3)
    assert motd["origins"]["content"] == {"layer": "base", "path": "base/resources.yaml", "line": 2}
    assert motd["content"] == "one\n"
    conf = resources["file:/etc/app.conf"]
    assert (conf["content"], conf["source_path"]) == ("# web-1\nlimit 10\n", "base/templates/app.j2")
    password = resources["file:/etc/app/db.password"]
    assert password["content"] is None and "secret" in password["why_no_content"]


def test_a_host_is_shown_as_of_an_earlier_revision(repository: Repository, ci: Caller) -> None:
    host("web-1")
    old = repository.head
    repository.replace("roles/web/resources.yaml", "limit: 10", "limit: 20")

    def conf(**query: str) -> str:
        rows = ci.get(f"definition/hosts/web-1/?{urlencode(query)}").json()["resources"]
        return next(row["content"] for row in rows if row["resource"] == "file:/etc/app.conf")

    assert conf(revision=old) == "# web-1\nlimit 10\n"
    assert conf() == "# web-1\nlimit 20\n"


def test_two_revisions_are_compared_with_the_hosts_that_are_affected(
    repository: Repository, ci: Caller
) -> None:
    host("web-1")
    host("db-1", host_roles=("db",))
    base = repository.head
    repository.replace("roles/web/resources.yaml", "limit: 10", "limit: 20")
    body = ci.get(f"definition/compare/?base={base}").json()
    assert (body["base"], body["head"], body["hosts_considered"]) == (base, repository.head, 2)
    assert [(file["path"], file["kind"]) for file in body["files"]] == [
        ("roles/web/resources.yaml", "modified")
    ]
    assert {name: [row["resource"] for row in rows] for name, rows in body["hosts"].items()} == {
        "web-1": ["file:/etc/app.conf"]
    }
    assert ci.get(f"definition/compare/?base={base}&head={base}").json()["hosts"] == {}


@pytest.mark.parametrize("query", ["", "?base=nothing", "?base=head&head=nothing", "?base={}&x=1"])
def test_a_comparison_needs_two_revisions(repository: Repository, ci: Caller, query: str) -> None:
    assert ci.get(f"definition/compare/{query.format(repository.head)}").status_code == 400


def test_a_broken_definition_is_told_with_file_and_line(repository: Repository, ci: Caller) -> None:
    host("web-1")
    repository.commit({"base/resources.yaml": "files:\n  /etc/motd: {mode: 644}\n"})
    answer = ci.get("definition/hosts/web-1/")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["detail"].startswith("base/resources.yaml:2: ")


def test_without_a_definition_the_answer_says_how_to_make_one(
    settings: Any, tmp_path: Path, ci: Caller
) -> None:
    settings.DEFINITION_PATH = tmp_path / "nothing.git"
    answer = ci.get("definition/revisions/")
    assert answer.status_code == 503
    assert "init_definition" in answer.json()["detail"]


def test_a_pusher_reports_a_deployment_and_base_moves(repository: Repository, ci: Caller) -> None:
    host("web-1")
    sent = {"revision": repository.head[:12], "hosts": ["web-1"], "external_id": "build-1"}
    answer = ci.post("deployments/", sent)
    assert answer.status_code == 201
    assert answer.json()["revision"] == repository.head
    assert answer.json()["person"]["username"] == "ben"
    work("move-base")
    read = ci.get(answer["Location"].partition(ROOT)[2]).json()
    assert ci.get(read["job"].partition(ROOT)[2]).json()["state"] == "done"
    assert HostState.objects.get(host__name="web-1").base is not None
    again = ci.post("deployments/", sent)
    assert (again.status_code, again.json()["id"]) == (200, answer.json()["id"])
    assert [row["id"] for row in ci.get("deployments/?host=web-1").json()["results"]] == [read["id"]]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"revision": "abcdef12"}, "/revision"),
        ({"revision": "main"}, "/revision"),
        ({"hosts": ["web-1", "web-99"]}, "/hosts/1"),
        ({"resources": ["file:/etc/motd", "file:/etc/nothing"]}, "/resources/1"),
        ({"deployed_at": "2999-01-01T00:00:00Z"}, "/deployed_at"),
    ],
)
def test_what_can_not_be_true_is_refused_and_nothing_is_written(
    repository: Repository, ci: Caller, change: dict[str, Any], pointer: str
) -> None:
    host("web-1")
    sent = {"revision": repository.head, "hosts": ["web-1"], **change}
    answer = ci.post("deployments/", sent)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not Deployment.objects.exists() and not Job.objects.exists()


@pytest.mark.parametrize(
    "change", [{"hosts": []}, {"hosts": "web-1"}, {"revision": 7.5, "extra": 1}, {"deployed_at": "yesterday"}]
)
def test_what_is_malformed_is_refused(repository: Repository, ci: Caller, change: dict[str, Any]) -> None:
    host("web-1")
    sent = {"revision": repository.head, "hosts": ["web-1"], **change}
    assert ci.post("deployments/", sent).status_code == 400


def test_a_revision_that_can_not_be_used_was_not_deployed(repository: Repository, ci: Caller) -> None:
    host("web-1")
    sha = repository.commit({"base/resources.yaml": "files: [1]\n"})
    answer = ci.post("deployments/", {"revision": sha, "hosts": ["web-1"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["detail"].startswith("base/resources.yaml:1: ")


def test_dee_and_ana_may_not_report_deployments(repository: Repository) -> None:
    host("web-1")
    sent = {"revision": repository.head, "hosts": ["web-1"]}
    for who in ("dee", "ana"):
        answer = Caller.person(who).post("deployments/", sent, format="json")
        assert answer.status_code == 403, who
    assert Caller(None).get("deployments/").status_code == 401


def test_a_decommissioned_host_is_not_deployed_to(repository: Repository, ci: Caller) -> None:
    host("web-1")
    Host.objects.update(state="decommissioned", decommissioned_at=clock.now())
    answer = ci.post("deployments/", {"revision": repository.head, "hosts": ["web-1"]})
    assert answer.status_code == 422
