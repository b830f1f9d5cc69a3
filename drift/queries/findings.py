"""Findings as people read them: how many hosts, how they stand, and what exactly changed."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from common.core.errors import FoldbackError
from deployments.core.content_digests import is_keyed, redactions_in, shown_digest
from deployments.core.definition.model import Definition
from deployments.core.definition.render import desired_resource
from deployments.core.redaction import redact
from deployments.core.secret_shapes import PLACEHOLDER
from deployments.core.states import Absent, Present, State, Unknown, from_json
from deployments.queries.definitions import definition_at, head_revision
from drift.core.watched import FILE_KINDS, kind_of
from drift.models import Blob, Explanation, Finding, Occurrence, ResourceVerdict
from inventory.queries.hosts import host_view

SECRET_PATH = (
    "its content is a secret, and never read. If it was exchanged on purpose, report that as a deployment of this "
    "resource; otherwise put the right one back, and exchange it if somebody may have seen it"
)


def findings_with_counts() -> QuerySet[Finding]:
    """Findings with `hosts_open`, `hosts_conflict`, `hosts_waiting`, `hosts_ended` and `is_explained`."""
    still = Q(occurrences__ended_at=None)
    now = Q(occurrences__life=F("reopened"))  # since it was last reopened
    return Finding.objects.select_related("claimed_by").annotate(
        hosts_total=Count("occurrences", filter=now),
        hosts_open=Count("occurrences", filter=still),
        hosts_conflict=Count("occurrences", filter=still & Q(occurrences__verdict="conflict")),
        hosts_waiting=Count("occurrences", filter=still & Q(occurrences__verdict__in=("pending", "in sync"))),
        hosts_proven=Count("occurrences", filter=now & Q(occurrences__ended_as="proven")),
        is_explained=Exists(Explanation.objects.filter(finding=OuterRef("pk"))),
    )


def pending_hosts(finding: Finding) -> list[str]:
    """Hosts that still wait for what the definition says of this resource."""
    rows = ResourceVerdict.objects.filter(resource=finding.resource, verdict="pending", host__state="active")
    return list(rows.order_by("host__name").values_list("host__name", flat=True))


@dataclass(frozen=True)
class Side:
    """One of base, head and live: its state, its text where we have it, and why not where we don't."""

    state: State
    text: str | None
    why_no_text: str = ""
    redactions: int = 0

    @property
    def is_absent(self) -> bool:
        return isinstance(self.state, Absent)


@dataclass
class Variant:
    """The same base, head and live on `hosts`; a finding has several where hosts differ in their own values."""

    base: Side
    head: Side
    live: Side
    attributes: dict[str, list[Any]]
    values: dict[str, Any] = field(default_factory=dict)  # the template's values on the first of the hosts
    compared: list[str] = field(default_factory=list)  # the attributes that count
    watched: bool = False  # nobody declared it: base and head are what was there at the first look
    redactions: int = 0  # what was taken out of its live state: compared, not shown, never folded back
    hosts: list[str] = field(default_factory=list)


def finding_variants(finding: Finding, *, limit: int = 50) -> list[Variant]:
    """Base, head and live with their texts, once for each distinct triple, the most common first.

    Reads the definition (Git), so it is never called inside a transaction. Looks at `limit` occurrences, those that
    are open before those that have ended.
    """
    newest = (F("ended_at").desc(nulls_first=True), "host__name")
    occurrences = list(finding.occurrences.select_related("host", "host__team").order_by(*newest)[:limit])
    definition = _definition()
    blobs = Blob.objects.in_bulk({d for o in occurrences for d in _digests(o.base, o.head, o.live)})
    variants: dict[tuple[str, ...], Variant] = {}
    for occurrence in occurrences:
        desired = None
        if definition is not None:
            desired = desired_resource(definition, host_view(occurrence.host), finding.resource)
        is_file = kind_of(finding.resource) in FILE_KINDS
        content = desired.content if desired else None
        base, head, live = (
            _side(value, blobs, text) if is_file else _side_of_values(value)
            for value, text in ((occurrence.base, None), (occurrence.head, content), (occurrence.live, None))
        )
        variant = Variant(
            base=base,
            head=head,
            live=live,
            compared=occurrence.attributes,
            watched=occurrence.watched,
            redactions=occurrence.redactions,
            attributes=finding.change.get("attributes", {}),
            values=_without_secrets(desired.variables) if desired else {},
        )
        key = (repr(variant.base.state), repr(variant.head.state), repr(variant.live.state))
        variants.setdefault(key, variant).hosts.append(occurrence.host.name)
    return sorted(variants.values(), key=lambda v: -len(v.hosts))


def _definition() -> Definition | None:
    """The head, as far as it can be read: what hosts have can be shown without it."""
    try:
        return definition_at(head_revision())
    except FoldbackError:
        return None


def _without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """A template's values as they may be shown: somebody may have put a secret into the definition."""
    return {
        name: PLACEHOLDER if redact(f"{name} = {json.dumps(value, default=str)}").count else value
        for name, value in values.items()
    }


def _digests(*states: dict[str, Any]) -> list[str]:
    return [s["data"]["sha256"] for s in states if s.get("value") == "present" and "sha256" in s["data"]]


def _side_of_values(value: dict[str, Any]) -> Side:
    """What is no file has no text of its own."""
    state = from_json(value)
    return Side(state, None, state.reason if isinstance(state, Unknown) else "")


def _side(value: dict[str, Any], blobs: dict[str, Blob], content: bytes | None) -> Side:
    state = from_json(value)
    if isinstance(state, Unknown):
        return Side(state, None, state.reason)
    if not isinstance(state, Present):
        return Side(state, None, "the file is not there" if isinstance(state, Absent) else "not declared")
    if "hmac" in state.data:
        return Side(state, None, SECRET_PATH)
    digest = state.data.get("sha256")
    if digest is None:
        return Side(
            state,
            None,
            "not a file with content" if state.data.get("type") != "file" else "no content declared",
        )
    blob = blobs.get(digest)
    if blob is not None:
        return Side(state, blob.text, redactions=blob.redactions)
    if content is not None and not is_keyed(digest) and shown_digest(content) != digest:
        return Side(state, None, "the definition has moved since this host was looked at")
    if content is not None and not (is_keyed(digest) and not redactions_in(content)):
        try:
            redacted = redact(content.decode())
        except UnicodeDecodeError:
            return Side(state, None, "not text")
        return Side(state, redacted.text, redactions=redacted.count)
    return Side(state, None, "not text, or larger than we read")


def occurrences_by_ending(finding: Finding) -> dict[str, list[Occurrence]]:
    """Occurrences grouped: "open", "waiting", and by how they ended."""
    groups: dict[str, list[Occurrence]] = defaultdict(list)
    for occurrence in finding.occurrences.select_related("host", "host__team").order_by("host__name"):
        if occurrence.ended_at is None:
            groups["waiting" if occurrence.verdict in ("pending", "in sync") else "open"].append(occurrence)
        else:
            groups[occurrence.ended_as].append(occurrence)
    return dict(groups)
