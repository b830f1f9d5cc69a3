"""Search: by reference straight to the page, else hosts, findings and changes that fit."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.urls import reverse

from changemgmt.models import Change, Incident
from drift.models import Decision, Finding, Scan
from inventory.models import Host

MOST = 20
# Of titles the newest are enough, and it is said that it was only those.
NEWEST_CHANGES = 50_000


_PAGES = (
    (Finding, "web:finding"),
    (Change, "web:change"),
    (Scan, "web:scan"),
    (Incident, "web:incident"),
)


@dataclass(frozen=True)
class Found:
    """At most MOST of each kind; `more` names the kinds of which there is more."""

    hosts: list[Host]
    findings: list[Finding]
    changes: list[Change]
    more: tuple[str, ...] = ()
    only_newest: bool = False

    @property
    def count(self) -> int:
        return len(self.hosts) + len(self.findings) + len(self.changes)


def page_of_reference(text: str) -> str | None:
    """The page of `DRF-88`, `CHG-12`, `SCN-3`, `INC-7`, `DEC-4` or of a host with exactly this name; None for anything else."""
    head, _, number = text.strip().partition("-")
    if number.isascii() and number.isdigit() and len(number) < 19:
        for model, url in _PAGES:
            if head.upper() == model.PREFIX and model.objects.filter(number=int(number)).exists():
                return reverse(url, args=[f"{model.PREFIX}-{int(number)}"])
        if head.upper() == Decision.PREFIX:
            decision = Decision.objects.filter(number=int(number)).select_related("change").first()
            return reverse("web:change", args=[decision.change.reference]) if decision else None
    host = Host.objects.filter(name__iexact=text.strip()).first()
    return reverse("web:host", args=[host.name]) if host else None


def search(text: str) -> Found:
    hosts = list(
        Host.objects.filter(Q(name__icontains=text) | Q(address__istartswith=text)).order_by("name")[
            : MOST + 1
        ]
    )
    findings = list(Finding.objects.filter(resource__icontains=text).order_by("-number")[: MOST + 1])
    newest = Change.objects.order_by("-number").values_list("number", flat=True).first() or 0
    changes = _changes(text, newest)
    lists: dict[str, list[Any]] = {"hosts": hosts, "findings": findings, "changes": changes}
    return Found(
        hosts=hosts[:MOST],
        findings=findings[:MOST],
        changes=changes[:MOST],
        more=tuple(name for name, rows in lists.items() if len(rows) > MOST),
        only_newest=newest > NEWEST_CHANGES,
    )


def _changes(text: str, newest: int) -> list[Change]:
    """By title among the newest, and by whole host name or resource among all: a query each, as each has its index."""
    found: dict[int, Change] = {}
    for wanted in (
        Q(title__icontains=text, number__gt=newest - NEWEST_CHANGES),
        Q(hosts__contains=[text]),
        Q(resources__contains=[text if ":" in text else f"file:{text}"]),
    ):
        rows = Change.objects.filter(wanted).select_related("owner").order_by("-number")
        found |= {change.number: change for change in rows[: MOST + 1]}
    return [found[number] for number in sorted(found, reverse=True)][: MOST + 1]
