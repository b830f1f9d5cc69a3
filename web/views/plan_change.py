"""Planning a change, correcting one; templates and policies."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from changemgmt.models import ApprovalPolicy, ChangeTemplate
from changemgmt.queries.approvals import APPROVER_ROLES
from changemgmt.services.changes import log_change
from changemgmt.services.editing import update_change
from changemgmt.services.policies import create_policy, update_policy
from changemgmt.services.templates import (
    approve_template,
    propose_template,
    retire_template,
    revise_template,
)
from common.api.views import find_by_reference
from common.core import roles
from common.core.errors import FoldbackError, PreconditionFailed
from common.models.base import new_id
from inventory.models import Team
from web.access import PageRequest, page
from web.core.refusals import plain
from web.forms.plans import EditChangeForm, PlanForm, PolicyForm, ReviseTemplateForm, TemplateForm
from web.views.changes import find_change


def _usable() -> list[ChangeTemplate]:
    found = ChangeTemplate.objects.filter(retired_at=None, approved_at__isnull=False)
    return list(found.order_by("name")[:200])


@page(GET="change.log", POST="change.log")
def plan(request: PageRequest) -> HttpResponse:
    """A change that is to be done: a normal one, which somebody approves first, or one from a template."""
    templates = _usable()
    if request.method == "POST":
        form = PlanForm(request.POST, templates=templates)
    else:
        wanted = next((str(one.pk) for one in templates if one.name == request.GET.get("template")), "")
        initial = {
            "external_id": f"console-{new_id()}",
            "template": wanted,
            "where": request.GET.get("where", ""),
        }
        form = PlanForm(initial=initial, templates=templates)
    status = 200
    if form.is_bound and form.is_valid():
        try:
            change, _ = log_change(actor=request.actor, **form.service_arguments())
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            change.refresh_from_db()
            told = "It can be carried out." if change.state == "ready" else "Somebody else approves it."
            messages.success(request, f"{change.reference} is filed. {told}")
            return HttpResponseRedirect(reverse("web:change", args=[change.reference]))
    status = 422 if status == 200 and form.is_bound else status
    return render(request, "changes/plan.html", {"form": form}, status=status)


@page(GET="change.edit", POST="change.edit")
def edit(request: PageRequest, reference: str) -> HttpResponse:
    """Correct what a change says; what somebody approved of it is to be approved anew."""
    found = find_change(reference)
    form = EditChangeForm(request.POST if request.method == "POST" else None, change=found)
    status = 200
    if form.is_bound and form.is_valid():
        try:
            version = form.cleaned_data["version"]
            updated = update_change(
                actor=request.actor, change=found, fields=form.service_arguments(), expected_version=version
            )
        except PreconditionFailed as error:
            form.take_overtaken(find_change(reference).version)
            status = error.status
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            voided = updated.state != found.state
            messages.success(
                request, f"{found} is corrected{', and waits for approval anew' if voided else ''}."
            )
            return HttpResponseRedirect(reverse("web:change", args=[found.reference]))
    status = 422 if status == 200 and form.is_bound else status
    return render(request, "changes/edit.html", {"form": form, "change": found}, status=status)


@page(GET="read", POST="template.edit")
def templates(request: PageRequest) -> HttpResponse:
    """Routine changes that are approved beforehand: those there are, and a form for another."""
    form = TemplateForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound and form.is_valid():
        try:
            written = propose_template(actor=request.actor, **form.service_arguments())
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            messages.success(
                request, f"{written.name} is written. It can be used when somebody else has approved it."
            )
            return HttpResponseRedirect(reverse("web:change-templates"))
    status = 422 if status == 200 and form.is_bound else status
    found = ChangeTemplate.objects.filter(retired_at=None).select_related("proposed_by", "approved_by")
    context: dict[str, Any] = {
        "templates": found.order_by("name")[:200],
        "form": form,
        "may_write": roles.allows(request.actor, "template.edit"),
        "may_approve": roles.allows(request.actor, "change.approve"),
    }
    return render(request, "changes/templates.html", context, status=status)


@page(GET="template.edit", POST="template.edit")
def revise(request: PageRequest, reference: str) -> HttpResponse:
    """A new version, by the id of the one that was read: of two people who revise it, the second is told."""
    found = find_by_reference(ChangeTemplate.objects.all(), reference)
    form = ReviseTemplateForm(request.POST if request.method == "POST" else None, template=found)
    status = 200
    if form.is_bound and form.is_valid():
        try:
            revised = revise_template(actor=request.actor, template=found, fields=form.service_arguments())
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            told = f"Version {revised.version} of {found.name} waits for somebody else’s approval."
            if revised.pk == found.pk:
                told = f"{found.name} says that already: nothing was changed."
            messages.success(request, told)
            return HttpResponseRedirect(reverse("web:change-templates"))
    status = 422 if status == 200 and form.is_bound else status
    return render(request, "changes/revise_template.html", {"form": form, "template": found}, status=status)


@page(POST="change.approve")
def approve(request: PageRequest, reference: str) -> HttpResponse:
    """By its id, which is another for each version: what came meanwhile is not approved by mistake."""
    found = find_by_reference(ChangeTemplate.objects.all(), reference)
    return _done(
        request, "web:change-templates", f"{found.name} can be used now.", approve_template, template=found
    )


@page(POST="template.edit")
def retire(request: PageRequest, reference: str) -> HttpResponse:
    found = find_by_reference(ChangeTemplate.objects.all(), reference)
    return _done(
        request, "web:change-templates", f"{found.name} is retired.", retire_template, template=found
    )


@page(GET="read", POST="approval-policy.edit")
def policies(request: PageRequest) -> HttpResponse:
    """Which approvals changes take, and a form for another policy."""
    teams = list(Team.objects.order_by("name")[:500])
    form = PolicyForm(request.POST if request.method == "POST" else None, roles=APPROVER_ROLES, teams=teams)
    status = 200
    if form.is_bound and form.is_valid():
        try:
            made = create_policy(actor=request.actor, **form.service_arguments())
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            messages.success(
                request, f"{made.name} holds for every change that is filed or edited from now on."
            )
            return HttpResponseRedirect(reverse("web:approval-policies"))
    status = 422 if status == 200 and form.is_bound else status
    found = ApprovalPolicy.objects.filter(is_active=True).select_related("team").order_by("name")
    context = {
        "policies": found[:200],
        "form": form,
        "may_edit": roles.allows(request.actor, "approval-policy.edit"),
    }
    return render(request, "changes/policies.html", context, status=status)


@page(POST="approval-policy.edit")
def end_policy(request: PageRequest, reference: str) -> HttpResponse:
    found = find_by_reference(ApprovalPolicy.objects.all(), reference)
    told = f"{found.name} has ended. Changes that were filed under it keep it until they are edited."
    return _done(
        request, "web:approval-policies", told, update_policy, policy=found, fields={"is_active": False}
    )


def _done(request: PageRequest, back: str, told: str, act: Any, **arguments: Any) -> HttpResponse:
    try:
        act(actor=request.actor, **arguments)
    except FoldbackError as error:
        messages.error(request, plain(error.detail))
    else:
        messages.success(request, told)
    return HttpResponseRedirect(reverse(back))
