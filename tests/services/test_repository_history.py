"""The definition's repository: rebases, history, a remote."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pygit2
import pytest

from deployments.core.git_safety import UnsafeGitName
from deployments.repository import (
    MAIN,
    CannotRebase,
    DefinitionRepository,
    UnknownRevision,
)
from deployments.repository_remote import PushRefused, Remote, RemoteDiverged, RemoteFailure, fetch, push
from tests.repositories import ANA, FILES, MOTD, NOON, commit, motd


@pytest.fixture
def repository(tmp_path: Path) -> DefinitionRepository:
    return DefinitionRepository.create(tmp_path / "definition.git", FILES, ANA, "Begin\n", when=NOON)


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
