"""Scan policies as they stand: when they are next due, what came of the last times, whom they leave out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from common.core.errors import Invalid
from drift.core.schedule import DEEP, MODES, QUICK, Plan, due_slot, due_slots, next_slot
from drift.models import Scan, ScanPolicy, ScanSlot
from inventory.core.selectors import Selector
from inventory.models import Host
from inventory.queries.hosts import hosts_matching, parse_selector

# Beat asks every few seconds, and a busy worker may answer a little later; after this, something is wrong.
LATE_AFTER = timedelta(minutes=2)
CLOCKS_APART = timedelta(minutes=1)
_ALIVE = ("queued", "running")


def plan_of(policy: ScanPolicy) -> Plan:
    return Plan(policy.pk, policy.quick_every, policy.deep_every, policy.since)


def handled_slots(policies: QuerySet[ScanPolicy], now: datetime) -> dict[UUID, dict[str, datetime | None]]:
    """For each of the policies the latest slot of each mode that was dealt with: one query. Machines whose clocks are
    seconds apart agree; what a clock that ran ahead by more has dealt with holds up nothing."""
    rows = policies.annotate(**{mode: Subquery(_latest(mode, now).values("starts_at")[:1]) for mode in MODES})
    return {pk: {DEEP: deep, QUICK: quick} for pk, deep, quick in rows.values_list("pk", *MODES)}


def _latest(mode: str, now: datetime) -> QuerySet[ScanSlot]:
    slots = ScanSlot.objects.filter(policy=OuterRef("pk"), mode=mode, starts_at__lte=now + CLOCKS_APART)
    return slots.order_by("-starts_at")


def running_scans(policy: ScanPolicy) -> dict[str, Scan]:
    """The policy's scans that are not over, by mode: the latest of each."""
    alive = Scan.objects.filter(policy=policy, finished_at=None, job__state__in=_ALIVE).defer("hosts")
    return {scan.mode: scan for scan in alive.order_by("number")}


@dataclass(frozen=True)
class ModeStanding:
    """How one mode of a policy stands. `due_at` is None while the policy is disabled; `is_late`: it is well past."""

    mode: str
    every: int
    due_at: datetime | None
    is_late: bool
    last: ScanSlot | None


@dataclass(frozen=True)
class PolicyStanding:
    """`hosts`: how many its selector names now; None where it can't be read, and then `problem` says why."""

    policy: ScanPolicy
    modes: tuple[ModeStanding, ...]
    hosts: int | None = None
    problem: str = ""

    def mode(self, name: str) -> ModeStanding | None:
        return next((mode for mode in self.modes if mode.mode == name), None)

    @property
    def is_late(self) -> bool:
        return any(mode.is_late for mode in self.modes)

    @property
    def quick(self) -> ModeStanding | None:
        return self.mode(QUICK)

    @property
    def deep(self) -> ModeStanding | None:
        return self.mode(DEEP)


def standings(
    policies: Sequence[ScanPolicy], *, now: datetime, count_hosts: bool = True
) -> list[PolicyStanding]:
    """In the order given; one query for all, and one more a policy where its hosts are counted."""
    found = ScanPolicy.objects.filter(pk__in=[policy.pk for policy in policies])
    latest = found.annotate(**{mode: Subquery(_latest(mode, now).values("pk")[:1]) for mode in MODES})
    wanted = [pk for row in latest.values_list(*MODES) for pk in row if pk]
    slots = ScanSlot.objects.filter(pk__in=wanted).select_related("scan__job").defer("scan__hosts")
    last = {(slot.policy_id, slot.mode): slot for slot in slots}
    result = []
    for policy in policies:
        modes = tuple(
            _mode(policy, mode, last.get((policy.pk, mode)), now)
            for mode in (QUICK, DEEP)
            if plan_of(policy).every(mode)
        )
        hosts, problem = count_selected(policy.selector) if count_hosts else (None, "")
        result.append(PolicyStanding(policy, modes, hosts, problem))
    return result


