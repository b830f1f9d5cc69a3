"""`definition/adopt/` over the API: previewed, committed to a branch, merged by somebody else."""

from pathlib import Path
from typing import Any

import pytest

from tests.adopting import KINDS, Trees, verdicts
from tests.api.client import Caller, problem
from tests.definitions import work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def trees(settings: Any, tmp_path: Path) -> Trees:
    return Trees(settings, tmp_path)


@pytest.fixture
def ana() -> Caller:
    return Caller.person("ana")


@pytest.fixture
def ben() -> Caller:
    return Caller.person("ben")


def begun(caller: Caller, **more: Any) -> dict[str, Any]:
    answer = caller.post("definition/adopt/", {"hosts": "*", "roots": ["/etc"], **more})
    assert answer.status_code == 202, answer.content
    made: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == made["url"]
    work(*KINDS)
    return read(caller, made)


def read(caller: Caller, adoption: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = caller.get(f"definition/adopt/{adoption['reference']}/").json()
    return found


def test_the_whole_way_from_live_hosts_to_everything_in_sync(trees: Trees, ana: Caller, ben: Caller) -> None:
    adoption = begun(ana)
    at = f"definition/adopt/{adoption['reference']}/"
    assert adoption["state"] == "planned"
    assert adoption["hosts"] == {"chosen": 4, "looked_at": 4, "seen": 4, "render_to_live": 4, "unseen": []}
    assert adoption["plan"]["layers"]["roles/web"] == {"files": 2, "directories": 1, "symlinks": 1}
    assert "base/templates/etc/hosts.j2" in adoption["plan"]["templates"]
    assert adoption["plan"]["exhaustive"] == ["/etc/nginx/conf.d"]
    (only,) = ana.get(f"{at}files/?path=base/templates/etc/hostname.j2").json()
    assert only == {
        "path": "base/templates/etc/hostname.j2",
        "action": "added",
        "content": "{{ host.name }}\n",
    }
    assert {one["path"] for one in ana.get(f"{at}files/").json()} == set(adoption["plan"]["files"])
    left = ana.get(f"{at}left-out/?host=web-1").json()
    assert {one["resource"] for one in left} >= {"file:/etc/machine-id", "file:/etc/ssl/private/site.key"}
    hosts = ana.get(f"{at}hosts/").json()
    assert all(one["renders_to_live"] for one in (hosts if isinstance(hosts, list) else hosts["results"]))

    committed = ana.post(f"{at}commit/", {"reason": "so that drift is seen", "digest": adoption["digest"]})
    assert committed.status_code == 202 and committed.json()["state"] == "proposed"
    work(*KINDS)
    proposed = read(ben, adoption)
    assert proposed["commit"] and proposed["branch"] == f"adopt/{adoption['reference']}"
    assert ben.get(f"changes/{proposed['change']['reference']}/").json()["state"] == "proposed"
    problem(ana.post(f"{at}merge/", {"digest": adoption["digest"]}), 403)
    problem(ben.post(f"{at}merge/", {"digest": "0" * 64}), 409)
    assert ben.post(f"{at}merge/", {"digest": adoption["digest"]}).status_code == 202
    work(*KINDS, "scan")
    merged = read(ana, adoption)
    assert merged["state"] == "merged" and merged["merged"] == trees.repository.head == merged["commit"]
    assert {verdict for counts in verdicts().values() for verdict in counts} == {"in sync"}


def test_planned_again_with_other_options_and_discarded(trees: Trees, ana: Caller) -> None:
    adoption = begun(ana)
    at = f"definition/adopt/{adoption['reference']}/"
    assert ana.post(f"{at}plan/", {"exhaustive": ["/etc/nginx"]}).json()["state"] == "planning"
    work(*KINDS)
    assert read(ana, adoption)["plan"]["exhaustive"] == ["/etc/nginx"]
    assert ana.post(f"{at}discard/").json()["state"] == "discarded"
    problem(ana.post(f"{at}plan/", {}), 409)
    problem(ana.post(f"{at}commit/", {}), 409)
    assert ana.get(f"{at}files/").json() == []


def test_what_can_not_be_asked_is_refused_with_its_field(trees: Trees, ana: Caller) -> None:
    for body, pointer in (
        ({"hosts": "name=nobody"}, "/hosts"),
        ({"hosts": "*", "roots": ["etc"]}, "/roots/0"),
        ({"hosts": "*", "exhaustive": "sometimes"}, "/exhaustive"),
        ({"hosts": "*", "exhaustive": 7}, "/exhaustive"),
        ({"hosts": "*", "exhaustive": [["x"]]}, "/exhaustive"),
        ({"hosts": "*", "colour": "blue"}, "/colour"),
    ):
        answer = problem(ana.post("definition/adopt/", body), 400)
        assert answer["errors"][0]["pointer"] == pointer


def test_the_same_key_begins_one_adoption(trees: Trees, ana: Caller) -> None:
    body = {"hosts": "*", "roots": ["/etc"]}
    first = ana.post("definition/adopt/", body, Idempotency_Key="once")
    again = ana.post("definition/adopt/", body, Idempotency_Key="once")
    assert first.json()["reference"] == again.json()["reference"]
    listed = ana.get("definition/adopt/?state=looking").json()
    assert len(listed if isinstance(listed, list) else listed["results"]) == 1
