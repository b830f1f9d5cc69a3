"""What may be handed to Git: addresses of remotes, names of branches, paths in a tree, names of people.

Each check raises UnsafeGitName with the reason. An address or a branch may come from a form, a webhook or a
configuration file, and Git has ways to run programs from both.
"""

import re
from urllib.parse import urlsplit

MAX_LENGTH = 2048
_HOST = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_SCP_LIKE = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>[^@/:\[\]]+):(?P<path>[^:].*)")
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")
_GIT_DIRECTORY = re.compile(r"\.git[ .]*|git~[0-9]+", re.IGNORECASE)


class UnsafeGitName(ValueError):
    """An address, branch, path or name that Git must not be given; the message says what is wrong with it."""


def check_url(url: str, *, allow_file: bool = False) -> str:
    """`url` itself if it is https, ssh (also as user@host:path) or, where allowed, an absolute local path."""
    if not url or len(url) > MAX_LENGTH:
        raise UnsafeGitName("the address of the remote is empty or too long")
    if not url.isprintable() or " " in url or "\\" in url:
        raise UnsafeGitName("the address of the remote holds spaces, backslashes or control characters")
    if url.startswith("-"):
        raise UnsafeGitName(
            "the address of the remote begins with '-', so a program could take it for an option"
        )
    if url.startswith(("/", "file://")):
        return _check_file(url, allow_file)
    if "://" in url:
        return _check_network(url)
    match = _SCP_LIKE.fullmatch(url)
    if match is None or "::" in url:
        raise UnsafeGitName(f"'{url}' is not an https or ssh address")
    _check_host(match["host"])
    _check_user(match["user"])
    _check_path(match["path"])
    return url


def _check_file(url: str, allowed: bool) -> str:
    if not allowed:
        raise UnsafeGitName("a remote on this machine's own disk is not allowed here")
    path = url.removeprefix("file://")
    if not path.startswith("/") or ".." in path.split("/") or "%" in path:
        raise UnsafeGitName("a local remote must be an absolute path without '..'")
    return url


def _check_network(url: str) -> str:
    try:
        parts = urlsplit(url)
        port, user, password, host = parts.port, parts.username, parts.password, parts.hostname or ""
    except ValueError as error:
        raise UnsafeGitName(f"the address of the remote can't be read: {error}") from None
    if parts.scheme not in ("https", "ssh"):
        raise UnsafeGitName(f"'{parts.scheme}' is not allowed for a remote; use https or ssh")
    if password is not None or (parts.scheme == "https" and user is not None):
        raise UnsafeGitName("the address of the remote holds a credential; store it as a credential instead")
    if parts.query or parts.fragment or port == 0:
        raise UnsafeGitName("the address of the remote holds a query, a fragment or a port of 0")
    _check_host(f"[{host}]" if ":" in host else host)
    _check_user(user)
    _check_path(parts.path)
    return url


def _check_host(host: str) -> None:
    if not _HOST.fullmatch(host):
        raise UnsafeGitName(f"'{host}' is not the name of a host")


def _check_user(user: str | None) -> None:
    if user is not None and not _USER.fullmatch(user):
        raise UnsafeGitName(f"'{user}' is not the name of a user")


def _check_path(path: str) -> None:
    if not path.strip("/") or path.lstrip("/~").startswith("-") or ".." in path.split("/"):
        raise UnsafeGitName(f"'{path}' is not the path of a repository")


def check_branch(name: str) -> str:
    """`name` itself if it is a plain branch name, without `refs/heads/`."""
    parts = name.split("/")
    if (
        not _BRANCH.fullmatch(name)
        or ".." in name
        or any(not part or part[0] in ".-" or part.endswith((".lock", ".")) for part in parts)
        or parts[0] == "refs"
    ):
        raise UnsafeGitName(f"'{name}' is not a name for a branch")
    return name


def check_tree_path(path: str) -> str:
    """`path` itself if a file can lie there in a tree without harm to who checks it out."""
    parts = path.split("/")
    if not path or len(path) > MAX_LENGTH or not path.isprintable() or "\\" in path:
        raise UnsafeGitName(f"{path!r} is not a path for a file of the definition")
    if any(part in ("", ".", "..") or _GIT_DIRECTORY.fullmatch(part) for part in parts):
        raise UnsafeGitName(f"'{path}' is not a path for a file of the definition")
    return path


def clean_person(name: str, email: str) -> tuple[str, str]:
    """Name and address without what would break out of a commit's header."""
    cleaned = tuple(re.sub(r"[<>\x00-\x1f\x7f]", " ", part).strip(" .,:;'\"") for part in (name, email))
    if not all(cleaned):
        raise UnsafeGitName("a commit needs the name and the mail address of its author")
    return cleaned[0], cleaned[1]