def _mode(policy: ScanPolicy, mode: str, last: ScanSlot | None, now: datetime) -> ModeStanding:
    plan = plan_of(policy)
    every = plan.every(mode) or 0
    if not policy.enabled:
        return ModeStanding(mode, every, None, False, last)
    owed = due_slot(plan, mode, last.starts_at if last else None, now)
    due_at = owed.starts_at if owed else next_slot(plan, mode, now)
    return ModeStanding(mode, every, due_at, due_at <= now - LATE_AFTER, last)


def late_policies(policies: Sequence[ScanPolicy], *, now: datetime) -> int:
    """How many of them have been due for minutes, and nobody has started them: one query."""
    enabled = [policy for policy in policies if policy.enabled]
    handled = handled_slots(ScanPolicy.objects.filter(enabled=True), now) if enabled else {}
    due = (due_slots(plan_of(policy), handled.get(policy.pk, {}), now) for policy in enabled)
    return sum(any(slot.starts_at <= now - LATE_AFTER for slot in slots) for slots in due)


def uncovered_hosts(policies: Iterable[ScanPolicy]) -> int:
    """How many active hosts none of these policies names."""
    return _outside(Host.objects.filter(state=Host.ACTIVE), policies)[0]


def count_selected(selector: str) -> tuple[int | None, str]:
    """How many active hosts a stored selector names now; None with the reason where it can't be read any more."""
    try:
        found = parse_selector(selector, pointer="/selector")
    except Invalid as error:
        return None, error.detail
    if not _has_star(found):
        return hosts_matching(found).count(), ""
    return sum(found.matches(*row) for row in _matchable(Host.objects.filter(state=Host.ACTIVE))), ""


def _has_star(selector: Selector) -> bool:
    """Whether it is matched here: as lists of ids such selectors take the database seconds at ten thousand hosts."""
    return any(pattern.has_star for pattern in (*selector.names, *selector.not_names))


def _matchable(hosts: QuerySet[Host]) -> QuerySet[Host, tuple[str, str, list[str], str | None]]:
    """What a selector is matched against."""
    return hosts.order_by().values_list("name", "environment", "roles", "team__name")


@dataclass(frozen=True)
class PolicyCoverage:
    """Active hosts by whether an enabled policy names them. `names` are the first of those that none looks at."""

    hosts: int
    uncovered: int
    without_deep: int
    names: tuple[str, ...]
    enabled: int

    @property
    def covered(self) -> int:
        return self.hosts - self.uncovered


def policy_coverage(*, names: int = 5) -> PolicyCoverage:
    """Whom the enabled policies leave out; a policy that can't be read covers nobody."""
    enabled = list(ScanPolicy.objects.filter(enabled=True))
    deep = [policy for policy in enabled if policy.deep_every]
    active = Host.objects.filter(state=Host.ACTIVE)
    uncovered, first = _outside(active, enabled, names=names)
    without_deep = uncovered if len(deep) == len(enabled) else _outside(active, deep)[0]
    return PolicyCoverage(active.count(), uncovered, without_deep, tuple(first), len(enabled))


def named_only_by(policy: ScanPolicy) -> int:
    """How many active hosts this enabled policy names and no other one does."""
    try:
        named = hosts_matching(parse_selector(policy.selector))
    except Invalid:
        return 0
    others = ScanPolicy.objects.filter(enabled=True).exclude(pk=policy.pk)
    return _outside(named, others)[0] if policy.enabled else 0


def _outside(
    hosts: QuerySet[Host], policies: Iterable[ScanPolicy], *, names: int = 0
) -> tuple[int, list[str]]:
    """How many of the hosts none of the policies names, and the first names of those."""
    starred = []
    for policy in policies:
        try:
            selector = parse_selector(policy.selector)
        except Invalid:
            continue
        if _has_star(selector):
            starred.append(selector)
        else:
            hosts = hosts.filter(~Q(pk__in=hosts_matching(selector).values("pk")))
    if not starred:
        return hosts.count(), list(hosts.order_by("name").values_list("name", flat=True)[:names])
    left = [row[0] for row in _matchable(hosts) if not any(selector.matches(*row) for selector in starred)]
    return len(left), sorted(left)[:names]
