"""The definition in Git: real repositories in temporary folders, no database."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pygit2
import pytest
from pygit2.enums import FileMode

from deployments.core.definition.model import DefinitionError
from deployments.core.git_safety import UnsafeGitName
from deployments.repository import (
    MAIN,
    CannotRebase,
    DefinitionRepository,
    HeadMoved,
    NothingToCommit,
    RepositoryBusy,
    RepositoryMissing,
    UnknownRevision,
)
from deployments.repository_lock import hold
from deployments.repository_remote import PushRefused, Remote, RemoteDiverged, RemoteFailure, fetch, push

ANA, BEN = ("Ana", "ana@example.com"), ("Ben", "ben@example.com")
NOON = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
MOTD = "base/files/motd"
FILES = {
    "definition.yaml": b"format: 1\n",
    "base/resources.yaml": b"# keep me\r\nfiles: {}\n",
    MOTD: b"".join(b"line %d\n" % number for number in range(20)),
    "base/files/logo": b"\x89PNG\0\xff",
}


@pytest.fixture
def repository(tmp_path: Path) -> DefinitionRepository:
    return DefinitionRepository.create(tmp_path / "definition.git", FILES, ANA, "Begin\n", when=NOON)


def commit(
    repository: DefinitionRepository,
    edits: dict[str, bytes | None],
    message: str = "Change",
    parent: str | None = None,
    when: datetime = NOON,
) -> str:
    return repository.commit(
        parent=parent or repository.head(), edits=edits, author=ANA, committer=BEN, message=message, when=when
    )


def motd(*, first: bytes = b"line 0", last: bytes = b"line 19") -> bytes:
    return FILES[MOTD].replace(b"line 0\n", first + b"\n").replace(b"line 19\n", last + b"\n")


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


# ---- rebase


def test_edits_in_other_places_are_carried_over_to_the_new_head(repository: DefinitionRepository) -> None:
    base = repository.head()
    onto = commit(repository, {MOTD: motd(last=b"theirs"), "base/files/new": b"n", "base/files/logo": None})
    edits: dict[str, bytes | None] = {
        MOTD: motd(first=b"ours"),
        "base/resources.yaml": None,
        "roles/web/x": b"y",
    }
    assert repository.rebase(base, edits, onto) == {
        MOTD: motd(first=b"ours", last=b"theirs"),
        "base/resources.yaml": None,
        "roles/web/x": b"y",
    }


@pytest.mark.parametrize("theirs", [motd(first=b"theirs"), None])
def test_edits_in_the_same_place_are_refused_with_the_file(
    repository: DefinitionRepository, theirs: bytes | None
) -> None:
    base = repository.head()
    onto = commit(repository, {MOTD: theirs})
    with pytest.raises(CannotRebase) as caught:
        repository.rebase(base, {MOTD: motd(first=b"ours")}, onto)
    assert caught.value.paths == (MOTD,)
    assert repository.head() == onto


def test_edits_that_arrived_another_way_leave_nothing_to_do(repository: DefinitionRepository) -> None:
    base = repository.head()
    onto = commit(repository, {MOTD: b"same", "base/files/logo": None})
    assert repository.rebase(base, {MOTD: b"same", "base/files/logo": None}, onto) == {}
    assert repository.rebase(base, {}, onto) == {}


# ---- history


def test_a_commit_is_found_by_its_trailer_and_only_after_since(repository: DefinitionRepository) -> None:
    start = repository.head()
    first = commit(repository, {MOTD: b"1"}, "Fold back\n\nDecision: DEC-1\nFinding: DRF-8\nFinding: DRF-9\n")
    second = commit(
        repository, {MOTD: b"2"}, "Talk about DEC-2\n\nDecision: DEC-2 is not here: it is prose\n"
    )
    assert repository.find_trailer("Decision", "DEC-1") == first
    assert repository.find_trailer("finding", "DRF-8", since=start) == first
    assert repository.find_trailer("Decision", "DEC-1", since=first) is None
    assert repository.find_trailer("Decision", "DEC-2") is None
    assert repository.find_trailer("Decision", "DEC-") is None
    assert repository.find_trailer("Decision", "DEC-1", since=second) is None
    with pytest.raises(UnknownRevision):
        repository.find_trailer("Decision", "DEC-1", since="0" * 40)


def test_a_commit_behind_a_merge_is_found_too(repository: DefinitionRepository) -> None:
    start = repository.head()
    side = repository.write_commit(
        parent=start, edits={MOTD: b"s"}, author=ANA, message="Side\n\nDecision: DEC-7", when=NOON
    )
    main = commit(repository, {"x": b""})
    git = repository.git
    person = pygit2.Signature("Cy", "cy@example.com", 1_709_300_000, 0)
    parents: list[str | pygit2.Oid] = [main, side]
    merged = str(git.create_commit(None, person, person, "Merge", git[side].peel(pygit2.Tree).id, parents))
    repository.move_main(main, merged)
    assert repository.find_trailer("Decision", "DEC-7", since=start) == side
    assert repository.contains(side)


def test_the_log_is_newest_first_and_bounded(repository: DefinitionRepository) -> None:
    shas = [commit(repository, {MOTD: b"%d" % number}, f"Number {number}") for number in range(5)]
    log = repository.log(3)
    assert [revision.sha for revision in log] == shas[:1:-1]
    assert log[0].subject == "Number 4"
    assert [revision.sha for revision in repository.log(1, start=shas[0])] == shas[:1]


def test_a_diff_tells_what_happened_to_each_file(repository: DefinitionRepository) -> None:
    before = repository.head()
    after = commit(repository, {MOTD: motd(first=b"new"), "base/files/logo": None, "roles/web/x": b"y\n"})
    changes = {change.path: change for change in repository.diff(before, after)}
    assert {path: change.kind for path, change in changes.items()} == {
        MOTD: "modified",
        "base/files/logo": "deleted",
        "roles/web/x": "added",
    }
    assert "-line 0\n+new\n line 1\n" in changes[MOTD].patch
    assert changes["base/files/logo"].patch == ""
    assert {change.kind for change in repository.diff(None, before)} == {"added"}
    assert repository.diff(after, after) == ()


# ---- a remote


@pytest.fixture
def remote(repository: DefinitionRepository, tmp_path: Path) -> Remote:
    pygit2.init_repository(str(tmp_path / "remote.git"), bare=True, initial_head="main")
    made = Remote(f"file://{tmp_path}/remote.git", allow_file=True)
    push(repository, made, repository.head())
    return made


def far_side(remote: Remote) -> DefinitionRepository:
    return DefinitionRepository(remote.url.removeprefix("file://"))


def test_the_fetched_main_is_the_head(
    repository: DefinitionRepository, remote: Remote, tmp_path: Path
) -> None:
    assert fetch(repository, remote) == repository.head()
    theirs = commit(far_side(remote), {MOTD: b"theirs"})
    assert fetch(repository, remote) == theirs == repository.head()
    pygit2.init_repository(str(tmp_path / "fresh.git"), bare=True, initial_head="main")
    fresh = DefinitionRepository(tmp_path / "fresh.git")
    assert fetch(fresh, remote) == fresh.head() == theirs
    assert list(fresh.git.references) == [MAIN]


def test_a_fold_back_is_pushed_and_counts_once_it_is_fetched(
    repository: DefinitionRepository, remote: Remote
) -> None:
    base = repository.head()
    sha = repository.write_commit(parent=base, edits={MOTD: b"x"}, author=ANA, message="m", when=NOON)
    push(repository, remote, sha, branch="foldback/DEC-1")
    assert str(far_side(remote).git.references["refs/heads/foldback/DEC-1"].target) == sha
    assert fetch(repository, remote) == base
    push(repository, remote, sha)
    assert repository.head() == base and not repository.contains(sha)
    assert fetch(repository, remote) == sha and repository.contains(sha)


def test_a_push_is_never_forced(repository: DefinitionRepository, remote: Remote) -> None:
    base = repository.head()
    theirs = commit(far_side(remote), {MOTD: b"theirs"})
    mine = repository.write_commit(parent=base, edits={MOTD: b"mine"}, author=ANA, message="m", when=NOON)
    for _ in range(2):
        with pytest.raises(PushRefused):
            push(repository, remote, mine)
        assert far_side(remote).head() == theirs
        fetch(repository, remote)


def test_a_main_that_was_rewritten_is_not_followed(repository: DefinitionRepository, remote: Remote) -> None:
    base = repository.head()
    ours = commit(far_side(remote), {MOTD: b"one"})
    fetch(repository, remote)
    other = far_side(remote).write_commit(
        parent=base, edits={MOTD: b"two"}, author=ANA, message="m", when=NOON
    )
    far_side(remote).move_main(ours, other)
    with pytest.raises(RemoteDiverged):
        fetch(repository, remote)
    assert repository.head() == ours
    assert list(repository.git.references) == [MAIN]


def test_a_remote_that_is_not_there_is_a_failure_and_changes_nothing(
    repository: DefinitionRepository, remote: Remote, tmp_path: Path
) -> None:
    head = repository.head()
    for wrong in (
        Remote(str(tmp_path / "nowhere.git"), allow_file=True),
        Remote("https://127.0.0.1:1/x.git"),
        Remote(remote.url, branch="other", allow_file=True),
    ):
        with pytest.raises(RemoteFailure):
            fetch(repository, wrong)
    with pytest.raises(RemoteFailure):
        push(repository, Remote("https://127.0.0.1:1/x.git"), head)
    assert repository.head() == head


def test_a_remote_that_points_elsewhere_is_not_followed_there(repository: DefinitionRepository) -> None:
    elsewhere = Answering(401, {"WWW-Authenticate": "Basic realm=x"})
    first = Answering(
        302, {"Location": f"http://localhost:{elsewhere.port}/x/info/refs?service=git-upload-pack"}
    )
    remote = Remote("https://127.0.0.1/x", credentials=pygit2.UserPass("git", "hunter2"))
    # Plain http is refused for a remote; a server without a certificate is all that a test can have.
    object.__setattr__(remote, "url", f"http://127.0.0.1:{first.port}/x")
    with elsewhere, first, pytest.raises(RemoteFailure, match="redirect"):
        fetch(repository, remote)
    assert (first.asked, elsewhere.asked) == (1, 0)


class Answering(ThreadingHTTPServer):
    """A web server that gives one answer to everything and counts how often it was asked."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            server: "Answering"

            def do_GET(self) -> None:
                self.server.asked += 1
                self.send_response(status)
                for name, value in {**headers, "Content-Length": "0"}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = 0
        self.port = self.server_port
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> "Answering":
        self._thread.start()
        return self

    def __exit__(self, *args: Any) -> None:
        self.shutdown()
        self._thread.join()
        super().__exit__(*args)


@pytest.mark.parametrize(
    "branch", ["-x", "a..b", "+main", "refs/heads/main", "a:b", "a b", "x.lock", "", "/a", "a/.b"]
)
def test_a_branch_that_git_would_misread_is_refused(
    repository: DefinitionRepository, remote: Remote, branch: str
) -> None:
    with pytest.raises(UnsafeGitName):
        push(repository, remote, repository.head(), branch=branch or "//")
    with pytest.raises(UnsafeGitName):
        Remote(remote.url, branch=branch, allow_file=True)
