"""What is asked of a host, what comes back, and how much of it we are ready to take. Values only."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deployments.collector import reasons
from deployments.core.redaction import DEFAULT_SECRET_PATHS
from deployments.core.states import ABSENT, UNDECLARED, Present, State, Unknown
from deployments.traces.base import Traces


@dataclass(frozen=True)
class Limits:
    """Bounds on one host, which is hostile until proven otherwise. Sizes in bytes, times in seconds.

    What exceeds a bound is unknown ("over limit", "timed out"), never absent.
    """

    connect_seconds: float = 15.0
    session_seconds: float = 120.0
    output_bytes: int = 32 * 1024 * 1024
    """All answers of one host together."""
    entries: int = 50_000
    """Entries listed below exhaustive directories, together."""
    undeclared: int = 1_000
    """Undeclared entries among them. Each becomes a finding: more than this is an accident, not somebody's edits."""
    hash_file_bytes: int = 1024**3
    hash_total_bytes: int = 16 * 1024**3
    content_file_bytes: int = 256 * 1024
    content_total_bytes: int = 2 * 1024 * 1024
    watched: int = 20_000
    """Entries below watched roots, together, without those that are left out."""
    watched_file_bytes: int = 64 * 1024 * 1024
    watched_total_bytes: int = 1024**3
    kept_file_bytes: int = 64 * 1024
    """Of a file below a watched root, to have the text of what was agreed when it changes; and of all on one host."""
    kept_total_bytes: int = 4 * 1024 * 1024


@dataclass(frozen=True)
class WatchedRoots:
    """Directories below which everything is looked at, whoever declared it, and what is known of them already.

    `sections` are those that are watched: what they say is no file's to say (`deployments.core.left_out_paths`).
    `agreed` has the states agreed at earlier looks, by resource, of more than these directories; `first` are the
    directories that had no complete look yet, whose texts are worth keeping. `kept` holds the digests of texts that
    are kept already, in either form; it may grow while hosts are looked at.
    """

    paths: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    agreed: Mapping[str, State] = field(default_factory=dict)
    first: frozenset[str] = frozenset()
    kept: Container[str] = frozenset()


@dataclass(frozen=True)
class Question:
    """What we want to know of one host.

    `resources` maps resource ids to the attributes that matter (None: all of them); a file is only read when
    its content matters. `exhaustive` directories are listed with everything below them. `secret_paths` are
    patterns as in `deployments.core.redaction`. `watched` are kinds that are listed whole ("package"), declared or not.
    """

    resources: Mapping[str, frozenset[str] | None]
    exhaustive: tuple[str, ...] = ()
    secret_paths: tuple[str, ...] = DEFAULT_SECRET_PATHS
    secret_files: frozenset[str] = frozenset()
    """Paths that are secret besides, as they are: no patterns."""
    secret_contents: frozenset[str] = frozenset()
    """SHA-256 of contents that are declared and hold a secret: what has one of them is compared by a keyed digest."""
    watched: frozenset[str] = frozenset()
    roots: WatchedRoots = WatchedRoots()
    packages: bool = False
    """Whether to ask what packages shipped although nothing below a watched root moved."""

    @classmethod
    def of(cls, resources: Iterable[str], exhaustive: Iterable[str] = (), **rest: Any) -> "Question":
        """A question about everything of the given resources."""
        return cls(dict.fromkeys(resources), tuple(exhaustive), **rest)

    @classmethod
    def for_manifest(cls, manifest: Any, **rest: Any) -> "Question":
        """A question about what a `DesiredManifest` declares, and no more of each than it declares.

        Of what should be absent or can't be decided, everything is asked: what is there instead matters then.
        """
        resources = {
            name: frozenset(wanted.attributes) if isinstance(wanted.state, Present) else None
            for name, wanted in manifest.resources.items()
        }
        secret_files = frozenset(manifest.secret_paths) | frozenset(rest.pop("secret_files", ()))
        rest.setdefault("watched", frozenset(manifest.watched))
        rest.setdefault("roots", WatchedRoots(tuple(manifest.roots), first=frozenset(manifest.roots)))
        return cls(resources, tuple(manifest.exhaustive), secret_files=secret_files, **rest)


