"""Fold-backs where the truth is a remote repository, and what is never folded."""

from pathlib import Path
from typing import Any

import pytest

from deployments.core.definition.parse import parse_definition
from deployments.core.errors import DefinitionUnavailable
from deployments.services import definitions as definition_services
from drift.models import Decision, Finding
from tests.definitions import GitFleet, Repository, run_batches
from tests.folding import (
    approve,
    begin,
    carry_out,
    fixed_by_hand,
    fold,
    now_is,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    return begin(settings, tmp_path)


@pytest.fixture
def finding(fleet: GitFleet) -> Finding:
    return fixed_by_hand(fleet)


def commits_with(fleet: GitFleet, decision: Decision) -> int:
    return sum(f"Decision: {decision.reference}\n" in message for message in fleet.repository.messages)


# ---- a remote


@pytest.fixture
def remote(fleet: GitFleet, finding: Finding, settings: Any, tmp_path: Path) -> Repository:
    """The fleet's repository is the remote now, and ours a clone of it."""
    settings.DEFINITION_URL = str(fleet.repository.path)
    settings.DEFINITION_PATH = tmp_path / "ours.git"
    definition_services.ensure_definition()
    return fleet.repository


def test_with_a_remote_the_commit_counts_when_it_is_seen_there(remote: Repository, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    carry_out()
    assert now_is(decision) == ("completed", ["committed"], remote.head)


def test_a_remote_that_moved_is_rebased_onto(remote: Repository, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    on_top = remote.replace("base/files/issue", "two", "2")
    carry_out()
    state, _, commit = now_is(decision)
    assert (state, commit) == ("completed", remote.head)
    assert remote.git.revision(commit).parents == (on_top,)


def test_a_worker_killed_between_push_and_fetch_loses_nothing(
    remote: Repository, finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = fold(finding)
    approve(decision)
    real = definition_services.push

    def killed_after(*args: Any) -> None:
        real(*args)
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(definition_services, "push", killed_after)
        with pytest.raises(RuntimeError, match="killed"):
            run_batches("fold-back")
    assert now_is(decision)[2] == ""
    carry_out()
    assert now_is(decision) == ("completed", ["committed"], remote.head)
    assert sum("Decision:" in message for message in remote.messages) == 1


def test_a_remote_that_is_away_is_tried_again(remote: Repository, finding: Finding, tmp_path: Path) -> None:
    decision = fold(finding)
    approve(decision)
    remote.path.rename(tmp_path / "away")
    with pytest.raises(DefinitionUnavailable):
        run_batches("fold-back")
    assert now_is(decision) == ("approved", ["approved"], "")
    (tmp_path / "away").rename(remote.path)
    carry_out()
    assert now_is(decision)[0] == "completed"


# ---- what is never folded


def test_the_commit_parses_and_says_what_is_live_on_every_occurrence(
    fleet: GitFleet, finding: Finding
) -> None:
    approve(fold(finding))
    carry_out()
    definition = parse_definition(fleet.repository.git.files(fleet.repository.head))
    fleet.definition = definition
    for name in ("web-1", "web-2"):
        assert fleet.as_defined(name)["/etc/app.conf"] == fleet.live[name]["/etc/app.conf"]
