"""What a survey of paths knows so far, and what may be concluded from it."""

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.collector import reasons
from deployments.collector.question import Limits, Question
from deployments.collector.reasons import reason
from deployments.collector.wire import Reply
from deployments.core.content_digests import NO_KEY, keyed_digest
from deployments.core.redaction import is_secret_path, secret_digest
from deployments.core.states import Present, State, Unknown
from deployments.kinds.base import Findings
from deployments.kinds.directories import directory_data
from deployments.kinds.files import CONTENT_ATTRIBUTES, file_data
from deployments.kinds.path_batches import ancestors, outermost, usable
from deployments.kinds.path_entries import Entry, GarbledError, Names, Records, parse_records
from deployments.kinds.symlinks import symlink_data

PATH_KINDS = frozenset({"file", "directory", "symlink"})


@dataclass
class Scene:
    """Shared by the steps of one survey of one host."""

    question: Question
    limits: Limits
    hmac_key: bytes | None
    found: Findings = field(default_factory=Findings)
    resources: dict[str, list[str]] = field(default_factory=dict)
    """Path → ids of the resources there; undeclared ones are added when they are found."""
    exhaustive: list[str] = field(default_factory=list)
    above: set[str] = field(default_factory=set)
    """Directories above anything that is asked about."""
    entries: dict[str, Entry] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    """Directories above that are symbolic links → where they lead, "outside" or "broken"."""
    roots: list[str] = field(default_factory=list)
    """Watched roots that lie in no other one, nor in an exhaustive directory."""
    watched: set[str] = field(default_factory=set)
    """Paths that are only looked at because they are below one."""
    wanted: dict[str, list[str]] = field(default_factory=dict)
    """SHA-256 of a content that is wanted → the paths that have it. Never leaves the survey."""
    keeping: dict[str, list[str]] = field(default_factory=dict)
    """The same for what is fetched only to be kept."""
    rights: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Path → its `acl` and `capabilities`, if it has any."""
    unproven: dict[str, str] = field(default_factory=dict)
    """Path → why it is not known whether it has any."""
    recalled: set[str] = field(default_factory=set)
    """Paths whose state is that of an earlier look."""
    packages_failed: bool = False
    """Whether it was asked in vain what packages shipped."""
    tree_sums: dict[str, bytes] = field(default_factory=dict)
    """The digest of each complete listing of an exhaustive directory."""
    unread: dict[bytes, str] = field(default_factory=dict)
    """What could not be read below one, with the reason."""
    names: Names | None = None
    blind: str | None = reasons.NOT_ASKED
    """Why nothing that was listed may be used: we don't know where the links above lead."""

    def __post_init__(self) -> None:
        for resource in self.question.resources:
            kind, _, path = resource.partition(":")
            if kind not in PATH_KINDS:
                continue
            if usable(path):
                self.resources.setdefault(path, []).append(resource)
                self.found.states[resource] = Unknown(reasons.NOT_ASKED)
            else:
                self.found.states[resource] = Unknown(reason(reasons.NOT_SUPPORTED, "path"))
        self.exhaustive = outermost(path for path in self.question.exhaustive if usable(path))
        for path in self.question.exhaustive:
            known = reasons.NOT_ASKED if usable(path) else reason(reasons.NOT_SUPPORTED, "path")
            self.found.listed[path] = known
        self._place_roots()
        asked = (*self.resources, *self.exhaustive, *self.roots)
        self.above = {above for path in asked for above in ancestors(path)}

    def _place_roots(self) -> None:
        given = self.question.roots.paths
        for path in given:
            why = reasons.NOT_ASKED if usable(path) else reason(reasons.NOT_SUPPORTED, "path")
            self.found.listed.setdefault(path, why)
        self.roots = [
            path
            for path in outermost(path for path in given if usable(path))
            if path not in self.exhaustive and not inside(path, self.exhaustive)
        ]

    def set(self, path: str, state: State) -> None:
        for resource in self.resources.get(path, ()):
            self.found.states[resource] = state

    def set_unknown(self, path: str, why: str) -> None:
        self.set(path, Unknown(why))

    def state(self, path: str, content: Mapping[str, str] | None = None) -> State:
        """The state that an entry shows. `content` is `{"sha256": …}` or `{"hmac": …}` for a file that was read."""
        entry = self.entries[path]
        if path in self.unproven:
            return Unknown(self.unproven[path])
        if entry.type == "f":
            return Present({**file_data(entry, dict(content or {})), **self.rights.get(path, {})})
        if entry.type == "d":
            return Present({**directory_data(entry), **self.rights.get(path, {})})
        if entry.type == "l":
            if entry.target is None:
                return Unknown(reasons.CHANGED)
            try:
                return Present(symlink_data(entry, entry.target.decode("utf-8")))
            except UnicodeDecodeError:
                return Unknown(reasons.NOT_TEXT_NAME)
        return Present({"type": "other", "owner": entry.owner, "group": entry.group, "mode": entry.mode_text})

    def content_state(self, path: str, sha256: str) -> State:
        """The state of a file whose digest is proven. That of a secret path becomes a keyed HMAC here."""
        if not self.is_secret(path):
            return self.state(path, {"sha256": sha256})
        if self.hmac_key is None:
            return Unknown(reason(reasons.SECRET, "no key to compare it with"))
        return self.state(path, {"hmac": secret_digest(self.hmac_key, sha256)})

    def keyed(self, sha256: str) -> str:
        """The digest of a content that may hold a secret; without a key, a name for none."""
        return "" if self.hmac_key is None else keyed_digest(self.hmac_key, sha256)

    def keyed_state(self, path: str, sha256: str) -> State:
        """The state of a file whose content may hold a secret."""
        keyed = self.keyed(sha256)
        return self.state(path, {"sha256": keyed}) if keyed else Unknown(NO_KEY)

    def may_recall(self, path: str, state: State | None, wanted: Callable[[str, State], bool]) -> bool:
        """Whether the state of an earlier look holds, where the entry has not moved since: its owner is still called the
        same, it has all that is asked for now, and nobody wants its text."""
        entry = self.entries[path]
        if not isinstance(state, Present) or entry.type not in "fd":
            return False
        if (state.data.get("owner"), state.data.get("group")) != (entry.owner, entry.group):
            return False
        if entry.type == "d":
            return state.data.get("type") == "directory"
        if state.data.get("type") != "file":
            return False
        digest = state.data.get("sha256") or state.data.get("hmac")
        if not self.content_matters(path):
            return digest is None
        if digest is None or ("hmac" in state.data) is not self.is_secret(path):
            return False
        if digest in self.question.secret_contents or inside(path, self.question.roots.first):
            return False
        if path in self.watched:
            before = self.question.roots.agreed.get(self.resources[path][0])
            return state == before or digest in self.question.roots.kept
        return not any(wanted(resource, state) for resource in self.resources.get(path, ()))

    def content_matters(self, path: str) -> bool:
        for resource in self.resources.get(path, ()):
            attributes = self.question.resources.get(resource)  # None for what nobody declared: all of it
            if attributes is None or attributes & CONTENT_ATTRIBUTES:
                return True
        return False

    def is_secret(self, path: str) -> bool:
        return path in self.question.secret_files or is_secret_path(path, self.question.secret_paths)

    def barred(self, path: str) -> str | None:
        """Why what is seen at a path may not be used, by where the links above it lead."""
        if self.blind:
            return self.blind
        if not self.links:
            return None
        for above in reversed(ancestors(path)):
            leads = self.links.get(above)
            if leads is None:
                continue
            if leads == "outside" or (leads == "broken" and self.names is not None and self.names.rooted):
                return reasons.OUTSIDE_ROOT
            if leads != "broken":
                real = posixpath.normpath(f"/{leads}/{path[len(above) :]}")
                if self.is_secret(real) and not self.is_secret(path):
                    return reason(reasons.SECRET, "reached through a symbolic link")
            return None
        return None


def inside(path: str, directories: Iterable[str]) -> bool:
    """Whether a path lies below one of `directories`."""
    return any(path.startswith(directory.rstrip("/") + "/") for directory in directories)


def wire_name(path: str) -> bytes:
    """A path as it comes back in records."""
    return path.encode("utf-8", "surrogateescape")


def records_of(reply: Reply, asked: set[bytes] | None = None) -> tuple[Records, str | None]:
    """The records of a reply and None, or nothing and the reason. With `asked`, only those may be named."""
    if reply.failure:
        return Records(), reply.failure
    try:
        records = parse_records(reply.body)
    except GarbledError as error:
        return Records(), reason(reasons.GARBLED, error)
    if asked is not None and not records.paths <= asked:
        return Records(), reason(reasons.GARBLED, "a path that was not asked")
    return records, None
