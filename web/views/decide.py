"""Deciding on one finding or several: what would happen is shown before the button that proposes it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from common import clock
from common.core.errors import FoldbackError
from drift.models import Decision, Finding
from drift.models.decision import FOLD_BACK, WAIVE
from drift.services.decisions import propose_decision
from drift.services.proposals import prepare_fold_back
from web.access import PageRequest, page
from web.core.refusals import plain
from web.forms.decisions import FoldBackForm, HandEditForm, WaiveForm
from web.queries.decide import (
    about_findings,
    as_typed,
    chosen_findings,
    fold_back_options,
    hand_edit,
    possible_approvers,
    proposal_view,
)


@page(GET="decision.propose", POST="decision.propose")
def fold_back(request: PageRequest) -> HttpResponse:
    """Where in the definition a fix belongs: each place with its patch and what it does to hosts."""
    findings = chosen_findings(_references(request))
    form = FoldBackForm(request.POST or None, needs_placement=len(findings) == 1)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            proposal = prepare_fold_back(findings=findings, placement=form.cleaned_data["placement"])
            decision = propose_decision(
                actor=request.actor,
                kind=FOLD_BACK,
                findings=findings,
                reason=form.cleaned_data["reason"],
                proposal=proposal,
            )
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            return _proposed(request, decision, findings)
    options = fold_back_options(findings)
    chosen = form["placement"].value() or (options.options[0].key if options.options else "")
    if chosen and not any(option.key == chosen for option in options.options):
        chosen = options.options[0].key if options.options else ""
    context = {
        "options": options,
        "form": form,
        "chosen": chosen,
        "by_hand_url": _url("decide-by-hand", findings),
    }
    return _show(request, "fold_back", findings, context, status=_status(form, status))


@page(GET="decision.propose", POST="decision.propose")
def waive(request: PageRequest) -> HttpResponse:
    findings = chosen_findings(_references(request))
    today = clock.now().date()
    form = WaiveForm(request.POST or None, initial={"until": today + timedelta(days=14)})
    form.fields["until"].widget.attrs["min"] = today.isoformat()
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            decision = propose_decision(
                actor=request.actor,
                kind=WAIVE,
                findings=findings,
                reason=form.cleaned_data["reason"],
                until=form.until_at(),
            )
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            return _proposed(request, decision, findings)
    return _show(request, "waive", findings, {"form": form}, status=_status(form, status))


@page(GET="decision.propose", POST="decision.propose")
def by_hand(request: PageRequest) -> HttpResponse:
    """Where nothing maps back safely, a person edits the definition's files; the effect is shown as for any other."""
    findings = chosen_findings(_references(request))
    typed = dict(zip(request.POST.getlist("path"), request.POST.getlist("text"), strict=False))
    added = [path for path in (*request.GET.getlist("path"), *request.POST.getlist("add")) if path]
    edit = hand_edit(findings, added=added)
    known = {file.path: file.text for file in edit.files if file.exists}
    typed = {path: as_typed(known.get(path), text) for path, text in typed.items()}
    wants = request.POST.get("action", "")
    form = HandEditForm(
        request.POST if wants == "propose" else None, initial={"reason": request.POST.get("reason", "")}
    )
    context: dict[str, Any] = {"form": form}
    status = 200
    if wants in ("preview", "propose"):
        valid = wants == "preview" or form.is_valid()
        try:
            proposal = prepare_fold_back(findings=findings, edits=typed)
            context["proposal"] = proposal_view(proposal)
            if wants == "propose" and valid:
                decision = propose_decision(
                    actor=request.actor,
                    kind=FOLD_BACK,
                    findings=findings,
                    reason=form.cleaned_data["reason"],
                    proposal=proposal,
                )
                return _proposed(request, decision, findings)
        except FoldbackError as error:
            context["problem"] = {
                "detail": plain(error.detail),
                "errors": [("", one.detail) for one in error.errors],
            }
            status = error.status
    context["edit"] = hand_edit(findings, added=[file.path for file in edit.files], typed=typed)
    return _show(request, "by_hand", findings, context, status=_status(form, status))


def _references(request: PageRequest) -> Sequence[str]:
    return list(dict.fromkeys(request.POST.getlist("finding") or request.GET.getlist("finding")))


def _status(form: Any, status: int) -> int:
    return 422 if status == 200 and form.is_bound and form.errors else status


def _url(name: str, findings: Sequence[Finding]) -> str:
    return f"{reverse(f'web:{name}')}?{urlencode([('finding', finding.reference) for finding in findings])}"


def _back(findings: Sequence[Finding]) -> str:
    if len(findings) == 1:
        return reverse("web:finding", args=[findings[0].reference])
    return reverse("web:findings")


def _show(
    request: PageRequest, name: str, findings: list[Finding], context: dict[str, Any], *, status: int
) -> HttpResponse:
    context |= {
        "findings": findings,
        "about": about_findings(findings),
        "approvers": possible_approvers(findings, request.actor),
        "back": _back(findings),
        "url": reverse(f"web:decide-{name.replace('_', '-')}"),
        "fold_back_url": _url("decide-fold-back", findings),
    }
    template = f"decide/_{name}.html" if request.htmx else f"decide/{name}.html"
    return render(request, template, context, status=status)


def _proposed(request: PageRequest, decision: Decision, findings: Sequence[Finding]) -> HttpResponse:
    change = decision.change
    change.refresh_from_db()
    messages.success(
        request, f"Proposed as {change.reference}. It takes effect when somebody else approves it."
    )
    if len(findings) == 1:
        return HttpResponseRedirect(reverse("web:finding", args=[findings[0].reference]))
    return HttpResponseRedirect(reverse("web:change", args=[change.reference]))
