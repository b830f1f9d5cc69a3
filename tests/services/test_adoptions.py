"""From live hosts to a definition: looked at, planned, proposed on a branch, merged by another person."""

from pathlib import Path
from typing import Any

import pytest

from changemgmt.services.approvals import refuse_change
from common.core.errors import Conflict, Invalid, NotPermitted, Unprocessable
from common.models import Job, LedgerEntry
from common.services.jobs import cancel_job
from deployments.repository import MAIN
from drift.models import Adoption, AdoptionHost, AdoptionText, Finding, Scan
from drift.services.adoptions import (
    create_adoption,
    discard_adoption,
    merge_adoption,
    plan_again,
    propose_adoption,
)
from inventory.models import Host
from tests.adopting import FLEET, KINDS, Trees, adopt, change_of, fresh, merge, propose, verdicts
from tests.definitions import work
from tests.factories import acting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def trees(settings: Any, tmp_path: Path) -> Trees:
    return Trees(settings, tmp_path)


def file(adoption: Adoption, path: str) -> str:
    return str(adoption.edits[path]["text"])


def test_live_hosts_become_a_definition_that_renders_to_what_they_are(trees: Trees) -> None:
    adoption = adopt()
    assert adoption.state == "planned", adoption.problem
    assert adoption.summary["hosts"] == {"seen": 4, "render": 4}
    assert "Authorised use only" in file(adoption, "base/resources.yaml")
    assert file(adoption, "base/templates/etc/hosts.j2") == (
        "127.0.0.1 localhost\n{{ host.address }} {{ host.name }}.example.org {{ host.name }}\n"
    )
    assert file(adoption, "roles/web/files/etc/nginx/nginx.conf").startswith("worker_processes 4;")
    assert "exhaustive: true" in file(adoption, "roles/web/resources.yaml")
    assert trees.repository.git.log()[0].message == "Begin"


def test_merged_by_another_person_everything_is_in_sync(trees: Trees) -> None:
    adoption = merge(propose(adopt()))
    assert adoption.state == "merged" and adoption.merged == trees.repository.head
    assert change_of(adoption).state == "completed"
    assert {name: set(counts) for name, counts in verdicts().items()} == {name: {"in sync"} for name in FLEET}
    assert not Finding.objects.exists()


def test_the_commit_is_one_on_a_branch_until_then_with_whose_it_is(trees: Trees) -> None:
    begin = trees.repository.head
    adoption = propose(adopt(), reason="so that drift is seen")
    git = trees.repository.git
    assert trees.repository.head == begin
    assert str(git.git.references[f"refs/heads/adopt/{adoption.reference}"].target) == adoption.commit
    made = git.revision(adoption.commit)
    assert made.parents == (begin,)
    assert made.trailers == (("Change", change_of(adoption).reference), ("Adoption", adoption.reference))
    assert "so that drift is seen" in made.message and made.author[0] == "Ana"
    assert merge(adoption).merged == adoption.commit


def test_whoever_proposed_it_can_not_merge_it(trees: Trees) -> None:
    adoption = propose(adopt(who="ben"), who="ben")
    with pytest.raises(NotPermitted):
        merge_adoption(actor=acting("ben"), adoption=adoption, digest=adoption.digest)
    with pytest.raises(NotPermitted):
        merge_adoption(actor=acting("ana"), adoption=adoption, digest=adoption.digest)
    assert merge(adoption, who="cy").state == "merged"


def test_whoever_chose_its_options_can_not_merge_it_though_somebody_else_proposed_it(trees: Trees) -> None:
    adoption = adopt(who="ana")
    plan_again(actor=acting("ben"), adoption=adoption, options={"exhaustive": "none"})
    work(*KINDS)
    proposed = propose(fresh(adoption), who="ana")
    with pytest.raises(NotPermitted):
        merge_adoption(actor=acting("ben"), adoption=proposed, digest=proposed.digest)
    assert merge(proposed, who="cy").state == "merged"


