"""What must never be stored in plain: secret paths by name, secret tokens by shape.

Two independent nets. A *secret path* is known before anything is read: its content is never asked for and its
digest is kept only as a keyed HMAC. *Redaction* is the second net, for secrets inside ordinary files. Both are
on from the first day. Every expression here is bounded, so that a hostile file costs time linear in its size.
"""

import hashlib
import hmac
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from deployments.core.secret_commands import hide_in_commands
from deployments.core.secret_paths import DEFAULT_SECRET_PATHS
from deployments.core.secret_shapes import hide, redact_shapes


@dataclass(frozen=True)
class Redacted:
    """`text` with every secret replaced by a visible placeholder; `count` of the replacements made."""

    text: str
    count: int


def is_secret_path(path: str, patterns: Iterable[str] = DEFAULT_SECRET_PATHS) -> bool:
    """Whether `path` (absolute, on a host) may only ever be compared by keyed HMAC.

    `*` and `?` stay within one name, `**` spans any number of directories, `[…]` is a set. A pattern without
    a slash matches the last name in any directory. The last pattern that matches decides, and one that begins
    with `!` says no; what comes after the defaults can therefore only narrow them by naming it. What is left of a
    secret file under another name (`shadow-`, `server.key~`, `.env.bak`, `.id_rsa.swp`) is as secret.
    """
    given = tuple(patterns)
    return _is_secret(path, given) or ((kept := _copied_from(path)) != path and _is_secret(kept, given))


@lru_cache(maxsize=65536)  # a fleet asks about the same paths on every host
def _is_secret(path: str, patterns: tuple[str, ...]) -> bool:
    normal = posixpath.normpath("/" + path.lstrip("/")).casefold()
    secret = False
    name = normal.rpartition("/")[2]
    for exempt, names, paths in _grouped(patterns):
        if exempt == secret and (names.fullmatch(name) or paths.fullmatch(normal)):
            secret = not exempt
    return secret


_COPY = re.compile(
    r"(?:~|-|#|\.~\d{1,4}~|\.(?:bak|backup|old|orig|save|saved|copy|tmp|new|sw[a-p]|rpmsave|rpmnew|rpmorig|(?:dpkg|ucf)-\w{1,8}|\d{1,14}))+\Z",
    re.IGNORECASE,
)


def _copied_from(path: str) -> str:
    """The path without what editors, package managers and people put around a name to keep what was there."""
    folder, slash, name = path.rpartition("/")
    plain = _COPY.sub("", name)
    if plain != name:
        plain = plain.removeprefix("#")
        if name.startswith(".") and re.search(r"\.sw[a-p]\Z", name):
            plain = plain.removeprefix(".")
    return f"{folder}{slash}{plain}" if plain else path


@lru_cache(maxsize=256)
def _grouped(patterns: tuple[str, ...]) -> tuple[tuple[bool, re.Pattern[str], re.Pattern[str]], ...]:
    """For each run of patterns that all exempt or all don't: which, and what matches a name and a whole path."""
    groups = []
    for exempt, run in groupby(patterns, key=lambda pattern: pattern.startswith("!")):
        given = [pattern.removeprefix("!").casefold() for pattern in run]
        names = [_glob_to_regex(pattern) for pattern in given if "/" not in pattern]
        paths = [_glob_to_regex("/" + pattern.removeprefix("/")) for pattern in given if "/" in pattern]
        groups.append((exempt, _any_of(names), _any_of(paths)))
    return tuple(groups)


def _any_of(expressions: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(expressions) or r"(?!)", re.DOTALL)


def redact(text: str) -> Redacted:
    """Replace what looks like a secret: keys, passwords in assignments and URLs, tokens of known shape."""
    text, shapes = redact_shapes(text)
    text, commands = hide_in_commands(text, hide)
    return Redacted(text, shapes + commands)


def redact_command(text: str) -> Redacted:
    """The same for a line that a host shows of what runs or is to run there: cron, sudo, units, processes, containers.

    Give it whole command lines or `NAME=value` pairs, arguments joined as a shell would take them (`shlex.join`).
    Nothing that a host says of commands may be stored before it went through here.
    """
    return redact(text)


def keyed_hmac(key: bytes, data: bytes | str) -> str:
    """HMAC-SHA-256 in hex. Raises ValueError for a key of fewer than 16 bytes: it could be guessed."""
    return hmac.new(
        checked_key(key), data.encode() if isinstance(data, str) else data, hashlib.sha256
    ).hexdigest()


_SECRET_NAME = re.compile(
    r"(?<![\w.-])secret:(?=[ \t]{1,10}[\"']?[A-Za-z][\w./-]{0,99}[\"']?[ \t]{0,20}(?:[,}#\n]|\Z))"
)
_NAMED = "\ue000:"  # a character of nobody's


def redact_definition(text: str) -> Redacted:
    """The same for a file of the definition, or a patch of one: `secret: db-password` only names a secret there."""
    redacted = redact(_SECRET_NAME.sub(_NAMED, text.replace(_NAMED[0], "")))
    return Redacted(redacted.text.replace(_NAMED, "secret:"), redacted.count)


def checked_key(key: bytes) -> bytes:
    """The key itself. Raises ValueError where it is so short that it could be guessed."""
    if len(key) < 16:
        raise ValueError("the HMAC key must have at least 16 bytes")
    return key


def secret_digest(key: bytes, sha256: str) -> str:
    """The `hmac` attribute of a secret path, from the SHA-256 (hex) of its content.

    A host sends the SHA-256; we keep only this, so that a stolen database gives nothing to try passwords on.
    """
    return keyed_hmac(key, sha256.lower())


def secret_content_digest(key: bytes, content: bytes) -> str:
    """The same `hmac` attribute from the content itself, for what a definition wants."""
    return secret_digest(key, hashlib.sha256(content).hexdigest())


def _glob_to_regex(glob: str) -> str:
    out, at = [], 0
    while at < len(glob):
        if glob.startswith("/**/", at):
            out.append("/(?:[^/]+/)*")
            at += 4
        elif glob.startswith("**", at):
            out.append(".*")
            at += 2
        elif glob[at] == "*":
            out.append("[^/]*")
            at += 1
        elif glob[at] == "?":
            out.append("[^/]")
            at += 1
        elif glob[at] == "[" and (end := glob.find("]", at + 2)) > 0:
            body = glob[at + 1 : end]
            negated = body[0] in "!^"
            body = re.sub(r"([\\\[\]^&~|])", r"\\\1", body[1:] if negated else body)
            out.append(f"(?!/)[{'^' if negated else ''}{body}]")
            at = end + 1
        else:
            out.append(re.escape(glob[at]))
            at += 1
    return "".join(out)
