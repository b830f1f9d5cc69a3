"""The definition in Git: a bare repository, read by revision and moved by compare-and-set.

What is guaranteed: main moves only from the revision that the caller named, or not at all (HeadMoved). libgit2
compares under Git's own lock file, so this holds against our other processes and against `git push` into the
repository alike; repository_lock adds that a process killed in the middle leaves nothing locked. A commit is
made from values only (parent, edits, people, time): made twice it is the same object. Objects and references
are fsynced before a call returns. What is not guaranteed: locks on network file systems that have none, and
an administrator who moves references by hand while the lock file is removed.

An instance is for one thread. Nothing here knows the database or the clock.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, MergeFlag, ObjectType, SortMode

from deployments.core.commit_message import has_trailer
from deployments.core.definition.model import DefinitionError, Problem
from deployments.core.git_safety import check_tree_path
from deployments.repository_lock import RepositoryBusy, hold, retry
from deployments.repository_values import (
    CannotRebase,
    FileChange,
    HeadMoved,
    NothingToCommit,
    RepositoryMissing,
    Revision,
    UnknownRevision,
    revision_of,
    signature,
)

__all__ = [
    "CannotRebase",
    "DefinitionRepository",
    "FileChange",
    "HeadMoved",
    "NothingToCommit",
    "RepositoryBusy",
    "RepositoryMissing",
    "Revision",
    "UnknownRevision",
]

MAIN = "refs/heads/main"
MAX_FILES = 50_000
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_TREE_BYTES = 512 * 1024 * 1024
_SHA = re.compile(r"[0-9a-f]{40}")

pygit2.settings.enable_fsync_gitdir(True)


class DefinitionRepository:
    def __init__(self, path: str | Path, *, lock_seconds: float = 10.0) -> None:
        """Open the bare repository at `path`; raises RepositoryMissing."""
        self.path = Path(path)
        self.lock_seconds = lock_seconds
        try:
            # Without NO_SEARCH a missing directory would find the repository that Foldback itself lies in.
            self.git = pygit2.Repository(str(path), pygit2.enums.RepositoryOpenFlag.NO_SEARCH)
        except pygit2.GitError as error:
            raise RepositoryMissing(f"there is no definition repository at {path}: {error}") from error

    @classmethod
    def create(
        cls,
        path: str | Path,
        files: Mapping[str, bytes],
        author: tuple[str, str],
        message: str,
        *,
        when: datetime,
    ) -> "DefinitionRepository":
        """A new bare repository with one commit on main. Continues what a killed call began; raises
        FileExistsError where main exists already."""
        pygit2.init_repository(str(path), bare=True, initial_head="main")
        repository = cls(path)
        if MAIN in repository.git.references:
            raise FileExistsError(f"there is a definition at {path} already")
        sha = repository._store(None, dict(files), author, author, message, when)
        repository.move_main(None, sha)
        return repository

    # ---- reading

    def head(self) -> str:
        """The commit that main is at; raises RepositoryMissing while there is none."""
        if (sha := self._main()) is None:
            raise RepositoryMissing(f"the definition at {self.path} has no commit on main yet")
        return sha

    def files(self, sha: str) -> dict[str, bytes]:
        """The whole tree of a revision, path → content. Symbolic links, submodules, names that are not UTF-8 and
        trees beyond the limits are refused with DefinitionError, all of them at once."""
        found: dict[str, bytes] = {}
        problems: list[Problem] = []
        total = 0
        for path, entry in self._entries(self._commit(sha).tree):
            if problem := self._refusal(path, entry):
                problems.append(problem)
                continue
            data = self._data(entry.id)
            total += len(data)
            found[path] = data
            if len(found) > MAX_FILES or total > MAX_TREE_BYTES:
                message = f"the tree has more than {MAX_FILES:,} files or {MAX_TREE_BYTES // 2**20} MiB."
                raise DefinitionError((Problem(path, None, message, "Keep large files in packages."),))
        if problems:
            raise DefinitionError(tuple(problems))
        return found

    def revision(self, sha: str) -> Revision:
        return revision_of(self._commit(sha))

    def log(self, limit: int = 100, *, start: str | None = None) -> tuple[Revision, ...]:
        """The newest commits first, from main or from `start`."""
        walker = self.git.walk(self._commit(start or self.head()).id, SortMode.TOPOLOGICAL | SortMode.TIME)
        return tuple(revision_of(commit) for commit, _ in zip(walker, range(limit), strict=False))

    def contains(self, sha: str) -> bool:
        """Whether a commit is on main; False for one that this repository doesn't have."""
        try:
            commit = self._commit(sha)
        except UnknownRevision:
            return False
        head = self.head()
        return head == sha or self.git.descendant_of(head, commit.id)

    def later_than(self, sha: str) -> frozenset[str]:
        """The commits on main that came after `sha`; none where it is the head. Raises UnknownRevision."""
        walker = self.git.walk(self._commit(self.head()).id, SortMode.NONE)
        walker.hide(self._commit(sha).id)
        return frozenset(str(commit.id) for commit in walker)

    def find_trailer(self, key: str, value: str, *, since: str | None = None) -> str | None:
        """The newest commit on main that carries the trailer and is not reachable from `since`.

        With `since` only the commits after it are read, however long the history is. Raises UnknownRevision for a
        `since` that the repository doesn't have: searching everything instead would answer another question.
        """
        walker = self.git.walk(self._commit(self.head()).id, SortMode.TIME)
        if since is not None:
            walker.hide(self._commit(since).id)
        for commit in walker:
            # The cheap test first: most commits are not ours, and parsing a message costs more.
            if value.encode() in commit.raw_message and has_trailer(revision_of(commit).message, key, value):
                return str(commit.id)
        return None

    def diff(self, before: str | None, after: str) -> tuple[FileChange, ...]:
        """The files that differ between two revisions, by path; None is the empty tree."""
        new = self._commit(after).tree
        if before is None:
            found = new.diff_to_tree(swap=True)
        else:
            found = self._commit(before).tree.diff_to_tree(new)
        changes = []
        for patch in found:
            if patch is None:
                continue
            kind = {"A": "added", "D": "deleted"}.get(patch.delta.status_char(), "modified")
            path = patch.delta.old_file.path if kind == "deleted" else patch.delta.new_file.path
            text = "" if patch.delta.is_binary else patch.data.decode("utf-8", "replace")
            changes.append(FileChange(path, kind, text))
        return tuple(sorted(changes, key=lambda change: change.path))

    # ---- writing

    def commit(
        self,
        *,
        parent: str,
        edits: Mapping[str, bytes | None],
        author: tuple[str, str],
        message: str,
        when: datetime,
        committer: tuple[str, str] | None = None,
    ) -> str:
        """Commit `edits` (path → content, None removes) on top of `parent`, and move main to it if main is still
        at `parent`. Raises HeadMoved, NothingToCommit, UnsafeGitName, RepositoryBusy; main stays in each case."""
        if (found := self.head()) != parent:
            raise HeadMoved(parent, found)
        sha = self.write_commit(
            parent=parent, edits=edits, author=author, message=message, when=when, committer=committer
        )
        self.move_main(parent, sha)
        return sha

    def write_commit(
        self,
        *,
        parent: str,
        edits: Mapping[str, bytes | None],
        author: tuple[str, str],
        message: str,
        when: datetime,
        committer: tuple[str, str] | None = None,
    ) -> str:
        """The same commit without moving main, for a branch that is pushed to a remote."""
        return self._store(parent, edits, author, committer or author, message, when)

    def rebase(self, base: str, edits: Mapping[str, bytes | None], onto: str) -> dict[str, bytes | None]:
        """The edits that do to `onto` what `edits` do to `base`; empty if it has them already. Raises CannotRebase
        where both sides changed the same place."""
        ours = self._edited_tree(base, edits)
        theirs = self._commit(onto).tree.id
        merged = self.git.merge_trees(self._commit(base).tree.id, ours, theirs, flags=MergeFlag(0))
        if merged.conflicts is not None:
            sides = [side for conflict in merged.conflicts for side in conflict if side is not None]
            raise CannotRebase(tuple(sorted({side.path for side in sides})))
        there = pygit2.Index()
        there.read_tree(self._commit(onto).tree)
        rebased: dict[str, bytes | None] = {}
        for path in edits:
            made = merged[path].id if path in merged else None
            if made != (there[path].id if path in there else None):
                rebased[path] = None if made is None else self._data(made)
        return rebased

    def move_main(self, expected: str | None, sha: str) -> None:
        """Move main from `expected` (None: it must not exist) to `sha`, or raise HeadMoved or RepositoryBusy."""
        commit = self._commit(sha)
        with hold(self.path, self.lock_seconds) as holder:

            def attempt() -> bool:
                return self._try_to_move(expected, commit.id)

            reason = "Git's own lock on main is held by another program"
            try:
                retry(attempt, self.lock_seconds / 2 if holder.last_one_died else self.lock_seconds, reason)
            except RepositoryBusy:
                if not holder.last_one_died:
                    raise
                (self.path / f"{MAIN}.lock").unlink(missing_ok=True)
                retry(attempt, self.lock_seconds / 2, reason)

    def _try_to_move(self, expected: str | None, target: pygit2.Oid) -> bool:
        """One compare-and-set; False while Git's lock on main is taken."""
        found = self._main()
        if found != expected:
            raise HeadMoved(expected or "nothing", found or "nothing")
        try:
            if expected is None:
                self.git.references.create(MAIN, target)
            else:
                self.git.references[MAIN].set_target(target)
        except (pygit2.GitError, OSError, ValueError):
            # Either somebody moved main between our look and theirs, or the lock file is there.
            if (found := self._main()) != expected:
                raise HeadMoved(expected or "nothing", found or "nothing") from None
            if not (self.path / f"{MAIN}.lock").exists():
                raise
            return False
        return True

    def _store(
        self,
        parent: str | None,
        edits: Mapping[str, bytes | None],
        author: tuple[str, str],
        committer: tuple[str, str],
        message: str,
        when: datetime,
    ) -> str:
        tree = self._edited_tree(parent, edits)
        if parent is not None and tree == self._commit(parent).tree.id:
            raise NothingToCommit(f"nothing in {parent[:12]} would change")
        if "\0" in message or not message.strip():
            raise ValueError("a commit needs a message without NUL")
        people = [signature(person, when) for person in (author, committer)]
        parents = [] if parent is None else [pygit2.Oid(hex=parent)]
        return str(self.git.create_commit(None, people[0], people[1], message, tree, parents))

    def _edited_tree(self, parent: str | None, edits: Mapping[str, bytes | None]) -> pygit2.Oid:
        index = pygit2.Index()
        if parent is not None:
            index.read_tree(self._commit(parent).tree)
        for path in sorted(edits, key=lambda path: (edits[path] is not None, path)):
            data = edits[check_tree_path(path)]
            if data is None:
                if path in index:
                    index.remove(path)
                continue
            mode = index[path].mode if path in index else FileMode.BLOB
            if mode not in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE):
                raise DefinitionError((_not_a_file(path),))
            _refuse_file_over_directory(index, path)
            index.add(pygit2.IndexEntry(path, self.git.create_blob(data), mode))
        return index.write_tree(self.git)

    # ---- pieces

    def _main(self) -> str | None:
        try:
            return str(self.git.references[MAIN].target)
        except KeyError:
            return None

    def _commit(self, sha: str) -> pygit2.Commit:
        found = self.git.get(sha) if _SHA.fullmatch(sha) else None
        if not isinstance(found, pygit2.Commit):
            raise UnknownRevision(f"the definition has no commit {sha[:40]!r}")
        return found

    def _entries(self, tree: pygit2.Tree, prefix: str = "") -> Iterator[tuple[str, pygit2.Object]]:
        for entry in tree:
            path = prefix + (entry.raw_name or b"").decode("utf-8", "surrogateescape")
            if isinstance(entry, pygit2.Tree):
                yield from self._entries(entry, f"{path}/")
            else:
                yield path, entry

    def _data(self, blob: pygit2.Oid) -> bytes:
        found = self.git[blob]
        if not isinstance(found, pygit2.Blob):
            raise TypeError(f"{blob} is not the content of a file")
        return found.data

    def _refusal(self, path: str, entry: pygit2.Object) -> Problem | None:
        shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        if shown != path:
            return Problem(shown, None, "a file name is not UTF-8.", "Rename the file.")
        if entry.filemode not in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE):
            return _not_a_file(path)
        kind, size = self.git.odb.read_header(entry.id)
        if kind == ObjectType.BLOB and size <= MAX_FILE_BYTES:
            return None
        message = f"the file is larger than {MAX_FILE_BYTES // 2**20} MiB."
        return Problem(path, None, message, "Keep large files in packages.")


def _not_a_file(path: str) -> Problem:
    message = "this is a symbolic link or a submodule; only plain files are read."
    return Problem(
        path, None, message, "Put the file itself here; to have a link on hosts, declare it under symlinks."
    )


def _refuse_file_over_directory(index: pygit2.Index, path: str) -> None:
    """Git's index would drop the files in the way without a word."""
    parts = path.split("/")
    above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
    if blocking := next((parent for parent in above if parent in index), None):
        raise ValueError(f"{path} can't be added: {blocking} is a file")
    if any(entry.path.startswith(f"{path}/") for entry in index):
        raise ValueError(f"{path} can't be added: it is a directory")