def test_secrets_are_nowhere_in_what_is_kept_or_committed(trees: Trees) -> None:
    adoption = adopt()
    everything = (
        repr(adoption.edits)
        + repr(list(AdoptionHost.objects.values()))
        + repr(list(AdoptionText.objects.values()))
    )
    assert "very secret" not in everything and "correct-horse" not in everything
    base = file(adoption, "base/resources.yaml")
    assert "/etc/ssl/private/site.key: {secret: etc-ssl-private-site.key," in base
    assert "/etc/app.ini: {secret: etc-app.ini," in base
    reasons = {one["resource"]: one["reason"] for one in adoption.left_out}
    assert "never read" in reasons["file:/etc/ssl/private/site.key"]
    assert "not text" in reasons["file:/etc/blob"]
    assert "identity" in reasons["file:/etc/machine-id"]
    assert merge(propose(adoption)).state == "merged"
    trees.write("web-1", "etc/app.ini", "[db]\npassword = changed-by-hand-just-now\n", 0o640)
    trees.write("web-2", "etc/ssl/private/site.key", "another\n", 0o600)
    from drift.services.scans import create_scan

    create_scan(actor=acting("ana"), selector="*")
    work("scan")
    assert {finding.resource for finding in Finding.objects.all()} == {
        "file:/etc/app.ini",
        "file:/etc/ssl/private/site.key",
    }


def test_a_host_that_could_not_be_looked_at_is_named_and_has_to_be_left_out_knowingly(trees: Trees) -> None:
    Host.objects.filter(name="web-2").update(root=str(trees.path / "nowhere"))
    adoption = adopt()
    assert adoption.state == "planned"
    with pytest.raises(Unprocessable, match="1 of 4 hosts could not be looked at: web-2"):
        propose_adoption(actor=acting("ana"), adoption=adoption)
    adoption = merge(propose(adoption, without_unseen=True))
    assert adoption.state == "merged"
    assert set(verdicts()) == {"web-1", "web-3", "db-1"}


def test_where_no_host_can_be_looked_at_it_fails_and_says_why(trees: Trees) -> None:
    Host.objects.update(root=str(trees.path / "nowhere"))
    adoption = adopt()
    assert adoption.state == "failed"
    assert "none of the 4 hosts could be looked at: root missing" in adoption.problem


def test_it_can_be_planned_again_with_other_options(trees: Trees) -> None:
    adoption = adopt()
    before = adoption.digest
    plan_again(actor=acting("ana"), adoption=adoption, options={"exhaustive": "none"})
    work(*KINDS)
    again = fresh(adoption)
    assert again.state == "planned" and again.digest != before
    assert "exhaustive" not in file(again, "roles/web/resources.yaml")
    with pytest.raises(Conflict, match="made anew since you read it"):
        propose_adoption(actor=acting("ana"), adoption=again, digest=before)


def test_main_that_moved_elsewhere_is_no_obstacle(trees: Trees) -> None:
    adoption = propose(adopt())
    elsewhere = trees.repository.commit({"README.md": "ours\n"})
    adoption = merge(adoption)
    assert adoption.state == "merged" and adoption.merged != adoption.commit
    assert trees.repository.git.revision(adoption.merged).parents == (elsewhere,)


def test_main_that_moved_in_the_same_place_gives_the_approval_back(trees: Trees) -> None:
    adoption = propose(adopt())
    head = trees.repository.commit({"base/resources.yaml": 'files:\n  /etc/motd: {mode: "0600"}\n'})
    adoption = merge(adoption)
    assert adoption.state == "planned" and "base/resources.yaml" in adoption.problem
    assert change_of(adoption).state == "failed" and trees.repository.head == head
    plan_again(actor=acting("ana"), adoption=adoption, options={})
    work(*KINDS)
    again = merge(propose(fresh(adoption)))
    assert again.state == "merged"
    assert '  /etc/motd: {mode: "0600"}\n' in trees.repository.text("base/resources.yaml")


