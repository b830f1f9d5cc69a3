"""Scan policies: their list with the hosts that none looks at, one with its due times, make, change, switch, delete."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from common import clock
from common.api.views import find_by_reference
from common.core import roles
from common.core.errors import FoldbackError
from drift.models import ScanPolicy
from drift.services.scan_policies import create_scan_policy, delete_scan_policy, update_scan_policy
from drift.services.schedules import run_policy
from web.access import PageRequest, page
from web.core import commands
from web.core.refusals import plain
from web.forms.scan_policies import ScanPolicyForm
from web.queries.scan_policies import policy_list, policy_page, preview_policy

EDIT = "scan-policy.edit"


@page(GET="read")
def policies(request: PageRequest) -> HttpResponse:
    now = clock.now()
    context = {
        "found": policy_list(request, now=now),
        "may_edit": roles.allows(request.actor, EDIT),
        "command": commands.SCAN_POLICY,
        "now": now,
    }
    return render(request, "scans/policies/list.html", context)


@page(GET="read")
def policy(request: PageRequest, name: str) -> HttpResponse:
    now = clock.now()
    context = {
        "found": policy_page(request, _find(name), now=now),
        "may_edit": roles.allows(request.actor, EDIT),
        "may_scan": roles.allows(request.actor, "scan.run"),
        "now": now,
    }
    return render(request, "scans/policies/policy.html", context)


@page(GET=EDIT, POST=EDIT)
def new(request: PageRequest) -> HttpResponse:
    initial = {"selector": request.GET.get("hosts", ""), "quick_every": 300, "deep_every": 86_400}
    form = ScanPolicyForm(_sent(request), initial=initial, is_new=True)
    status = 200
    if _is_meant(request) and form.is_valid():
        try:
            made = create_scan_policy(actor=request.actor, **form.values())
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            messages.success(request, f"{made} is at work; see below when it is first due.")
            return _to(made)
    return _show_form(request, form, None, status)


@page(GET=EDIT, POST=EDIT)
def edit(request: PageRequest, name: str) -> HttpResponse:
    found = _find(name)
    fields = ("selector", "quick_every", "deep_every", "note", "version")
    form = ScanPolicyForm(
        _sent(request), initial={field: getattr(found, field) for field in fields}, is_new=False
    )
    status = 200
    if _is_meant(request) and form.is_valid():
        found.version = form.cleaned_data["version"] or 0
        try:
            update_scan_policy(actor=request.actor, policy=found, changes=form.values())
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            messages.success(request, f"{found} is changed.")
            return _to(found)
    return _show_form(request, form, found, status)


@page(GET=EDIT)
def preview(request: PageRequest) -> HttpResponse:
    """What a policy would mean, while it is typed."""
    return render(
        request, "scans/policies/_preview.html", _preview(ScanPolicyForm(request.GET, is_new=False))
    )


@page(POST=EDIT)
def switch(request: PageRequest, name: str) -> HttpResponse:
    found = _find(name)
    enabled = request.POST.get("enabled") == "yes"
    try:
        update_scan_policy(actor=request.actor, policy=found, changes={"enabled": enabled})
    except FoldbackError as error:
        messages.error(request, plain(error.detail))
    else:
        off = f"{found} is off: nothing is due until somebody switches it on."
        messages.success(request, f"{found} is on." if enabled else off)
    return _to(found)


@page(GET=EDIT, POST=EDIT)
def delete(request: PageRequest, name: str) -> HttpResponse:
    found = _find(name)
    if request.method == "POST":
        delete_scan_policy(actor=request.actor, policy=found)
        messages.success(request, f"{found} is deleted. Its scans stay.")
        return HttpResponseRedirect(reverse("web:scan-policies"))
    context = {"found": policy_page(request, found, now=clock.now())}
    return render(request, "scans/policies/delete.html", context)


@page(POST="scan.run")
def run(request: PageRequest, name: str) -> HttpResponse:
    found = _find(name)
    mode = "deep" if request.POST.get("mode") == "deep" else "quick"
    try:
        scan = run_policy(actor=request.actor, policy=found, mode=mode)
    except FoldbackError as error:
        messages.error(request, plain(error.detail))
        return _to(found)
    scan.refresh_from_db()
    return HttpResponseRedirect(reverse("web:scan", args=[scan.reference]))


def _find(name: str) -> ScanPolicy:
    return find_by_reference(ScanPolicy.objects.select_related("created_by"), name, name_field="name")


def _to(found: ScanPolicy) -> HttpResponse:
    return HttpResponseRedirect(reverse("web:scan-policy", args=[found.name]))


def _sent(request: PageRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _is_meant(request: PageRequest) -> bool:
    """Whether the form is to be saved, and not only looked at once more."""
    return request.method == "POST" and request.POST.get("action") != "preview"


def _preview(form: ScanPolicyForm) -> dict[str, Any]:
    """Of what is in the form, typed or not; a length of time that can't be read is left out here, and told by the form."""
    form.is_valid()
    values = form.cleaned_data if form.is_bound else form.initial
    return {
        "preview": preview_policy(
            selector=values.get("selector") or "",
            quick_every=values.get("quick_every"),
            deep_every=values.get("deep_every"),
        )
    }


def _show_form(
    request: PageRequest, form: ScanPolicyForm, found: ScanPolicy | None, status: int
) -> HttpResponse:
    context = {"form": form, "policy": found, **_preview(form)}
    if status == 200 and form.is_bound and form.errors:
        status = 422
    return render(request, "scans/policies/form.html", context, status=status)
