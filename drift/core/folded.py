"""What a definition with the fold-back in it means for hosts, and which edits by hand are refused."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from common.core.errors import FieldError, Unprocessable
from deployments.core.definition.effect import (
    ALREADY,
    CHANGED,
    CONFLICT,
    UNKNOWN,
    UNMANAGED,
    Effect,
    exhaustive_directories,
)
from deployments.core.definition.layout import split_layer
from deployments.core.definition.merge import merge
from deployments.core.definition.model import DEFINITION_FILE, Definition
from deployments.core.definition.placement_merge import holds_change
from deployments.core.definition.placement_model import Occurrence, beside_watched, undeclared_state
from deployments.core.definition.render import declared_at, watched_kinds
from deployments.core.definition.sections import is_managed
from deployments.core.git_safety import UnsafeGitName, check_tree_path
from deployments.core.redaction import redact_definition
from deployments.core.secret_shapes import PLACEHOLDER
from deployments.core.states import Unknown, project, to_json
from drift.core.proposals import Edits

_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^-]{0,100000}")
SHOWN_RESOURCES = 500
MAX_EDITS_BYTES = 1024 * 1024
OUTCOMES = {
    CHANGED: "changed",
    ALREADY: "already_right",
    CONFLICT: "in_conflict",
    UNMANAGED: "no_longer_managed",
    UNKNOWN: "unknown",
}


def gives_live(definition: Definition, resource: str, occurrence: Occurrence) -> bool:
    """Whether the definition says of this resource (of its path, as whatever kind of thing) exactly what is live on
    the occurrence's host; of what nobody declares, and whose kind is watched, its base says it."""
    host, live = occurrence.host, occurrence.live
    if not is_managed(resource):
        return False
    desired = declared_at(definition, host, resource)
    if desired is None:
        exhaustive = exhaustive_directories(merge(definition, host))
        said = undeclared_state(resource, exhaustive, watched_kinds(definition), occurrence.base)
        return occurrence.counts(live) == occurrence.counts(said)
    if isinstance(desired.state, Unknown):
        return False
    desired = beside_watched(desired, occurrence, watched_kinds(definition))
    return project(live, desired.compared) == project(desired.state, desired.compared)


def joins_live(definition: Definition, resource: str, occurrence: Occurrence) -> bool:
    """Whether the definition says more than what is live on the occurrence's host: the change by hand, on top of what
    the definition said newer than it. Such a host waits for the next push."""
    desired = declared_at(definition, occurrence.host, resource) if is_managed(resource) else None
    return (
        desired is not None
        and desired.resource == resource
        and not gives_live(definition, resource, occurrence)
        and holds_change(beside_watched(desired, occurrence, watched_kinds(definition)), occurrence)
    )


def hosts_of(change: Effect) -> set[str]:
    return {item.host for item in change.resources}


def effect_to_json(change: Effect, missed: Iterable[str], joined: Iterable[str] = ()) -> dict[str, Any]:
    """Hosts by what happens on them (a host is named under each outcome it has), and the first resources."""
    hosts = {name: list(change.hosts_of(outcome)) for outcome, name in OUTCOMES.items()}
    resources = [
        {
            "host": item.host,
            "resource": item.resource,
            "before": to_json(item.before),
            "after": to_json(item.after),
            "outcome": OUTCOMES[item.outcome],
            "live_is_known": item.live_is_known,
            "reason": item.reason,
        }
        for item in change.resources[:SHOWN_RESOURCES]
    ]
    return {
        "hosts_considered": change.hosts,
        "hosts": hosts,
        "resources": resources,
        "resources_total": len(change.resources),
        "missed": list(missed),
        "joined": list(joined),
    }


def refuse_unsafe_edits(files: Mapping[str, bytes], edits: Edits) -> None:
    """Raise Unprocessable for edits by hand outside the layers, too large, or with what looks like a secret.

    Redacted text has placeholders where the secret was, so pasting it is refused as well.
    """
    errors = []
    for path, content in edits.items():
        if problem := _problem(path, files.get(path), content):
            errors.append(FieldError(f"/edits/{path.replace('~', '~0').replace('/', '~1')}", problem))
    if sum(len(content or b"") for content in edits.values()) > MAX_EDITS_BYTES:
        errors.append(FieldError("/edits", f"more than {MAX_EDITS_BYTES // 1024} KiB"))
    if errors:
        raise Unprocessable(f"{errors[0].pointer}: {errors[0].detail}.", errors=errors[:50])


def _problem(path: str, before: bytes | None, after: bytes | None) -> str:
    try:
        check_tree_path(path)
    except UnsafeGitName as error:
        return str(error)
    if path == DEFINITION_FILE:
        return "the settings of the whole definition are not part of a fold-back; commit them in Git"
    if split_layer(path) is None:
        return "this is in no layer of the definition; what else lies in the repository is not part of a fold-back"
    if after is None:
        return "" if before is not None else "there is no such file to delete"
    if _brings_a_secret(before or b"", after):
        return "this holds what looks like a secret, or a place where one was redacted; secrets are never folded back"
    return ""


def _brings_a_secret(before: bytes, after: bytes) -> bool:
    """Whether something that looks like a secret, or a placeholder of one, is in `after` and was not in `before`.

    One in place of another is new as well, so it is not enough to count them: no line that is new may hold one, and
    where a private key is, the blocks of it must be those that were there.
    """
    old, new = (content.decode("utf-8", errors="replace") for content in (before, after))
    lines = Counter(new.splitlines()) - Counter(old.splitlines())
    added = "\n".join(lines.elements())
    return (
        _secrets(new) > _secrets(old)
        or any(_secrets(line) for line in lines)
        or _secrets(added) > 0
        or not set(_KEY_BLOCK.findall(new)) <= set(_KEY_BLOCK.findall(old))
    )


def _secrets(text: str) -> int:
    """What looks like a secret, and placeholders of what was one."""
    return redact_definition(text).count + text.count(PLACEHOLDER)