def test_refused_it_can_be_proposed_again(trees: Trees) -> None:
    adoption = propose(adopt())
    refuse_change(actor=acting("ben"), change=change_of(adoption), reason="not the motd")
    work(*KINDS)
    again = fresh(adoption)
    assert again.state == "planned" and "was rejected" in again.problem
    assert merge(propose(again)).state == "merged"


def test_discarded_nothing_of_it_is_left_but_that_it_was(trees: Trees) -> None:
    adoption = propose(adopt())
    discard_adoption(actor=acting("ana"), adoption=adoption)
    work(*KINDS)
    adoption = fresh(adoption)
    assert adoption.state == "discarded" and change_of(adoption).state == "withdrawn"
    assert not AdoptionText.objects.exists() and not adoption.edits
    assert list(trees.repository.git.git.references) == [MAIN]


def test_stopped_while_it_looks_it_is_discarded(trees: Trees) -> None:
    adoption = create_adoption(actor=acting("ana"), selector="*")
    assert adoption.job is not None
    cancel_job(actor=acting("ana"), job=Job.objects.get(pk=adoption.job.pk))
    work(*KINDS)
    assert fresh(adoption).state == "discarded"


def test_what_a_worker_left_undone_is_done_once(trees: Trees, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between moving main and recording it, the next one finds the commit."""
    from drift.services import adoption_commits

    adoption = propose(adopt())
    real = adoption_commits._record_merge

    def killed(*what: Any) -> None:
        monkeypatch.setattr(adoption_commits, "_record_merge", real)
        raise RuntimeError("killed")

    monkeypatch.setattr(adoption_commits, "_record_merge", killed)
    with pytest.raises(RuntimeError):
        merge(adoption)
    head = trees.repository.head
    work(*KINDS, "scan")
    assert fresh(adoption).merged == head == trees.repository.head


def test_an_adoption_of_what_is_declared_has_nothing_to_commit(trees: Trees) -> None:
    merge(propose(adopt()))
    again = adopt()
    assert again.state == "planned" and not again.edits and again.summary["already"]
    with pytest.raises(Unprocessable, match="would change nothing"):
        propose_adoption(actor=acting("ana"), adoption=again)


def test_only_some_hosts_are_adopted_without_speaking_to_the_others(trees: Trees) -> None:
    adoption = adopt("role=web env=prod")
    assert set(adoption.summary["layers"]) == {"environments/prod/roles/web"}
    assert merge(propose(adoption)).state == "merged"


def test_roots_and_options_that_can_not_be_used_are_refused(trees: Trees) -> None:
    for roots in (["etc"], ["/"], ["/proc/sys"], ["/a"] + [f"/r{n}" for n in range(20)]):
        with pytest.raises(Invalid):
            create_adoption(actor=acting("ana"), selector="*", roots=roots)
    for options in ({"sections": ["nonsense"]}, {"exhaustive": "all"}, {"exhaustive": ["etc"]}):
        with pytest.raises(Invalid):
            create_adoption(actor=acting("ana"), selector="*", options=options)
    with pytest.raises(NotPermitted):
        create_adoption(actor=acting("dee"), selector="*")
    assert not Adoption.objects.exists()


def test_the_ledger_says_who_did_what(trees: Trees) -> None:
    merge(propose(adopt()))
    said = LedgerEntry.objects.filter(action__startswith="adoption.").order_by("created_at", "pk")
    assert [(entry.action, entry.actor_label) for entry in said] == [
        ("adoption.started", "ana"),
        ("adoption.planning", "foldback"),
        ("adoption.planned", "foldback"),
        ("adoption.proposed", "ana"),
        ("adoption.committed", "foldback"),
        ("adoption.merged", "foldback"),
    ]
    assert Scan.objects.get().purpose == "proof"
