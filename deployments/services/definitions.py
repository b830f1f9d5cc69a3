"""The definition's repository: made, brought up to its remote, committed to.

All of this is I/O (Git, the network): never call it inside a transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pygit2
from django.conf import settings

from common import clock
from common.core.errors import Conflict
from deployments.core.definition.model import DefinitionError
from deployments.core.definition.parse import parse_definition
from deployments.core.errors import DefinitionBroken, DefinitionUnavailable
from deployments.core.starter import STARTER
from deployments.queries.definitions import repository
from deployments.repository import DefinitionRepository, HeadMoved, RepositoryBusy, RepositoryMissing
from deployments.repository_remote import PushRefused, Remote, RemoteFailure, fetch, push

FOLDBACK = ("Foldback", "foldback@localhost")


def remote() -> Remote | None:
    """Where the definition's truth is, when it is not our own repository (DEFINITION_URL)."""
    if not settings.DEFINITION_URL:
        return None
    return Remote(
        settings.DEFINITION_URL,
        allow_file=not settings.PRODUCTION,
        credentials=_credentials(settings.DEFINITION_URL),
    )


def _credentials(url: str) -> Any:
    """What pygit2 signs in with: a token for https, a private key for ssh; None where neither is set."""
    if url.startswith("https://") and settings.DEFINITION_TOKEN:
        return pygit2.UserPass("foldback", settings.DEFINITION_TOKEN)
    if settings.DEFINITION_SSH_KEY and not url.startswith("https://"):
        user = url.removeprefix("ssh://").partition("@")[0] if "@" in url else "git"
        return pygit2.Keypair(user, f"{settings.DEFINITION_SSH_KEY}.pub", settings.DEFINITION_SSH_KEY, "")
    return None


def create_definition(
    *, files: Mapping[str, bytes] | None = None, message: str = "Begin the definition"
) -> str:
    """Make the repository with one commit of `files` (default: a starter that declares nothing); returns it.

    Raises DefinitionBroken for files with problems, and Conflict where there is a definition already.
    """
    files = STARTER if files is None else files
    try:
        parse_definition(files)
    except DefinitionError as error:
        raise DefinitionBroken("its beginning", error.problems) from error
    path = Path(settings.DEFINITION_PATH)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return DefinitionRepository.create(path, files, FOLDBACK, message, when=clock.now()).head()
    except (FileExistsError, HeadMoved):
        raise Conflict(f"There is a definition at {path} already; nothing was changed.") from None


def ensure_definition() -> str:
    """The head; where there is no repository yet, one is made: from the remote when there is one, else a starter."""
    try:
        return repository().head()
    except (DefinitionUnavailable, RepositoryMissing):
        pass
    if remote() is not None:
        return fetch_definition()
    try:
        return create_definition()
    except Conflict:  # another process was first
        return repository().head()


def fetch_definition() -> str:
    """With a remote, bring our main to it (making our repository first); returns the head.

    Raises DefinitionUnavailable when the remote does not answer, or was rewritten; main stays as it is then.
    """
    where = remote()
    if where is None:
        return repository().head()
    path = Path(settings.DEFINITION_PATH)
    if not (path / "HEAD").exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        pygit2.init_repository(str(path), bare=True, initial_head="main")
    try:
        return fetch(repository(), where)
    except (RemoteFailure, RepositoryBusy) as error:
        raise DefinitionUnavailable(f"The definition could not be fetched: {error}.") from error


@dataclass(frozen=True)
class CommitRequest:
    """What is to be committed; `when` and all else are values, so that the same request makes the same commit."""

    parent: str
    edits: Mapping[str, bytes | None]
    author: tuple[str, str]
    message: str
    when: datetime


def commit_to_definition(request: CommitRequest) -> str:
    """Commit on top of `request.parent` if it is still the head; returns the commit's id.

    With a remote it is pushed (fast-forward only) and counts when it is seen in what we fetch afterwards. Raises
    HeadMoved when the head is another by now, and DefinitionUnavailable when the remote does not take it.
    """
    repo = repository()
    where = remote()
    if where is None:
        return repo.commit(**_arguments(request))
    sha = repo.write_commit(**_arguments(request))
    try:
        push(repo, where, sha)
    except PushRefused as error:
        if (found := fetch_definition()) != request.parent:
            raise HeadMoved(request.parent, found) from error
        raise DefinitionUnavailable(f"The definition's remote refused the commit: {error}.") from error
    except RemoteFailure as error:
        raise DefinitionUnavailable(f"The commit could not be pushed: {error}.") from error
    fetch_definition()
    if not repository().contains(sha):
        raise DefinitionUnavailable("The commit was pushed, but is not on the remote's main.")
    return sha


def _arguments(request: CommitRequest) -> dict[str, Any]:
    return {
        "parent": request.parent,
        "edits": request.edits,
        "author": request.author,
        "committer": FOLDBACK,
        "message": request.message,
        "when": request.when,
    }
