"""Scans: start one, watch it, read what came of it."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from common import clock
from common.api.views import find_by_reference
from common.core import roles
from common.core.errors import FoldbackError, Invalid
from common.services.jobs import cancel_job
from drift.models import Scan
from drift.queries.reports import drift_report
from drift.services.scans import create_scan_once
from web.access import PageRequest, page
from web.core import commands
from web.core.refusals import plain
from web.forms.scans import ScanForm
from web.queries.scans import preview_selector, scan_hosts, scan_list, scan_live


@page(GET="read", POST="scan.run")
def scan_index(request: PageRequest) -> HttpResponse:
    form = ScanForm(
        request.POST if request.method == "POST" else None, initial={"selector": request.GET.get("hosts", "")}
    )
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            scan = create_scan_once(
                actor=request.actor, selector=form.cleaned_data["selector"], mode=form.cleaned_data["mode"]
            )
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            scan.refresh_from_db()
            return HttpResponseRedirect(reverse("web:scan", args=[scan.reference]))
    context = {
        "form": form,
        "page": scan_list(request),
        "command": commands.SCAN,
        "may_scan": roles.allows(request.actor, "scan.run"),
        "now": clock.now(),
    }
    status = 422 if status == 200 and form.is_bound and form.errors else status
    return render(request, "scans/list.html", context, status=status)


@page(GET="read")
def preview(request: PageRequest) -> HttpResponse:
    """What a selector means now, while it is typed."""
    text = (request.GET.get("selector") or request.GET.get("where") or "").strip()
    context: dict[str, object] = {}
    if text:
        try:
            context["preview"] = preview_selector(text)
        except Invalid as error:
            context["problem"] = error.detail
    return render(request, "scans/_preview.html", context)


@page(GET="read")
def scan(request: PageRequest, reference: str) -> HttpResponse:
    """The page; what moves of it is fetched again while the scan runs, and the whole a last time when it ends."""
    now = clock.now()
    found = _find(reference)
    if request.htmx and request.htmx.target == "hosts":
        return render(
            request, "scans/_hosts.html", {"scan": found, "now": now, "list": scan_hosts(request, found)}
        )
    live = scan_live(found, now=now, actor=request.actor)
    asked = {name: request.GET.get(key, "") for name, key in (("outcome", "status"), ("reason", "reason"))}
    context = {"live": live, "scan": found, "now": now, **asked}
    if not request.htmx:
        return render(request, "scans/scan.html", {**context, "list": scan_hosts(request, found)})
    if live.is_alive:
        return render(request, "scans/_live.html", context)
    response = HttpResponse(status=204)
    response.headers["HX-Refresh"] = "true"
    return response


@page(POST="scan.run")
def cancel(request: PageRequest, reference: str) -> HttpResponse:
    found = _find(reference)
    try:
        if found.job is None:
            raise Invalid(f"{found} has no job to stop.")
        cancel_job(actor=request.actor, job=found.job)
        messages.success(request, f"{found} stops. What has been looked at stays.")
    except FoldbackError as error:
        messages.error(request, plain(error.detail))
    return HttpResponseRedirect(reverse("web:scan", args=[found.reference]))


@page(GET="read")
def report(request: PageRequest, reference: str) -> HttpResponse:
    """The drift report as a page that can be printed and sent on."""
    return render(
        request, "reports/drift.html", {"report": drift_report(_find(reference)), "now": clock.now()}
    )


def _find(reference: str) -> Scan:
    """Without the list of hosts that is frozen on it, which is long; asked for where it is needed."""
    return find_by_reference(Scan.objects.select_related("job", "policy").defer("hosts"), reference)
