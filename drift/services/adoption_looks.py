"""One batch of an adoption: hosts looked at as a whole, each kept as it comes in.

What is asked is wide: everything below the roots, with its content where it is text, and every kind that hosts list.
"""

from collections.abc import Iterable
from contextlib import closing
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DataError, InterfaceError, OperationalError

from common.services.jobs import Claim, LeaseKeeper, LostLease, count_items, fenced_write
from deployments.collector import reasons
from deployments.collector.question import Limits, Observation, Question
from deployments.collector.reasons import code_of
from deployments.core.definition.model import Definition
from deployments.core.states import Present, State, to_json
from deployments.kinds.registry import LISTED
from deployments.queries.definitions import definition_at, desired_for, head_revision
from drift.models import Adoption, AdoptionHost, AdoptionText
from drift.scanner import HostResult, Target
from drift.services.looking import looks
from inventory.models import Host
from inventory.queries.hosts import host_view

log = structlog.get_logger()


def adoption_limits() -> Limits:
    """Wider than a scan's: once, and asked for by a person."""
    return Limits(
        session_seconds=max(settings.SCAN_HOST_SECONDS, 300),
        output_bytes=256 * 1024 * 1024,
        entries=100_000,
        undeclared=20_000,
        content_file_bytes=4 * 1024 * 1024,
        content_total_bytes=96 * 1024 * 1024,
    )


def run_adopt_batch(*, claim: Claim, keeper: LeaseKeeper) -> None:
    """Look at the batch's hosts that were not looked at yet. Raises LostLease when it is taken away."""
    adoption = Adoption.objects.get(pk=claim.subject_id)
    done = AdoptionHost.objects.filter(adoption=adoption, host_id__in=claim.items)
    left = Host.objects.filter(pk__in=claim.items).exclude(pk__in=done.values("host_id"))
    hosts = {host.pk: host for host in left}
    definition = definition_at(head_revision())
    targets = [_target(host, adoption, definition) for host in hosts.values()]
    found = looks(hosts=hosts, targets=targets, claim=claim, keeper=keeper, limits=adoption_limits())
    with closing(found) as results:
        for result in results:
            if result is not None:
                _record(claim, adoption, hosts[result.target.context], result)


def _target(host: Host, adoption: Adoption, definition: Definition) -> Target:
    question = Question(
        {},
        tuple(adoption.roots),
        secret_paths=definition.secret_paths,
        secret_files=frozenset(desired_for(definition, host_view(host)).secret_paths),
        watched=frozenset(kind.name for kind in LISTED),
        packages=True,
    )
    return Target(host=host.name, question=question, wanted=_has_content, context=host.pk)


def _has_content(resource: str, state: State) -> bool:
    return isinstance(state, Present) and "sha256" in state.data


def _record(claim: Claim, adoption: Adoption, host: Host, result: HostResult) -> None:
    """Keep what a host showed; what the database can't hold makes this host unknown, and no other."""
    seen = result.observation
    try:
        _keep(claim, adoption, host, result, seen, result.status, result.reason or "")
    except (LostLease, InterfaceError, OperationalError):
        raise
    except (DataError, ValueError) as error:
        log.exception("what a host showed can't be kept", host=host.name, adoption=str(adoption))
        why = f"{reasons.INTERNAL}: what it showed can't be kept ({type(error).__name__})"
        _keep(claim, adoption, host, result, Observation({}), "unknown", why)


def _keep(
    claim: Claim,
    adoption: Adoption,
    host: Host,
    result: HostResult,
    seen: Observation,
    status: str,
    reason: str,
) -> None:
    is_known = status != "unknown"
    kept = _what_was_seen(seen) if is_known else {}
    texts = _texts(adoption, seen) if is_known else []
    with fenced_write(claim):
        if AdoptionHost.objects.filter(adoption=adoption, host=host).exists():
            return
        AdoptionText.objects.bulk_create(texts, ignore_conflicts=True, batch_size=500)
        AdoptionHost.objects.create(
            adoption=adoption,
            host=host,
            status=status,
            reason=code_of(reason)[:200],
            detail=reason[:2000],
            seconds=result.seconds,
            seen=kept,
        )
        _remember_facts(host.pk, seen.facts)
        count_items(claim=claim, done=1)


def _what_was_seen(seen: Observation) -> dict[str, Any]:
    states = {resource: to_json(state) for resource, state in seen.states.items()}
    return {
        "states": states,
        "listed": dict(seen.listed),
        "redacted": {resource: count for resource, count in seen.redacted.items() if count},
        "withheld": dict(seen.withheld),
        "shipped": sorted(seen.shipped or ()),
    }


def _texts(adoption: Adoption, seen: Observation) -> Iterable[AdoptionText]:
    """The texts of files; of those with secrets only that they have some."""
    return [
        AdoptionText(
            adoption=adoption, digest=digest, text="" if secrets else content.decode(), secrets=secrets
        )
        for digest, content in sorted(seen.contents.items())
        for secrets in [seen.redactions.get(digest, 0)]
    ]


def _remember_facts(host: UUID, facts: Any) -> None:
    """Templates may name them: so they have to be those that were seen."""
    if facts:
        row = Host.objects.select_for_update(no_key=True).get(pk=host)
        Host.objects.filter(pk=host).update(facts={**row.facts, **facts})
