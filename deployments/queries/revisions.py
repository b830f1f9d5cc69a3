"""Revisions, and a host's part of one, as people read them. Reads Git: not for inside a transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from deployments.core.definition.effect import ResourceEffect, effect
from deployments.core.definition.merge import layers_for
from deployments.core.definition.model import Definition, DefinitionError, DesiredResource, Problem
from deployments.core.redaction import is_secret_path, redact, redact_definition
from deployments.queries.definitions import definition_at, desired_for, repository
from deployments.repository import FileChange, Revision
from inventory.models import Host
from inventory.queries.hosts import host_view, host_views

MAX_CONTENT = 256 * 1024


@dataclass(frozen=True)
class RevisionDetail(Revision):
    """A commit, what it changed against its first parent, and whether the definition can be used there."""

    files: tuple[FileChange, ...]
    problems: tuple[Problem, ...]
    layers: tuple[str, ...]


def revision_detail(sha: str) -> RevisionDetail:
    repo = repository()
    revision = repo.revision(sha)
    files = repo.diff(revision.parents[0] if revision.parents else None, sha)
    problems: tuple[Problem, ...] = ()
    layers: tuple[str, ...] = ()
    try:
        layers = tuple(sorted(definition_at(sha).layers))
    except DefinitionError as error:
        problems = error.problems
    return RevisionDetail(**vars(revision), files=redacted(files), problems=problems, layers=layers)


def redacted(files: Sequence[FileChange]) -> tuple[FileChange, ...]:
    """Patches as they may be shown: somebody may have committed a secret."""
    return tuple(FileChange(file.path, file.kind, redact_definition(file.patch).text) for file in files)


@dataclass(frozen=True)
class Comparison:
    """What lies between two revisions: files, and what hosts should be afterwards that they should not be before."""

    base: str
    head: str
    files: tuple[FileChange, ...]
    hosts_considered: int
    hosts: dict[str, tuple[ResourceEffect, ...]]


def compare(base: str, head: str) -> Comparison:
    """Raises DefinitionBroken where one of them can't be used."""
    found = effect(definition_at(base), definition_at(head), host_views().values())
    hosts: dict[str, list[ResourceEffect]] = {}
    for item in found.resources:
        hosts.setdefault(item.host, []).append(item)
    return Comparison(
        base=base,
        head=head,
        files=redacted(repository().diff(base, head)),
        hosts_considered=found.hosts,
        hosts={name: tuple(items) for name, items in hosts.items()},
    )


@dataclass(frozen=True)
class ShownResource:
    """A desired resource with its content where that can be shown, and why not where it can't."""

    desired: DesiredResource
    content: str | None
    why_no_content: str


@dataclass(frozen=True)
class HostDefinition:
    host: str
    revision: str
    layers: tuple[str, ...]
    exhaustive: tuple[str, ...]
    resources: tuple[ShownResource, ...]


def host_definition(host: Host, revision: str) -> HostDefinition:
    """What `host` should be at a revision; raises DefinitionBroken where that can't be said."""
    definition = definition_at(revision)
    view = host_view(host)
    manifest = desired_for(definition, view)
    return HostDefinition(
        host=host.name,
        revision=revision,
        layers=tuple(layer for layer in layers_for(view) if layer in definition.layers),
        exhaustive=manifest.exhaustive,
        resources=tuple(_shown(definition, desired) for desired in manifest.resources.values()),
    )


def _shown(definition: Definition, desired: DesiredResource) -> ShownResource:
    path = desired.resource.partition(":")[2]
    if desired.how == "secret" or is_secret_path(path, definition.secret_paths):
        return ShownResource(desired, None, "a secret path: its content is not shown")
    if desired.unknown_reason is not None:
        return ShownResource(desired, None, desired.unknown_reason)
    if desired.content is None:
        return ShownResource(desired, None, "no content is declared")
    if len(desired.content) > MAX_CONTENT:
        return ShownResource(desired, None, f"larger than {MAX_CONTENT // 1024} KiB")
    try:
        text = desired.content.decode("utf-8")
    except UnicodeDecodeError:
        return ShownResource(desired, None, "not text")
    return ShownResource(desired, redact(text).text, "")
