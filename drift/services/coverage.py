"""Coverage is sampled: one row a slot, however many beats ask for it, fewer and fewer as they age."""

from datetime import datetime

from drift.core.coverage import SLOT, floor, superfluous
from drift.models import CoverageSample
from drift.queries.fleet import coverage


def take_coverage_sample(*, now: datetime) -> bool:
    """Write down how the fleet stands, unless somebody has done so in this slot; whether we did.

    Asked for more often than there are slots, so that one that was missed for a moment is still taken.
    """
    slot = floor(now, SLOT)
    if CoverageSample.objects.filter(slot=slot).exists():
        return False
    standing = coverage(now)
    sample = CoverageSample(
        slot=slot,
        hosts=standing.hosts,
        fresh=standing.fresh,
        partial=standing.partial,
        stale=standing.stale,
        not_reached=standing.not_reached,
        never=standing.never,
    )
    CoverageSample.objects.bulk_create([sample], ignore_conflicts=True)
    _thin(now)
    return True


def _thin(now: datetime) -> None:
    """There are some two thousand rows at most, so the rule is asked in Python."""
    slots = list(CoverageSample.objects.values_list("slot", flat=True))
    CoverageSample.objects.filter(slot__in=superfluous(slots, now)).delete()
