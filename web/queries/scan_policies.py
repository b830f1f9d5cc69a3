"""Scan policies as pages show them: the list with whom it leaves out, one with its due times, a preview of one."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

from common.core.errors import Invalid
from drift.models import ScanPolicy, ScanSlot
from drift.queries.scan_policies import (
    PolicyCoverage,
    PolicyStanding,
    named_only_by,
    policy_coverage,
    standings,
)
from inventory.models import Host
from web.core import periods
from web.core.sentences import listed, number, plural, sentence, share, shortened
from web.paging import Page, paged
from web.queries.scans import SelectorPreview, preview_selector

DAY = 86_400


@dataclass(frozen=True)
class PolicyList:
    page: Page[ScanPolicy]
    rows: list[PolicyStanding]
    coverage: PolicyCoverage

    @property
    def sentence(self) -> str:
        told = self.coverage
        if not told.hosts:
            return "No hosts yet, so there is nobody to look at."
        if not self.page.rows and self.page.is_whole:
            return f"Nobody looks by itself at any of {plural(told.hosts, 'host')} yet."
        return sentence(
            f"{plural(told.enabled, 'policy')} at work",
            f"{share(told.uncovered, told.hosts, 'host')} {'is' if told.uncovered == 1 else 'are'} looked at by none"
            if told.uncovered
            else f"{'the one host is' if told.hosts == 1 else f'all {number(told.hosts)} hosts are'} looked at",
        )

    @property
    def left_out(self) -> str:
        """The first hosts that no policy looks at, and how many more."""
        names, more = self.coverage.names, self.coverage.uncovered - len(self.coverage.names)
        return (
            f"{', '.join(names)} and {number(more)} more" if more > 0 else shortened(names, most=len(names))
        )

    @property
    def only_quick(self) -> int:
        """Hosts that are looked at, and never deeply."""
        return self.coverage.without_deep - self.coverage.uncovered


def policy_list(request: HttpRequest, *, now: datetime) -> PolicyList:
    page = paged(request, ScanPolicy.objects.all(), by="name", size=50, noun="policy")
    return PolicyList(page, standings(page.rows, now=now), policy_coverage())


@dataclass(frozen=True)
class PolicyPage:
    standing: PolicyStanding
    total: int
    page: Page[ScanSlot]

    @property
    def policy(self) -> ScanPolicy:
        return self.standing.policy

    @property
    def alone(self) -> int:
        """Hosts that it alone looks at."""
        return named_only_by(self.policy)

    @property
    def sentence(self) -> str:
        hosts, many = self.standing.hosts, listed(how_often(self.policy))
        if hosts is None:
            return "Nobody is looked at: its selector can’t be read."
        whom = share(hosts, self.total, "host")
        return (
            f"Off: nothing is due. {whom}, {many}, when it is on."
            if not self.policy.enabled
            else f"{whom}: {many}."
        )


def policy_page(request: HttpRequest, policy: ScanPolicy, *, now: datetime) -> PolicyPage:
    [standing] = standings([policy], now=now)
    slots = ScanSlot.objects.filter(policy=policy).select_related("scan__job").defer("scan__hosts")
    page = paged(request, slots, by="-starts_at", size=50, noun="due time")
    return PolicyPage(standing, Host.objects.filter(state=Host.ACTIVE).count(), page)


def how_often(policy: ScanPolicy) -> list[str]:
    """`a quick look every 5 min`, `a deep one every day`."""
    return _often(policy.quick_every, policy.deep_every)


def _often(quick_every: int | None, deep_every: int | None) -> list[str]:
    return [
        *([f"a quick look {periods.every(quick_every)}"] if quick_every else []),
        *([f"a deep {'one' if quick_every else 'look'} {periods.every(deep_every)}"] if deep_every else []),
    ]


@dataclass(frozen=True)
class PolicyPreview:
    """What a policy would mean now. `problem`: why its selector can't be read."""

    selected: SelectorPreview | None
    problem: str
    often: str
    looks: int  # a day, at the hosts that it names now


def preview_policy(*, selector: str, quick_every: int | None, deep_every: int | None) -> PolicyPreview | None:
    """None while there is nothing to tell anything about."""
    if not selector.strip():
        return None
    try:
        selected = preview_selector(selector)
    except Invalid as error:
        return PolicyPreview(None, error.detail, "", 0)
    times = sum(DAY / max(1, every) for every in (quick_every, deep_every) if every)
    often = listed(_often(quick_every, deep_every))
    return PolicyPreview(selected, "", often, round(times * selected.matching))
