"""The definition in Git: real repositories in temporary folders, no database."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import FileMode

from deployments.core.definition.model import DefinitionError
from deployments.core.git_safety import UnsafeGitName
from deployments.repository import (
    MAIN,
    DefinitionRepository,
    HeadMoved,
    NothingToCommit,
    RepositoryBusy,
    RepositoryMissing,
    UnknownRevision,
)
from deployments.repository_lock import hold
from tests.repositories import ANA, BEN, FILES, MOTD, NOON, commit


@pytest.fixture
def repository(tmp_path: Path) -> DefinitionRepository:
    return DefinitionRepository.create(tmp_path / "definition.git", FILES, ANA, "Begin\n", when=NOON)


# ---- reading and committing


def test_what_was_committed_is_what_is_read(repository: DefinitionRepository) -> None:
    assert repository.files(repository.head()) == FILES
    assert repository.git.is_bare
    assert repository.git.references["HEAD"].target == MAIN


def test_a_commit_changes_what_was_asked_and_leaves_every_other_file_byte_for_byte(
    repository: DefinitionRepository,
) -> None:
    before = repository.head()
    after = commit(
        repository, {MOTD: b"new\n", "hosts/web-3/resources.yaml": b"files: {}\n", "base/files/logo": None}
    )
    expected = {**FILES, MOTD: b"new\n", "hosts/web-3/resources.yaml": b"files: {}\n"}
    del expected["base/files/logo"]
    assert repository.head() == after
    assert repository.files(after) == expected
    assert repository.files(before) == FILES
    revision = repository.revision(after)
    assert (revision.author, revision.committer, revision.parents) == (ANA, BEN, (before,))


def test_an_executable_file_stays_executable(repository: DefinitionRepository) -> None:
    git = repository.git
    index = pygit2.Index()
    index.read_tree(git[repository.head()].peel(pygit2.Tree))
    index.add(pygit2.IndexEntry("base/files/run", git.create_blob(b"#!/bin/sh\n"), FileMode.BLOB_EXECUTABLE))
    person = pygit2.Signature("Cy", "cy@example.com", 0, 0)
    sha = git.create_commit(MAIN, person, person, "by hand", index.write_tree(git), [repository.head()])
    after = commit(repository, {"base/files/run": b"#!/bin/bash\n"}, parent=str(sha))
    tree = git[after].peel(pygit2.Tree)
    assert tree["base/files/run"].filemode == FileMode.BLOB_EXECUTABLE


def test_the_same_commit_made_twice_is_the_same_object(
    repository: DefinitionRepository, tmp_path: Path
) -> None:
    when = datetime(2024, 3, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    other = DefinitionRepository.create(tmp_path / "other.git", FILES, ANA, "Begin\n", when=NOON)
    made = [commit(each, {MOTD: b"new\n"}, when=when) for each in (repository, other)]
    assert made[0] == made[1]
    assert repository.revision(made[0]).committed_at == when


def test_a_commit_that_would_change_nothing_is_refused(repository: DefinitionRepository) -> None:
    head = repository.head()
    with pytest.raises(NothingToCommit):
        commit(repository, {MOTD: FILES[MOTD], "nowhere": None})
    assert repository.head() == head


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "base/../../x",
        "base//x",
        "./x",
        ".git/hooks/x",
        "base/.GIT/x",
        "git~1/x",
        "a\nb",
        "a\\b",
    ],
)
def test_a_path_that_leaves_the_tree_is_refused(repository: DefinitionRepository, path: str) -> None:
    head = repository.head()
    with pytest.raises(UnsafeGitName):
        commit(repository, {path: b""})
    assert repository.head() == head


def test_a_file_never_takes_the_place_of_a_directory_or_the_other_way_round(
    repository: DefinitionRepository,
) -> None:
    with pytest.raises(ValueError, match="is a directory"):
        commit(repository, {"base/files": b""})
    with pytest.raises(ValueError, match="base/files/motd is a file"):
        commit(repository, {f"{MOTD}/x": b""})
    assert MOTD not in repository.files(commit(repository, {MOTD: None, f"{MOTD}/x": b""}))


def test_names_can_not_break_out_of_the_header(repository: DefinitionRepository) -> None:
    sha = repository.commit(
        parent=repository.head(),
        edits={MOTD: b""},
        author=("Ana <x>\nparent 0000", "ana@example.com>\n"),
        message="m",
        when=NOON,
    )
    assert repository.revision(sha).author == ("Ana  x  parent 0000", "ana@example.com")
    with pytest.raises(UnsafeGitName):
        repository.commit(parent=sha, edits={MOTD: b"1"}, author=("", "a@b"), message="m", when=NOON)


def test_a_time_without_a_zone_is_refused(repository: DefinitionRepository) -> None:
    with pytest.raises(ValueError, match="time zone"):
        commit(repository, {MOTD: b""}, when=datetime(2024, 1, 1))


def test_symbolic_links_and_submodules_are_refused_on_reading_with_their_paths(
    repository: DefinitionRepository,
) -> None:
    git = repository.git
    index = pygit2.Index()
    index.read_tree(git[repository.head()].peel(pygit2.Tree))
    index.add(pygit2.IndexEntry("base/files/link", git.create_blob(b"/etc/shadow"), FileMode.LINK))
    index.add(pygit2.IndexEntry("base/sub", pygit2.Oid(hex=repository.head()), FileMode.COMMIT))
    person = pygit2.Signature("Dee", "dee@example.com", 0, 0)
    sha = str(git.create_commit(MAIN, person, person, "m", index.write_tree(git), [repository.head()]))
    with pytest.raises(DefinitionError) as caught:
        repository.files(sha)
    assert [problem.path for problem in caught.value.problems] == ["base/files/link", "base/sub"]
    with pytest.raises(DefinitionError):
        commit(repository, {"base/files/link": b"x"}, parent=sha)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    repository: DefinitionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.repository.MAX_FILE_BYTES", 50)
    with pytest.raises(DefinitionError) as caught:
        repository.files(repository.head())
    assert [problem.path for problem in caught.value.problems] == [MOTD]


@pytest.mark.parametrize("sha", ["", "main", "HEAD", "refs/heads/main", "0" * 40, "HEAD~1", "--all", "\0"])
def test_only_the_full_name_of_a_commit_names_one(repository: DefinitionRepository, sha: str) -> None:
    with pytest.raises(UnknownRevision):
        repository.files(sha)
    assert not repository.contains(sha)


def test_a_missing_repository_is_said_and_none_above_it_is_used(tmp_path: Path) -> None:
    pygit2.init_repository(str(tmp_path))
    (tmp_path / "below").mkdir()
    with pytest.raises(RepositoryMissing):
        DefinitionRepository(tmp_path / "below")


def test_creating_twice_is_refused_and_an_interrupted_creation_is_continued(tmp_path: Path) -> None:
    pygit2.init_repository(str(tmp_path / "d.git"), bare=True, initial_head="main")
    with pytest.raises(RepositoryMissing):
        DefinitionRepository(tmp_path / "d.git").head()
    DefinitionRepository.create(tmp_path / "d.git", FILES, ANA, "Begin", when=NOON)
    with pytest.raises(FileExistsError):
        DefinitionRepository.create(tmp_path / "d.git", FILES, ANA, "Begin", when=NOON)


# ---- compare and set


def test_main_moves_only_from_where_the_caller_saw_it(repository: DefinitionRepository) -> None:
    seen = repository.head()
    first = commit(repository, {MOTD: b"first"})
    with pytest.raises(HeadMoved) as caught:
        commit(repository, {MOTD: b"second"}, parent=seen)
    assert (caught.value.expected, caught.value.found) == (seen, first)
    assert repository.head() == first


def test_of_many_who_commit_at_once_on_the_same_parent_one_wins(repository: DefinitionRepository) -> None:
    parent = repository.head()
    answers: list[str] = []
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        mine = DefinitionRepository(repository.path)
        sha = mine.write_commit(
            parent=parent, edits={MOTD: b"%d" % number}, author=ANA, message="m", when=NOON
        )
        barrier.wait()
        try:
            mine.move_main(parent, sha)
            answers.append(sha)
        except HeadMoved:
            answers.append("moved")

    in_threads(work, 8)
    assert sorted(answers)[-7:] == ["moved"] * 7
    assert repository.head() == min(answers)


def test_many_who_try_again_all_arrive_and_none_is_lost(repository: DefinitionRepository) -> None:
    def work(number: int) -> None:
        mine = DefinitionRepository(repository.path)
        while True:
            try:
                commit(mine, {f"base/files/{number}": b"x"})
                return
            except HeadMoved:
                continue

    in_threads(work, 6)
    assert {f"base/files/{number}" for number in range(6)} <= set(repository.files(repository.head()))
    assert len(repository.log()) == 7


def in_threads(work: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_a_push_of_git_itself_that_holds_the_lock_is_waited_for_and_then_said(
    repository: DefinitionRepository,
) -> None:
    lock = repository.path / f"{MAIN}.lock"
    lock.touch()
    impatient = DefinitionRepository(repository.path, lock_seconds=0.1)
    head = repository.head()
    with pytest.raises(RepositoryBusy):
        commit(impatient, {MOTD: b"x"})
    assert (impatient.head(), lock.exists()) == (head, True)
    threading.Timer(0.1, lock.unlink).start()
    assert commit(repository, {MOTD: b"x"}) == repository.head()


def test_a_process_that_is_killed_while_it_moves_main_locks_nobody_out(
    repository: DefinitionRepository,
) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom deployments.repository_lock import hold\n"
        "with hold(Path(sys.argv[1]), 5):\n"
        "    Path(sys.argv[1], 'refs/heads/main.lock').touch()\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(repository.path)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(RepositoryBusy):
            commit(DefinitionRepository(repository.path, lock_seconds=0.1), {MOTD: b"x"})
        os.kill(holder.pid, signal.SIGKILL)
    patient = DefinitionRepository(repository.path, lock_seconds=0.2)
    assert commit(patient, {MOTD: b"x"}) == repository.head()
    assert not (repository.path / f"{MAIN}.lock").exists()
    with hold(repository.path, 1) as after:
        assert not after.last_one_died
