"""What is asked of each host of a batch, and what its answer is compared with: little until something has moved there."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from uuid import UUID

import structlog

from deployments.collector.question import Limits, Question, WatchedRoots
from deployments.collector.quick import Quick, Sections
from deployments.core.content_digests import is_keyed
from deployments.core.definition.model import (
    Definition,
    DefinitionError,
    DesiredManifest,
    DesiredResource,
)
from deployments.core.definition.planned import shared_by_layers
from deployments.core.states import Absent, Present, State
from deployments.queries.definitions import definition_at
from drift.scanner import HostResult, Target
from drift.services.contents import desired_to_compare, salt_of_memories
from drift.services.manifests import load_manifests
from drift.services.memories import NOTHING_KNOWN, Known, recalled_for
from drift.services.moved import moved_since
from drift.services.observations import Against
from drift.services.roots import asked_roots, watched_roots
from inventory.models import Host
from inventory.queries.hosts import host_view

log = structlog.get_logger()
_UNASKED = Question({})
_NOTHING_DESIRED = DesiredManifest({})


class Targets:
    """Of a batch's hosts. `known` is what is known of them; those of `in_full` are looked at as if nothing were. With `deep`,
    nobody believes the times of files: see `Target`."""

    def __init__(
        self,
        hosts: Mapping[UUID, Host],
        *,
        revision: str,
        known: Mapping[UUID, Known],
        limits: Limits,
        in_full: Collection[UUID] = frozenset(),
        deep: bool = False,
    ) -> None:
        self._deep = deep
        self.hosts, self.revision, self.known = hosts, revision, known
        self.definition: Definition = definition_at(revision)
        self._limits, self._in_full = limits, in_full
        self._salt = salt_of_memories()
        self._kind = f"sections {hash((limits, self._salt))}"
        self._against: dict[UUID, Against] = {}
        self._kept: set[str] = set()

    def __iter__(self) -> Iterator[Target]:
        return (self._target(host) for host in self.hosts.values())

    def _target(self, host: Host) -> Target:
        sums = None if host.pk in self._in_full else self.known.get(host.pk, NOTHING_KNOWN).sums
        quick = Quick(self.sections(host), sums) if sums else None
        return Target(host.name, _UNASKED, context=host.pk, quick=quick, deep=self._deep)

    def sections(self, host: Host) -> Sections:
        """What a quick look asks of a host."""

        def make(desired: DesiredManifest) -> Sections:
            question = _question(self.definition, desired, asked_roots(desired))
            return Sections.of(question, self._limits, salt=self._salt)

        return shared_by_layers(self.definition, host_view(host), self._kind, make)

    def prepare(self, target: Target) -> Target:
        """The target with all that it takes to look for what has moved, and to say what that means."""
        host: Host = self.hosts[target.context]
        against = self._against[host.pk] = self.against(host)
        known = self.known.get(host.pk, NOTHING_KNOWN)
        observed = known.observed
        states = load_manifests([observed]).get(observed) if observed else None
        roots = watched_roots({host.pk: against.desired}, self._kept)
        return replace(
            target,
            question=_question(self.definition, against.desired, roots.get(host.pk, WatchedRoots())),
            wanted=WantedByDigest.unlike(against.desired),
            moved=moved_since(states),
            recalled=recalled_for(
                host.pk, states, taken_at=known.taken_at, sections=target.quick.sections.names
            )
            if target.quick
            else None,
            prepare=None,
        )

    def against(self, host: Host) -> Against:
        """The definition for a host, now and as it was last compared with."""
        view = host_view(host)
        earlier: DesiredManifest | None = None
        last = self.known.get(host.pk, NOTHING_KNOWN).revision
        if last and last != self.revision:
            try:
                earlier = desired_to_compare(definition_at(last), view)
            except (DefinitionError, LookupError):
                log.warning("an earlier revision can't be read; diffs may lack a text", revision=last)
        return Against(self.revision, self.definition, desired_to_compare(self.definition, view), earlier)

    def against_for(self, result: HostResult) -> Against:
        """What a result is compared with, once; of a host that showed nothing, not even a key, nothing needs to be."""
        host = self.hosts[result.target.context]
        prepared = self._against.pop(host.pk, None)
        if prepared is not None:
            return prepared
        if result.status == "unknown" and result.offered_key is None:
            return Against(self.revision, self.definition, _NOTHING_DESIRED, None)
        return self.against(host)

    def kept(self, digests: Collection[str]) -> None:
        """These texts need not be fetched once more."""
        self._kept.update(digests)


def _question(definition: Definition, desired: DesiredManifest, roots: WatchedRoots) -> Question:
    """What is declared, and no more, and all of each watched kind and root; all of what should be gone, and of secrets,
    whose content is compared too."""
    resources = {
        name: None if isinstance(want.state, Absent) or want.how == "secret" else frozenset(want.attributes)
        for name, want in desired.resources.items()
    }
    return Question(
        resources,
        tuple(desired.exhaustive),
        secret_paths=definition.secret_paths,
        secret_files=frozenset(desired.secret_paths),
        watched=frozenset(desired.watched),
        roots=roots,
        secret_contents=frozenset(
            digest
            for want in desired.resources.values()
            if is_keyed(_sha256(want.state) or "") and (digest := _wanted_sha256(want))
        ),
    )


def _sha256(state: State) -> str | None:
    return state.data.get("sha256") if isinstance(state, Present) else None


def _wanted_sha256(want: DesiredResource) -> str | None:
    """What the host's own digest of the declared content would be; only ever kept in memory."""
    declared = _sha256(want.state)
    if declared is not None and is_keyed(declared) and want.content is not None:
        return hashlib.sha256(want.content).hexdigest()
    return declared


class WantedByDigest:
    """Content is fetched where it is not what the definition says; of undeclared entries always."""

    def __init__(self, expected: dict[str, str | None]) -> None:
        self._expected = expected

    @classmethod
    def unlike(cls, desired: DesiredManifest) -> "WantedByDigest":
        return cls({name: _wanted_sha256(want) for name, want in desired.resources.items()})

    def __call__(self, resource: str, state: State) -> bool:
        return _sha256(state) != self._expected.get(resource)