@dataclass(frozen=True)
class Memory:
    """What a look leaves behind, so that the next quick one need not look at what has not moved.

    A *section* is what a quick look gets one digest of: "about", "paths", each verb of a listed kind. `sums` has those
    that were proven: section → 32 hex digits, of what was asked and what was answered. `stats` has 8 bytes for each
    bucket of paths: of their `lstat`. `rest` is, by section, what states don't say (JSON): see `Observation`.
    """

    sums: Mapping[str, str]
    stats: bytes = b""
    rest: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Recalled:
    """A memory with the states that were recorded with it."""

    memory: Memory
    states: Mapping[str, State]

    def observation(self) -> "Observation":
        """What was seen then, once more: for a host where nothing has moved."""
        rest = self.memory.rest.values()
        return Observation(
            states=self.states,
            listed={path: why for part in rest for path, why in part.get("listed", {}).items()},
            implied=frozenset(name for part in rest for name in part.get("implied", ())),
            redacted={name: count for part in rest for name, count in part.get("redacted", {}).items()},
            unseen={name: why for part in rest for name, why in part.get("unseen", {}).items()},
            shipped=frozenset(path for part in rest for path in part.get("shipped", ())),
            problems=tuple(problem for part in rest for problem in part.get("problems", ())),
            memory=self.memory,
            recalled=frozenset(self.states),
        )


@dataclass(frozen=True)
class Observation:
    """What one look at one host showed.

    `states` has every resource that was asked about, and every undeclared entry below exhaustive directories.
    `evidence` per resource: size, mtime, ctime (host's clock), inode, device, links, uid, gid; not state.
    `contents` by the digest that the states have: the SHA-256 of the original, or `hmac:…` where it holds a secret or
    could not be read (see `deployments.core.content_digests`); text, redacted on arrival. `redactions` counts what was
    replaced in each, and what has any must never be folded back. `withheld` says why a wanted content is not there.
    `listed` per exhaustive directory, and per mount point below one: None when its listing is complete, else
    the reason why what is not listed there is unknown; per watched kind the same under its name with a colon
    ("package:"). `redacted` counts, by resource, what was taken out of a state because it looked like a secret:
    such a state is compared, and never folded back. `implied` are undeclared directories that hold declared resources.
    `unseen` are attributes of files and directories that no tool of the host tells ("acl", "capabilities"), with the
    reason: a state without one says nothing of it.
    Watched roots are in `listed` too, as are directories below one that could not be read. `shipped` are files there
    whose content is as their package brought it, `packaged` the paths that belong to packages; None where that was
    not asked, because nothing was new or different, or can't be told.
    `traces` are of people at work there; None where they were not asked for. `clock_offset` is host minus ours, in seconds. `problems` are for people: one printable line each.
    `failure` is why the answer as a whole is incomplete, None when nothing was cut short. `recalled` are resources whose
    state is that of an earlier look, since they have not moved: nothing else is said about them here. `memory` is what
    to remember with these states; None where nothing may be.
    """

    states: Mapping[str, State]
    evidence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict)
    redactions: Mapping[str, int] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)
    listed: Mapping[str, str | None] = field(default_factory=dict)
    implied: frozenset[str] = frozenset()
    redacted: Mapping[str, int] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)
    shipped: frozenset[str] | None = None
    packaged: frozenset[str] | None = None
    clock_offset: float | None = None
    traces: Traces | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    failure: str | None = None
    recalled: frozenset[str] = frozenset()
    memory: Memory | None = None

    def beside(self, unmoved: "Observation") -> "Observation":
        """This look together with the part of an earlier one that it did not repeat."""
        return replace(
            self,
            states={**unmoved.states, **self.states},
            listed={**unmoved.listed, **self.listed},
            implied=self.implied | unmoved.implied,
            redacted={**unmoved.redacted, **self.redacted},
            unseen={**unmoved.unseen, **self.unseen},
            shipped=unmoved.shipped if self.shipped is None else self.shipped,
            problems=(*unmoved.problems, *self.problems),
            recalled=unmoved.recalled,
        )

    def state_of(self, resource: str) -> State:
        """The state of any resource, asked about or not.

        Below a completely listed directory what is not there is absent, and below an incompletely listed one
        it is unknown. This is what a finding about an undeclared file is compared with.
        """
        if resource in self.states:
            return self.states[resource]
        if resource in self.implied:
            return UNDECLARED
        kind, _, path = resource.partition(":")
        if (whole := f"{kind}:") in self.listed:
            why = self.listed[whole]
            return ABSENT if why is None else Unknown(why)
        while path.startswith("/") and path != "/":
            path = path.rpartition("/")[0] or "/"
            if path in self.listed:
                why = self.listed[path]
                return ABSENT if why is None else Unknown(why)
        return Unknown(self.failure or reasons.NOT_ASKED)

    def unknown(self) -> dict[str, str]:
        """Resource → reason, for all that could not be seen."""
        return {name: state.reason for name, state in self.states.items() if isinstance(state, Unknown)}
