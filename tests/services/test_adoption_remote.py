"""Adoptions where the truth is a remote, where one person is all there is, and where workers die."""

from pathlib import Path
from typing import Any

import pytest

from common.models import JobBatch
from common.services.jobs import Claim, claim_batch
from deployments.services import definitions as definition_services
from drift.models import Adoption, AdoptionHost, AdoptionText
from drift.services.adoption_looks import run_adopt_batch
from drift.services.adoptions import create_adoption, propose_adoption
from tests.adopting import KINDS, Trees, adopt, change_of, fresh, merge, propose
from tests.definitions import Repository, StillHeld, work
from tests.factories import acting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def trees(settings: Any, tmp_path: Path) -> Trees:
    return Trees(settings, tmp_path)


@pytest.fixture
def remote(trees: Trees, settings: Any, tmp_path: Path) -> Repository:
    """The repository is the remote now, and ours a clone of it."""
    settings.DEFINITION_URL = str(trees.repository.path)
    settings.DEFINITION_PATH = tmp_path / "ours.git"
    definition_services.ensure_definition()
    return trees.repository


def branches(repository: Repository) -> dict[str, str]:
    references = repository.git.git.references
    return {
        name.removeprefix("refs/heads/"): str(references[name].target)
        for name in references
        if name.startswith("refs/heads/")
    }


def test_the_branch_is_pushed_and_main_when_it_is_merged(remote: Repository) -> None:
    begin = remote.head
    adoption = propose(adopt())
    assert branches(remote) == {"main": begin, adoption.branch: adoption.commit}
    adoption = merge(adoption)
    assert adoption.merged == adoption.commit == remote.head


def test_a_branch_of_that_name_is_never_overwritten(remote: Repository) -> None:
    first = propose(adopt())
    from changemgmt.services.proposals import withdraw_change

    withdraw_change(actor=acting("ana"), change=change_of(first))
    work(*KINDS)
    again = propose(fresh(first), reason="another reason")
    assert branches(remote)[first.branch] == first.commit != again.commit
    assert branches(remote)[f"{again.branch}-{change_of(again).reference}"] == again.commit


def test_what_a_person_merged_at_the_remote_is_found_there(remote: Repository) -> None:
    adoption = propose(adopt())
    remote.git.move_main(adoption.base_revision, adoption.commit)
    later = remote.commit({"README.md": "and on\n"})
    adoption = merge(adoption)
    assert adoption.state == "merged" and adoption.merged == adoption.commit and remote.head == later


def test_with_four_eyes_off_the_same_person_merges_and_the_approval_says_so(
    trees: Trees, settings: Any
) -> None:
    settings.FOUR_EYES = False
    adoption = merge(propose(adopt(who="ben"), who="ben"), who="ben")
    assert adoption.state == "merged"
    assert [approval.four_eyes for approval in change_of(adoption).approvals.all()] == [False]


def test_a_batch_that_is_taken_over_looks_only_at_the_rest(
    trees: Trees, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drift.services import adoption_looks

    adoption = create_adoption(actor=acting("ana"), selector="*", roots=["/etc"])
    claim = _claim(adoption)
    real, kept = adoption_looks._keep, []

    def dies_after_two(*what: Any) -> None:
        if len(kept) == 2:
            raise KeyboardInterrupt
        kept.append(what)
        real(*what)

    monkeypatch.setattr(adoption_looks, "_keep", dies_after_two)
    with pytest.raises(KeyboardInterrupt):
        run_adopt_batch(claim=claim, keeper=StillHeld())  # type: ignore[arg-type]
    monkeypatch.setattr(adoption_looks, "_keep", lambda *what: (kept.append(what), real(*what)))
    run_adopt_batch(claim=claim, keeper=StillHeld())  # type: ignore[arg-type]
    assert len(kept) == AdoptionHost.objects.count() == 4
    assert fresh(adoption).job.items_done == 4  # type: ignore[union-attr]


def test_what_a_host_showed_that_can_not_be_kept_makes_it_unknown_and_no_other(
    trees: Trees, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drift.services import adoption_looks

    real = adoption_looks._what_was_seen

    def choking(seen: Any) -> Any:
        if "file:/etc/odd" in seen.states:
            return {"states": {"file:/etc/odd": "a NUL \0"}}
        return real(seen)

    trees.write("web-2", "etc/odd", "x\n")
    monkeypatch.setattr(adoption_looks, "_what_was_seen", choking)
    adoption = adopt()
    looks = dict(AdoptionHost.objects.filter(adoption=adoption).values_list("host__name", "status"))
    assert looks.pop("web-2") == "unknown" and "unknown" not in looks.values()
    assert adoption.state == "planned"


def test_what_was_seen_is_forgotten_when_it_is_over(trees: Trees) -> None:
    adoption = adopt()
    assert AdoptionText.objects.exists()
    adoption = merge(propose(adoption))
    assert not AdoptionText.objects.exists() and adoption.edits == {}
    assert not AdoptionHost.objects.exclude(seen={}).exists()


def test_two_people_who_propose_at_once_make_one_proposal(trees: Trees) -> None:
    from common.core.errors import Conflict
    from tests.factories import in_threads

    adoption = adopt()
    people = [acting("ana"), acting("ben"), acting("cy")]
    done = in_threads(*[(lambda who=who: propose_adoption(actor=who, adoption=adoption)) for who in people])
    assert sum(isinstance(one, Adoption) for one in done) == 1
    assert sum(isinstance(one, Conflict) for one in done) == 2


def _claim(adoption: Adoption) -> Claim:
    claim = claim_batch(batch_id=JobBatch.objects.get(job=adoption.job).pk)
    assert claim is not None
    return claim
