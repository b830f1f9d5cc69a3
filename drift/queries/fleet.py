"""How the fleet stands, with honest denominators: what could not be looked at is always counted."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import CharField, Count, F, Func, Q, Value

from drift.core.outcome import REIMAGED
from drift.models import Finding, HostState, ResourceVerdict
from inventory.models import Host

STALE_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class Coverage:
    """Active hosts by what we know of them; the five add up to `hosts`."""

    hosts: int
    fresh: int
    partial: int
    stale: int
    not_reached: int
    never: int

    @property
    def not_looked_at(self) -> int:
        return self.stale + self.not_reached + self.never


def coverage(now: datetime) -> Coverage:
    """`not_reached` are hosts whose last try failed; `stale`: last looked at more than a day ago; `never`: nor since
    they were installed anew."""
    active = Host.objects.filter(state=Host.ACTIVE)
    stale = now - STALE_AFTER
    tried = Q(drift_state__status__in=("ok", "partial"))
    begun_again = Q(drift_state__status="unknown", drift_state__reason=REIMAGED)
    row = active.aggregate(
        hosts=Count("pk"),
        fresh=Count("pk", filter=Q(drift_state__status="ok", drift_state__observed_at__gte=stale)),
        partial=Count("pk", filter=Q(drift_state__status="partial", drift_state__observed_at__gte=stale)),
        stale=Count("pk", filter=tried & Q(drift_state__observed_at__lt=stale)),
        not_reached=Count("pk", filter=Q(drift_state__status="unknown") & ~Q(drift_state__reason=REIMAGED)),
        never=Count("pk", filter=Q(drift_state=None) | begun_again),
    )
    return Coverage(**row)


@dataclass(frozen=True)
class Debt:
    """Reconciliation debt: what is found and not yet in the definition."""

    open: int
    decided: int
    unexplained: int
    committed: int
    waived: int
    hosts: int
    pending_hosts: int


def debt() -> Debt:
    row = Finding.objects.aggregate(
        open=Count("pk", filter=Q(state="open")),
        decided=Count("pk", filter=Q(state__in=("decided", "approved"))),
        committed=Count("pk", filter=Q(state="committed")),
        waived=Count("pk", filter=Q(state="waived")),
    )
    unexplained = Finding.objects.filter(state="open", explanations=None, claimed_by=None).count()
    hosts = (
        Host.objects.filter(
            state=Host.ACTIVE,
            occurrences__ended_at=None,
            occurrences__verdict__in=("drifted", "conflict"),
        )
        .distinct()
        .count()
    )
    pending = ResourceVerdict.objects.filter(verdict="pending").values("host").distinct().count()
    return Debt(**row, unexplained=unexplained, hosts=hosts, pending_hosts=pending)


def last_looks() -> dict[str, int]:
    """Why hosts could not be looked at: the stable part of the reason → hosts, most first."""
    code = Func(F("reason"), Value(":"), Value(1), function="split_part", output_field=CharField())
    rows = HostState.objects.filter(status="unknown", host__state=Host.ACTIVE).exclude(reason=REIMAGED)
    counted = rows.annotate(code=code).values_list("code").annotate(n=Count("pk"))
    return dict(counted.order_by("-n", "code").values_list("code", "n"))
