"""A definition whose truth is a remote: its main, once fetched, is the only head.

Fetching moves our main forward or not at all; pushing never forces. Addresses are checked before Git sees them,
and a server that points to another address is not followed there.
SSH host keys are those in the known_hosts file of the user that runs this: an unknown or changed key is refused.
"""

import uuid
from dataclasses import dataclass
from typing import Any

import pygit2
from pygit2.callbacks import RemoteCallbacks

from deployments.core.git_safety import check_branch, check_url
from deployments.repository import MAIN, DefinitionRepository

CONNECT_MILLISECONDS = 15_000
ANSWER_MILLISECONDS = 60_000
MAX_SIGN_IN_ATTEMPTS = 2
_MOVED_ON = ("non-fastforward", "commits that are not present locally")
"""How libgit2 says that a push would need force; pygit2 passes on its words, not its code."""

pygit2.settings.server_connect_timeout = CONNECT_MILLISECONDS
pygit2.settings.server_timeout = ANSWER_MILLISECONDS


class RemoteFailure(Exception):
    """The remote could not be reached, or did not do what was asked; nothing changed on our side."""


class RemoteDiverged(RemoteFailure):
    """The remote's main is not a continuation of ours: somebody rewrote it, and a person has to look."""


class PushRefused(RemoteFailure):
    """The remote's branch has moved on, or its rules refuse the push. Fetch, rebase, try again."""


@dataclass(frozen=True)
class Remote:
    """Where the definition's truth is. `credentials` is what pygit2 signs in with, e.g. a KeypairFromMemory;
    raises UnsafeGitName for an address or branch that Git must not be given."""

    url: str
    branch: str = "main"
    allow_file: bool = False
    credentials: Any = None

    def __post_init__(self) -> None:
        check_url(self.url, allow_file=self.allow_file)
        check_branch(self.branch)


def fetch(repository: DefinitionRepository, remote: Remote) -> str:
    """Bring our main to the remote's and return it; raises RemoteFailure, RemoteDiverged, RepositoryBusy."""
    arrived = f"refs/foldback/fetched/{uuid.uuid4().hex}"
    git = repository.git
    try:
        _anonymous(git, remote).fetch(
            [f"+refs/heads/{remote.branch}:{arrived}"], callbacks=_Callbacks(remote)
        )
        if arrived not in git.references:
            raise RemoteFailure(f"the remote has no branch {remote.branch}")
        target = str(git.references[arrived].target)
        ours = str(git.references[MAIN].target) if MAIN in git.references else None
        if ours == target:
            return target
        if ours is not None and not git.descendant_of(target, ours):
            raise RemoteDiverged(
                f"the remote's {remote.branch} ({target[:12]}) does not continue ours ({ours[:12]})"
            )
        repository.move_main(ours, target)
        return target
    except (pygit2.GitError, OSError, ValueError, KeyError) as error:
        raise RemoteFailure(f"fetching from the remote failed: {error}") from error
    finally:
        if arrived in git.references:
            git.references.delete(arrived)


def push(repository: DefinitionRepository, remote: Remote, sha: str, *, branch: str | None = None) -> None:
    """Push commit `sha` to a branch of the remote (its main one unless named). Never forced; our own main stays
    until the commit is seen by a fetch. Raises PushRefused and RemoteFailure."""
    repository.revision(sha)
    name = check_branch(branch or remote.branch)
    callbacks = _Callbacks(remote)
    try:
        _anonymous(repository.git, remote).push([f"{sha}:refs/heads/{name}"], callbacks=callbacks)
    except (pygit2.GitError, OSError, ValueError, KeyError) as error:
        if any(words in str(error) for words in _MOVED_ON):
            raise PushRefused(f"the remote's {name} has moved on") from error
        raise RemoteFailure(f"pushing to the remote failed: {error}") from error
    if callbacks.refusals:
        raise PushRefused(f"the remote refused {name}: {'; '.join(callbacks.refusals)}")


def _anonymous(git: pygit2.Repository, remote: Remote) -> pygit2.Remote:
    # libgit2 follows the first redirect to any host, and would answer its question for a password.
    if "http.followRedirects" not in git.config or git.config["http.followRedirects"] != "false":
        git.config["http.followRedirects"] = "false"
    return git.remotes.create_anonymous(remote.url)


class _Callbacks(RemoteCallbacks):
    def __init__(self, remote: Remote) -> None:
        super().__init__()
        self.refusals: list[str] = []
        self._credentials = remote.credentials
        self._attempts = 0

    def certificate_check(self, certificate: Any, valid: bool, host: bytes) -> bool:
        # pygit2's own default lets every SSH host key through; libgit2 has looked into known_hosts, so obey it.
        if not valid:
            shown = host.decode("ascii", "replace")
            raise RemoteFailure(
                f"the key or certificate of {shown} is unknown or has changed; nothing was sent to it"
            )
        return True

    def credentials(self, url: str, username_from_url: str | None, allowed_types: Any) -> Any:
        # libgit2 asks again for as long as it is answered, also after a wrong password.
        self._attempts += 1
        if self._credentials is None or self._attempts > MAX_SIGN_IN_ATTEMPTS:
            raise RemoteFailure("the remote wants to be signed in to, and did not accept what we have")
        return self._credentials

    def push_update_reference(self, refname: str, message: str | None) -> None:
        if message is not None:
            self.refusals.append(message)
