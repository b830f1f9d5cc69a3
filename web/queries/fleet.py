"""The fleet at a glance: hosts by their worst verdict, and hosts as rows of a table."""

from datetime import datetime
from typing import Any

from django.db.models import Case, Count, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When

from drift.core.outcome import REIMAGED
from drift.models import ResourceVerdict
from drift.queries.fleet import STALE_AFTER, Coverage
from inventory.models import Host
from web.core.sentences import plural, sentence, share

# Loudest first; a host is counted once, under the loudest of its resources.
_RANKS = {"conflict": 4, "drifted": 3, "pending": 2, "unknown": 1}


def hosts_by_verdict(now: datetime) -> dict[str, int]:
    """Active hosts by their worst verdict; who was not looked at within a day is unknown, whatever was seen then."""
    loud = (
        ResourceVerdict.objects.filter(host=OuterRef("pk"), hidden="")
        .annotate(rank=_rank())
        .order_by("-rank")
        .values("rank")[:1]
    )
    seen = Q(drift_state__status__in=("ok", "partial"), drift_state__observed_at__gte=now - STALE_AFTER)
    active = Host.objects.filter(state=Host.ACTIVE)
    counts = dict.fromkeys(("conflict", "drifted", "pending", "unknown", "in_sync"), 0)
    ranked = active.filter(seen).annotate(worst=Subquery(loud)).order_by().values_list("worst")
    names = {rank: name for name, rank in _RANKS.items()}
    for rank, number in ranked.annotate(n=Count("pk")):
        counts[names.get(rank, "in_sync")] += number
    counts["unknown"] += active.exclude(seen).count()
    return counts


def _rank() -> Case:
    whens = [When(verdict=name, then=Value(rank)) for name, rank in _RANKS.items()]
    return Case(*whens, default=Value(0), output_field=IntegerField())


def coverage_sentence(coverage: Coverage) -> str:
    """`23 of 24 hosts looked at within a day; 1 could not be reached.`"""
    if not coverage.hosts:
        return "No hosts yet."
    looked = coverage.fresh + coverage.partial
    return sentence(
        f"{share(looked, coverage.hosts, 'host')} looked at within a day",
        f"{coverage.partial} of them only in part" if coverage.partial else "",
        f"{coverage.not_reached} could not be reached" if coverage.not_reached else "",
        f"{coverage.stale} not since" if coverage.stale else "",
        f"{coverage.never} never" if coverage.never else "",
    )


def host_rows(hosts: QuerySet[Host]) -> QuerySet[Host]:
    """Hosts with what a row of the table shows, in one query."""
    return hosts.select_related("team", "drift_state")


def verdict_counts(counts: dict[str, Any]) -> list[tuple[str, int]]:
    """A host's verdict counts, loudest first, without those that are zero."""
    order = ("conflict", "drifted", "pending", "unknown", "in sync", "hidden")
    return [(name, int(counts[name])) for name in order if counts.get(name)]


def looked_at(host: Host, now: datetime) -> str:
    """How current what we know of a host is: `fresh`, `partial`, `stale`, `unreached` or `never`."""
    state = getattr(host, "drift_state", None)
    if state is None or (state.observed_at is None and state.tried_at is None):
        return "never"
    if state.status == "unknown":
        return "never" if state.reason == REIMAGED else "unreached"
    if state.observed_at is None or state.observed_at < now - STALE_AFTER:
        return "stale"
    return "partial" if state.status == "partial" else "fresh"


def fleet_sentence(matching: int, total: int, selector: str, coverage: Coverage) -> str:
    if not total:
        return "No hosts yet, so nothing could drift."
    if selector:
        return f"{share(matching, total, 'host')} match {selector}."
    return sentence(plural(total, "host"), coverage_sentence(coverage).rstrip("."))
