"""What a repository answers with: revisions, changed files, and the ways in which it says no."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pygit2

from deployments.core.commit_message import trailers_of
from deployments.core.git_safety import clean_person


class RepositoryMissing(Exception):
    """There is no definition at this path."""


class UnknownRevision(Exception):
    """The repository has no such commit."""


class NothingToCommit(Exception):
    """The edits leave every file as it is in the parent."""


class HeadMoved(Exception):
    """Main is no longer where the caller saw it. `found` is where it is now."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"main moved from {expected[:12]} to {found[:12]}")
        self.expected, self.found = expected, found


class CannotRebase(Exception):
    """Both sides changed the same lines; `paths` are the files in which they did."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__("the definition changed in the same places: " + ", ".join(paths))
        self.paths = paths


@dataclass(frozen=True)
class Revision:
    """One commit. `trailers` in their order; a key may come more than once."""

    sha: str
    parents: tuple[str, ...]
    author: tuple[str, str]
    committer: tuple[str, str]
    committed_at: datetime
    message: str

    @property
    def subject(self) -> str:
        return self.message.partition("\n")[0]

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        return trailers_of(self.message)


@dataclass(frozen=True)
class FileChange:
    """One file that differs: `kind` is "added", "deleted" or "modified"; `patch` is empty for binary files."""

    path: str
    kind: str
    patch: str


def signature(person: tuple[str, str], when: datetime) -> pygit2.Signature:
    """A person at a time, for a commit; raises UnsafeGitName and ValueError."""
    if when.tzinfo is None:
        raise ValueError("the time of a commit needs a time zone")
    name, email = clean_person(*person)
    offset = (when.utcoffset() or timedelta()) // timedelta(minutes=1)
    return pygit2.Signature(name, email, int(when.timestamp()), offset)


def revision_of(commit: pygit2.Commit) -> Revision:
    """What a commit says, whatever its encoding."""
    zone = timezone(timedelta(minutes=commit.commit_time_offset))
    return Revision(
        sha=str(commit.id),
        parents=tuple(str(parent) for parent in commit.parent_ids),
        author=(commit.author.name, commit.author.email),
        committer=(commit.committer.name, commit.committer.email),
        committed_at=datetime.fromtimestamp(commit.commit_time, zone),
        message=commit.raw_message.decode("utf-8", "replace"),
    )
