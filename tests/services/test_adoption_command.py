"""`manage.py definition`: adopt, merge, discard, where no worker runs."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from drift.models import Adoption, AdoptionText
from tests.adopting import Trees
from tests.factories import person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def trees(settings: Any, tmp_path: Path) -> Trees:
    person("ana"), person("ben")
    return Trees(settings, tmp_path)


def definition(*words: str) -> str:
    said = StringIO()
    call_command("definition", *words, stdout=said, stderr=said)
    return said.getvalue()


def test_a_dry_run_shows_the_plan_and_leaves_nothing(trees: Trees) -> None:
    said = definition(
        "adopt", "--hosts", "*", "--root", "/etc", "--dry-run", "--show", "base/templates/etc/hostname.j2"
    )
    assert "renders to live on 4 of 4 hosts looked at" in said
    assert "roles/web: 2 files, 1 directories, 1 symlinks" in said
    assert "left out, 1: identity of the host, or volatile" in said
    assert "--- base/templates/etc/hostname.j2\n{{ host.name }}\n" in said
    assert "looking: 0 of 4 hosts" in said
    assert Adoption.objects.get().state == "discarded" and not AdoptionText.objects.exists()
    assert len(trees.repository.messages) == 1


def test_committed_by_one_person_and_merged_by_another(trees: Trees) -> None:
    said = definition(
        "adopt", "--hosts", "*", "--root", "/etc", "--as", "ana", "--commit", "--reason", "begin"
    )
    adoption = Adoption.objects.get()
    assert f"on adopt/{adoption}" in said
    with pytest.raises(CommandError, match="Somebody else decides"):
        _merge_as_the_proposer(adoption)
    assert "is on main as" in definition("merge", str(adoption), "--as", "ben")
    assert Adoption.objects.get().merged == trees.repository.head


def _merge_as_the_proposer(adoption: Adoption) -> str:
    """Ana with the right to approve, who proposed it."""
    ana = person("ana")
    ana.role = "release-manager"
    ana.save()
    return definition("merge", str(adoption), "--as", "ana")


def test_a_proposal_needs_a_person(trees: Trees) -> None:
    with pytest.raises(CommandError, match="--as USERNAME"):
        definition("adopt", "--hosts", "*", "--root", "/etc", "--commit")
    adoption = Adoption.objects.get()
    assert adoption.state == "planned"
    assert "is discarded" in definition("discard", str(adoption), "--as", "ana")


def test_what_is_wrong_is_said_in_words(trees: Trees) -> None:
    for words, said in (
        (("adopt",), "Say --hosts"),
        (("adopt", "--hosts", "name=nobody"), "No active host matches"),
        (("adopt", "--hosts", "*", "--root", "etc"), "not an absolute path"),
        (("merge", "ADO-99999", "--as", "ben"), "There is no adoption"),
    ):
        with pytest.raises(CommandError, match=said):
            definition(*words)
