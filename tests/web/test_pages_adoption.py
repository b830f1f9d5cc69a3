"""Adopting in the console: a form, progress, everything to read before it is committed, and another person's merge."""

from pathlib import Path
from typing import Any

import pytest

from common.core.actor import SYSTEM
from common.services.jobs import cancel_job
from drift.models import Adoption
from inventory.models import Host
from tests.adopting import KINDS, Trees, adopt, fresh, propose
from tests.definitions import work
from tests.web.site import field, read, window

pytestmark = pytest.mark.django_db(transaction=True)
FORM = {"roots": "/etc", "sections": ["files"], "versions": "on", "exhaustive": "auto", "directories": ""}


@pytest.fixture
def trees(settings: Any, tmp_path: Path) -> Trees:
    return Trees(settings, tmp_path)


def url(adoption: Adoption, more: str = "") -> str:
    return f"/definition/adopt/{fresh(adoption).reference}/{more}"


def test_from_the_form_to_the_merge(trees: Trees) -> None:
    ana, ben = window("ana"), window("ben")
    assert "Adopt from live hosts" in read(ana.get("/definition/"))
    begun = ana.post("/definition/adopt/", {"selector": "*", **FORM})
    adoption = Adoption.objects.get()
    assert begun.headers["Location"] == url(adoption)
    assert "0 of 4 hosts" in read(ana.get(url(adoption)))
    work(*KINDS)
    told = read(ana.get(url(adoption)))
    assert "4 of 4 hosts would be as they are live" in told
    assert (
        "roles/web" in told and "identity of the host, or volatile" in told and "Commit to the branch" in told
    )
    text = read(ana.get(url(adoption, "files/base/templates/etc/hosts.j2")))
    assert "{{ host.address }} {{ host.name }}.example.org" in text
    adoption = fresh(adoption)
    assert (
        ana.post(url(adoption, "commit/"), {"digest": adoption.digest, "reason": "begin"}).status_code == 302
    )
    work(*KINDS)
    assert "You can’t merge it: you proposed" in read(ana.get(url(adoption)))
    assert "asks you to merge" in read(ben.get(url(adoption)))
    assert ben.post(url(adoption, "merge/"), {"digest": adoption.digest}).status_code == 302
    work(*KINDS, "scan")
    told = read(ben.get(url(adoption)))
    assert "In the definition as" in told and "looked at the hosts again" in told
    assert fresh(adoption).merged == trees.repository.head


def test_the_page_follows_a_merge_until_the_hosts_are_looked_at_again(trees: Trees) -> None:
    adoption = propose(adopt())
    ben, follows = window("ben"), 'hx-trigger="every 2s"'
    assert follows not in ben.get(url(adoption)).content.decode()
    ben.post(url(adoption, "merge/"), {"digest": adoption.digest})
    assert follows in ben.get(url(adoption)).content.decode()  # approved: nothing has taken it up yet
    work(*KINDS)
    assert "looks at the hosts again" in read(ben.get(url(adoption)))


def test_the_change_of_an_adoption_leads_to_it_and_can_be_taken_back(trees: Trees) -> None:
    adoption = propose(adopt())
    assert adoption.change is not None
    at = f"/changes/{adoption.change.reference}/"
    ana = window("ana")
    assert adoption.reference in read(ana.get(at))
    ana.post(f"{at}withdraw/", {})
    work(*KINDS)
    assert fresh(adoption).state == "planned"
    assert "was withdrawn" in read(ana.get(url(adoption)))


def test_hosts_that_could_not_be_looked_at_are_named_and_left_out_only_knowingly(trees: Trees) -> None:
    Host.objects.filter(name="web-2").update(root=str(trees.path / "nowhere"))
    adoption = adopt()
    ana = window("ana")
    told = read(ana.get(url(adoption)))
    assert "1 of 4 hosts could not be looked at" in told and "web-2" in told
    refused = ana.post(url(adoption, "commit/"), {"digest": adoption.digest})
    assert refused.status_code == 422 and "could not be looked at: web-2" in read(refused)
    ana.post(url(adoption, "commit/"), {"digest": adoption.digest, "without_unseen": "on"})
    assert fresh(adoption).state == "proposed"


def test_a_wrong_form_keeps_what_was_typed(trees: Trees) -> None:
    ana = window("ana")
    refused = ana.post("/definition/adopt/", {**FORM, "selector": "*", "roots": "etc/nginx"})
    assert refused.status_code == 400 and field(refused, "roots") == "etc/nginx"
    assert "Say which hosts" in read(ana.post("/definition/adopt/", {**FORM, "selector": ""}))
    assert not Adoption.objects.exists()


def test_planned_again_stopped_and_discarded(trees: Trees) -> None:
    adoption = adopt()
    ana = window("ana")
    again = {**FORM, "exhaustive": "named", "directories": "/etc/nginx\n"}
    ana.post(url(adoption, "plan/"), again)
    assert fresh(adoption).state == "planning"
    work(*KINDS)
    assert fresh(adoption).summary["exhaustive"] == ["/etc/nginx"]
    ana.post(url(adoption, "discard/"), {})
    assert "discarded" in read(ana.get(url(adoption)))
    stopped = Adoption.objects.create(
        state="looking", selector="*", hosts=[], roots=["/etc"], requested_by="ana"
    )
    assert ana.get(url(stopped)).status_code == 200


def test_what_failed_says_why(trees: Trees) -> None:
    Host.objects.update(root=str(trees.path / "nowhere"))
    adoption = adopt()
    assert "none of the 4 hosts could be looked at" in read(window("dee").get(url(adoption)))


def test_while_it_moves_the_page_is_fetched_again_and_then_as_a_whole(trees: Trees) -> None:
    from drift.services.adoptions import create_adoption
    from tests.factories import acting

    adoption = create_adoption(actor=acting("ana"), selector="*", roots=["/etc"])
    ana = window("ana")
    part = ana.get(url(adoption), headers={"HX-Request": "true"})
    assert 'hx-trigger="every 2s"' in part.content.decode()
    assert adoption.job is not None
    cancel_job(actor=SYSTEM, job=adoption.job)
    work(*KINDS)
    ended = ana.get(url(adoption), headers={"HX-Request": "true"})
    assert ended.status_code == 204 and ended.headers["HX-Refresh"] == "true"
