"""The drift inbox, one finding, and who takes it on."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from common import clock
from common.api.views import find_by_reference
from common.core import roles
from common.core.errors import FoldbackError
from drift.core.host_key import RESOURCE as HOST_KEY
from drift.models import Finding
from drift.queries.fleet import coverage
from drift.services.findings import claim_finding, unclaim_finding
from web.access import PageRequest, page
from web.core import commands
from web.core.refusals import plain
from web.core.sentences import drift_sentence
from web.forms.decisions import VerdictForm
from web.queries.finding import FindingPage, finding_hosts, finding_page
from web.queries.finding_progress import progress
from web.queries.findings import STATE_GROUPS, FindingFilter, counts_by_state, hosts_with_open_findings, inbox
from web.views.bars import Bar, decide_bar, host_key_bar


@page(GET="read")
def finding_list(request: PageRequest) -> HttpResponse:
    now = clock.now()
    wanted = _filter(request)
    found = inbox(request, wanted, actor=request.actor)
    standing, counts = coverage(now), counts_by_state()
    context = {
        "found": found,
        "wanted": wanted,
        "groups": [(key, label, _group_url(request, key)) for key, (label, _) in STATE_GROUPS.items()],
        "sentence": drift_sentence(
            findings=counts.get("open", 0),
            hosts=hosts_with_open_findings(),
            hosts_total=standing.hosts,
            unknown=standing.not_looked_at,
        ),
        "coverage": standing,
        "command": commands.IMPORT_HOSTS,
        "counts": counts,
        "bar": _selection_bar(request, wanted) if any(card.is_open for card in found.cards) else None,
        "now": now,
    }
    return render(request, "findings/list.html", context)


def _filter(request: PageRequest) -> FindingFilter:
    group = request.GET.get("state", "open")
    return FindingFilter(
        group=group if group in STATE_GROUPS else "open",
        text=request.GET.get("q", "").replace("\0", "").strip()[:400],
        hosts=request.GET.get("hosts", "").replace("\0", "").strip(),
        explained=request.GET.get("explained", ""),
        mine=request.GET.get("mine") == "yes",
    )


def _group_url(request: PageRequest, group: str) -> str:
    query = {name: value for name, value in request.GET.items() if name not in ("state", "page") and value}
    return f"{request.path}?{urlencode(query | {'state': group})}"


def _selection_bar(request: PageRequest, wanted: FindingFilter) -> Bar | None:
    if not roles.allows(request.actor, "decision.propose"):
        return None
    return decide_bar("Select findings to decide on them together.", selecting=True)


@page(GET="read")
def finding(request: PageRequest, reference: str) -> HttpResponse:
    now = clock.now()
    found = finding_page(_find(reference), host=request.GET.get("host", ""), actor=request.actor, now=now)
    context: dict[str, Any] = {"found": found, "finding": found.finding, "now": now}
    context["host_key"] = found.finding.resource == HOST_KEY
    if found.may_propose:
        hosts = found.finding.hosts_open
        about = f"{found.finding.reference} on {hosts} {'host' if hosts == 1 else 'hosts'}"
        context["bar"] = (
            _host_key_bar(request, found, about)
            if context["host_key"]
            else decide_bar(about, findings=[found.finding.reference])
        )
    if found.decision is not None:
        context["verdict_form"] = VerdictForm(initial={"digest": found.decision.change.digest})
        context["back"] = reverse("web:finding", args=[found.finding.reference])
    return render(request, "findings/finding.html", context)


def _host_key_bar(request: PageRequest, found: FindingPage, about: str) -> Bar:
    may = roles.allows(request.actor, "host.enrol")
    hosts = [row.occurrence.host.name for row in found.occurrences if row.occurrence.ended_at is None]
    return host_key_bar(
        about,
        finding=found.finding.reference,
        hosts=hosts,
        refused="" if may else "Only an admin enrols hosts.",
    )


@page(GET="read")
def hosts(request: PageRequest, reference: str) -> HttpResponse:
    found = _find(reference)
    page_of, rows = finding_hosts(request, found)
    context = {"finding": found, "page": page_of, "rows": rows}
    context["modified"] = any(row.modified_at for row in rows)
    return render(request, "findings/hosts.html", context)


@page(GET="read")
def finding_progress(request: PageRequest, reference: str) -> HttpResponse:
    """What follows an approval, fetched again and again while it moves; a new state means a new page."""
    found = _find(reference)
    if request.GET.get("state") != found.state:
        return _reload()
    if found.state == "decided":
        return HttpResponse(status=204)
    decision = found.decisions.select_related("change", "job").order_by("-number").first()
    shown = progress(found, decision, now=clock.now(), actor=request.actor)
    if shown is None or not shown.is_alive:
        return _reload()
    return render(
        request, "findings/_progress.html", {"progress": shown, "finding": found, "now": clock.now()}
    )


def _reload() -> HttpResponse:
    response = HttpResponse(status=204)
    response.headers["HX-Refresh"] = "true"
    return response


@page(POST="finding.claim")
def claim(request: PageRequest, reference: str) -> HttpResponse:
    found = _find(reference)
    try:
        if request.POST.get("undo"):
            unclaim_finding(actor=request.actor, finding=found)
            messages.success(request, f"{found} is not yours any more.")
        else:
            claim_finding(actor=request.actor, finding=found)
            messages.success(request, f"{found} is yours: people will ask you about it.")
    except FoldbackError as error:
        messages.error(request, plain(error.detail))
    return HttpResponseRedirect(reverse("web:finding", args=[found.reference]))


def _find(reference: str) -> Finding:
    return find_by_reference(Finding.objects.select_related("claimed_by"), reference)
