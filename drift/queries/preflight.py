"""What a push of the definition would undo, from what the last looks found."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch

from drift.core.lifecycles import UNDECIDED
from drift.core.outcome import REIMAGED
from drift.models import Explanation, Finding, HostState, Occurrence
from drift.queries.fleet import STALE_AFTER
from inventory.core.selectors import Selector
from inventory.queries.hosts import hosts_matching

NEVER, UNREACHED, STALE, PARTLY = (
    "never looked at",
    "could not be reached at the last try",
    "not looked at for more than a day",
    "looked at only in part",
)


@dataclass(frozen=True)
class Undone:
    """A finding, and on which of the selected hosts a push would put something else over what is there."""

    finding: Finding
    hosts: list[str]


@dataclass(frozen=True)
class Preflight:
    """`unknown` says of which hosts it can't be told, or not of all that is on them, and why."""

    hosts: int
    undone: list[Undone]
    unknown: dict[str, str] = field(default_factory=dict)

    @property
    def reasons(self) -> dict[str, int]:
        return dict(Counter(self.unknown.values()))


def preflight(selector: Selector, now: datetime) -> Preflight:
    """Waived findings are left out: somebody accepted them. So is what nobody declared: no push touches it."""
    hosts = dict(hosts_matching(selector).values_list("pk", "name"))
    on: dict[UUID, list[str]] = defaultdict(list)
    at_stake = Occurrence.objects.filter(
        host__in=hosts,
        ended_at=None,
        watched=False,
        verdict__in=("drifted", "conflict"),
        finding__state__in=UNDECIDED,
    )
    for finding, host in at_stake.values_list("finding_id", "host_id"):
        on[finding].append(hosts[host])
    explained = Explanation.objects.select_related("change__owner", "change__incident").order_by("created_at")
    findings = (
        Finding.objects.filter(pk__in=on)
        .select_related("claimed_by")
        .prefetch_related(Prefetch("explanations", explained))
        .order_by("number")
    )
    undone = [Undone(finding, sorted(on[finding.pk])) for finding in findings]
    states = {state.host_id: state for state in HostState.objects.filter(host__in=hosts).defer("counts")}
    unknown = {name: why for pk, name in hosts.items() if (why := _why_unknown(states.get(pk), now))}
    return Preflight(len(hosts), undone, unknown)


def _why_unknown(state: HostState | None, now: datetime) -> str:
    if state is None or state.observed_at is None or (state.status == "unknown" and state.reason == REIMAGED):
        return NEVER if state is None or state.status != "unknown" or state.reason == REIMAGED else UNREACHED
    if state.status == "unknown":
        return UNREACHED
    if state.observed_at < now - STALE_AFTER:
        return STALE
    return PARTLY if state.status == "partial" else ""
