"""The definition's repository: made, checked, fetched from a remote, committed to."""

from io import StringIO
from pathlib import Path
from typing import Any

import pygit2
import pytest
from django.core.management import CommandError, call_command

from common import clock
from deployments.core.errors import DefinitionBroken, DefinitionUnavailable, NoSuchRevision
from deployments.queries import definitions
from deployments.queries.definitions import definition_at, head_revision
from deployments.repository import DefinitionRepository, HeadMoved
from deployments.services.definitions import (
    CommitRequest,
    commit_to_definition,
    create_definition,
    ensure_definition,
    fetch_definition,
)
from deployments.services.definitions import remote as remote_of_settings
from tests.definitions import SOMEBODY, Repository, path_settings

GOOD = {"base/resources.yaml": 'files:\n  /etc/motd: {content: "one\\n"}\n'}


@pytest.fixture(autouse=True)
def own_definition(settings: Any, tmp_path: Path) -> None:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)


@pytest.fixture
def remote(settings: Any, tmp_path: Path) -> Repository:
    settings.DEFINITION_URL = str(tmp_path / "elsewhere.git")
    return Repository(GOOD, path=tmp_path / "elsewhere.git")


def request(parent: str, **more: Any) -> CommitRequest:
    values = {
        "parent": parent,
        "edits": {"base/resources.yaml": b'files:\n  /etc/motd: {content: "two\\n"}\n'},
        "author": SOMEBODY,
        "message": "Fold back\n\nDecision: DEC-1\n",
        "when": clock.now(),
    }
    return CommitRequest(**(values | more))


def command(name: str, *args: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    try:
        call_command(name, *args, stdout=out, stderr=err)
    except CommandError as error:
        err.write(str(error))
        assert error.returncode == 1
    return out.getvalue(), err.getvalue()


def test_the_starter_has_no_problems_and_declares_nothing() -> None:
    definition = definition_at(create_definition())
    assert all(not layer.declarations for layer in definition.layers.values())


def test_what_is_missing_is_made_once(settings: Any) -> None:
    first = ensure_definition()
    assert ensure_definition() == first == head_revision()


def test_without_a_definition_one_is_told_how_to_make_it() -> None:
    with pytest.raises(DefinitionUnavailable, match="init_definition"):
        head_revision()


def test_a_definition_is_made_from_a_directory(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "base" / "files").mkdir(parents=True)
    (source / ".git").mkdir()
    (source / ".git" / "config").write_text("not ours")
    (source / "definition.yaml").write_text("format: 1\n")
    (source / "base" / "resources.yaml").write_text("files:\n  /etc/a: {source: a}\n")
    (source / "base" / "files" / "a").write_bytes(b"\xff binary")
    out, err = command("init_definition", str(source))
    assert "revision" in out and err == ""
    assert set(definition_at(head_revision()).files) == {
        "definition.yaml",
        "base/resources.yaml",
        "base/files/a",
    }


def test_a_broken_directory_makes_nothing_and_each_problem_is_a_line(tmp_path: Path, settings: Any) -> None:
    source = tmp_path / "source"
    (source / "base").mkdir(parents=True)
    (source / "definition.yaml").write_text("format: 1\n")
    (source / "base" / "resources.yaml").write_text("files:\n  /etc/a: {sorce: a}\n  /etc/b: {mode: 644}\n")
    (source / "link").symlink_to("/etc/passwd")
    _, err = command("init_definition", str(source))
    assert "link: this is a symbolic link" in err
    (source / "link").unlink()
    _, err = command("init_definition", str(source))
    assert "base/resources.yaml:2: " in err and "base/resources.yaml:3: " in err
    assert not Path(settings.DEFINITION_PATH).exists()


def test_a_definition_that_is_there_is_left_alone(tmp_path: Path) -> None:
    command("init_definition")
    head = head_revision()
    assert "already" in command("init_definition")[1]
    assert command("init_definition", "--if-missing")[1] == ""
    assert head_revision() == head


def test_checking_says_file_line_what_and_remedy_and_fails() -> None:
    repository = Repository(GOOD)
    assert "No problems" in command("check_definition")[0]
    good = repository.head
    repository.commit({"base/resources.yaml": "files:\n  /etc/motd: {mode: 644}\n  /etc/x: [1]\n"})
    _, err = command("check_definition")
    assert "base/resources.yaml:2: /etc/motd: mode: 644 is a number" in err
    assert "base/resources.yaml:3: " in err
    assert "2 problems." in err
    assert "No problems" in command("check_definition", "--revision", good[:10])[0]
    assert "is not a revision" in command("check_definition", "--revision", "nonsense")[1]


def test_a_broken_revision_names_every_problem_and_an_unknown_one_is_not_found() -> None:
    repository = Repository(GOOD)
    broken = repository.commit({"base/resources.yaml": "files: [1]\n"})
    with pytest.raises(DefinitionBroken) as caught:
        definition_at(broken)
    assert caught.value.errors[0].detail.startswith("base/resources.yaml:1: ")
    with pytest.raises(NoSuchRevision):
        definition_at("0" * 40)


def test_a_revision_is_parsed_once_and_only_the_last_few_are_kept() -> None:
    repository = Repository(GOOD)
    first = repository.head
    assert definition_at(first) is definition_at(first)
    for number in range(definitions.KEPT):
        definition_at(repository.commit({"base/files/x": f"{number}"}))
    assert first not in definitions._parsed
    assert len(definitions._parsed) == definitions.KEPT


def test_a_commit_counts_only_on_top_of_the_head() -> None:
    repository = Repository(GOOD)
    old = repository.head
    new = repository.replace("base/resources.yaml", "one", "1")
    with pytest.raises(HeadMoved):
        commit_to_definition(request(old))
    assert repository.head == new
    assert commit_to_definition(request(new)) == repository.head


def test_a_missing_repository_is_brought_from_its_remote(remote: Repository) -> None:
    assert ensure_definition() == remote.head
    moved = remote.replace("base/resources.yaml", "one", "three")
    assert head_revision() != moved
    assert fetch_definition() == moved == head_revision()


def test_a_commit_is_pushed_and_counts_when_it_is_seen_at_the_remote(remote: Repository) -> None:
    sha = commit_to_definition(request(ensure_definition()))
    assert remote.head == sha == head_revision()


def test_a_worker_signs_in_with_a_token_over_https_and_a_key_over_ssh(settings: Any, tmp_path: Path) -> None:
    settings.DEFINITION_TOKEN = "secret-token"
    settings.DEFINITION_SSH_KEY = str(tmp_path / "key")
    signs_in = {
        "https://git.example.org/definition.git": (pygit2.UserPass, "foldback"),
        "ssh://deploy@git.example.org/definition.git": (pygit2.Keypair, "deploy"),
        "git@git.example.org:definition.git": (pygit2.Keypair, "git"),
    }
    for url, (kind, user) in signs_in.items():
        settings.DEFINITION_URL = url
        where = remote_of_settings()
        assert where is not None and isinstance(where.credentials, kind)
        assert where.credentials.credential_tuple[0] == user
    settings.DEFINITION_TOKEN = settings.DEFINITION_SSH_KEY = ""
    for url in signs_in:
        settings.DEFINITION_URL = url
        where = remote_of_settings()
        assert where is not None and where.credentials is None


def test_a_remote_that_moved_first_is_told_as_a_moved_head(remote: Repository) -> None:
    seen = ensure_definition()
    moved = remote.replace("base/resources.yaml", "one", "three")
    with pytest.raises(HeadMoved):
        commit_to_definition(request(seen))
    assert remote.head == moved == head_revision()


def test_a_remote_that_is_away_or_rewritten_changes_nothing(remote: Repository, tmp_path: Path) -> None:
    head = ensure_definition()
    remote.path.rename(tmp_path / "gone")
    with pytest.raises(DefinitionUnavailable, match="fetch"):
        fetch_definition()
    with pytest.raises(DefinitionUnavailable, match="push"):
        commit_to_definition(request(head))
    DefinitionRepository.create(
        remote.path, {"definition.yaml": b"format: 1\n"}, SOMEBODY, "Rewritten", when=clock.now()
    )
    with pytest.raises(DefinitionUnavailable, match="does not continue ours"):
        fetch_definition()
    assert head_revision() == head
