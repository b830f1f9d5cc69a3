"""Changes: who did what and why; decisions are approved here."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from changemgmt.models import Change
from changemgmt.services.approvals import approve_change, refuse_change
from changemgmt.services.changes import claim_change
from changemgmt.services.proposals import withdraw_change
from common import clock
from common.api.views import find_by_reference
from common.core import roles
from common.core.errors import FieldError, FoldbackError, Invalid, NotFound
from drift.models import Adoption, Decision
from drift.services.decisions import refresh_decision, withdraw_decision
from drift.services.proposals import prepare_refresh
from drift.services.waivers import end_waiver
from web.access import PageRequest, page
from web.core import commands
from web.core.refusals import plain
from web.forms.changes import ChangeFilterForm
from web.forms.decisions import ReasonForm, VerdictForm
from web.queries.changes import (
    OWNER_SOURCES,
    change_list,
    decision_view,
    explained_findings,
    may_claim,
    timeline,
)
from web.queries.jobs import job_bar


@page(GET="read")
def change_index(request: PageRequest) -> HttpResponse:
    form = ChangeFilterForm(request.GET)
    wanted = form.wanted()
    context = {"form": form, "wanted": wanted, "page": change_list(request, wanted), "now": clock.now()}
    context["command"] = commands.LOG_CHANGE
    return render(request, "changes/list.html", context)


@page(GET="read")
def change(request: PageRequest, reference: str) -> HttpResponse:
    return show_change(request, _find(reference))


@page(GET="read")
def decision(request: PageRequest, reference: str) -> HttpResponse:
    """A decision is read where it is approved: on its change's page."""
    found = find_by_reference(Decision.objects.select_related("change"), reference)
    return HttpResponseRedirect(reverse("web:change", args=[found.change.reference]))


def show_change(
    request: PageRequest, found: Change, *, verdict_form: VerdictForm | None = None, status: int = 200
) -> HttpResponse:
    now = clock.now()
    context: dict[str, Any] = {
        "change": found,
        "owner_source": OWNER_SOURCES[found.owner_source],
        "may_claim": may_claim(found, request.actor),
        "may_end": roles.allows(request.actor, "decision.propose"),
        "now": now,
    }
    if found.is_decision:
        decided = decision_view(found, actor=request.actor)
        decision = decided.decision
        context["decided"] = decided
        context["verdict_form"] = verdict_form or VerdictForm(initial={"digest": found.digest})
        context["reason_form"] = ReasonForm()
        if decision is not None and decision.job is not None:
            context["job"] = job_bar(
                decision.job, now=now, actor=request.actor, title="Committing to the definition"
            )
        context["events"] = timeline(found.pk, *([decision.pk] if decision else []))
    else:
        context["explains"] = explained_findings(found)
        context["events"] = timeline(found.pk)
    return render(request, "changes/change.html", context, status=status)


@page(POST="change.edit")
def claim(request: PageRequest, reference: str) -> HttpResponse:
    found = _find(reference)
    return _act(
        request, found, lambda: claim_change(actor=request.actor, change=found), f"{found} is yours now."
    )


@page(POST="change.approve")
def approve(request: PageRequest, reference: str) -> HttpResponse:
    """The digest of what was read comes with the form: what moved since is not approved by mistake."""

    def act(found: Change, form: VerdictForm) -> str:
        comment = form.cleaned_data["comment"]
        approve_change(actor=request.actor, change=found, digest=form.cleaned_data["digest"], comment=comment)
        return f"You approved {found}. A worker carries it out now."

    return _give_verdict(request, reference, act)


@page(POST="change.approve")
def refuse(request: PageRequest, reference: str) -> HttpResponse:
    def act(found: Change, form: VerdictForm) -> str:
        reason = form.cleaned_data["comment"]
        if not reason:
            told = "say why you refuse it, so that they can propose something better"
            raise Invalid(told, errors=[FieldError("/reason", told)])
        refuse_change(actor=request.actor, change=found, reason=reason, digest=form.cleaned_data["digest"])
        return f"You refused {found}. What it would have decided is open again."

    return _give_verdict(request, reference, act)


def _give_verdict(
    request: PageRequest, reference: str, act: Callable[[Change, VerdictForm], str]
) -> HttpResponse:
    found = _find(reference)
    form = VerdictForm(request.POST)
    if not form.is_valid():
        return show_change(request, found, verdict_form=form, status=422)
    try:
        told = act(found, form)
    except FoldbackError as error:
        form.take_refusal(error)
        return show_change(request, _find(reference), verdict_form=form, status=error.status)
    messages.success(request, told)
    return HttpResponseRedirect(_back(request, found))


@page(POST="decision.propose")
def withdraw(request: PageRequest, reference: str) -> HttpResponse:
    found = _find(reference)
    reason = request.POST.get("reason", "")
    if Adoption.objects.filter(change=found).exists():
        told = f"{found} is withdrawn; what it would have adopted can be planned again."
        return _act(
            request, found, lambda: withdraw_change(actor=request.actor, change=found, reason=reason), told
        )
    return _act(
        request,
        found,
        lambda: withdraw_decision(actor=request.actor, decision=_decision(found), reason=reason),
        f"{found} is withdrawn, and its findings are open again.",
    )


@page(POST="decision.propose")
def refresh(request: PageRequest, reference: str) -> HttpResponse:
    """Compute a proposal anew on the definition as it is now."""
    found = _find(reference)

    def act() -> None:
        decision = _decision(found)
        findings, proposal = prepare_refresh(decision)
        refresh_decision(actor=request.actor, decision=decision, findings=findings, proposal=proposal)

    return _act(request, found, act, f"{found} stands on the present definition now.")


@page(POST="decision.propose")
def end(request: PageRequest, reference: str) -> HttpResponse:
    """End a waiver before its date."""
    found = _find(reference)
    reason = request.POST.get("reason", "").strip() or "ended by hand"
    return _act(
        request,
        found,
        lambda: end_waiver(actor=request.actor, decision=_decision(found), reason=reason),
        "The waiver is over, and its findings are open again.",
    )


def _act(request: PageRequest, found: Change, act: Callable[[], Any], told: str) -> HttpResponse:
    try:
        act()
    except FoldbackError as error:
        messages.error(request, plain(error.detail))
    else:
        messages.success(request, told)
    return HttpResponseRedirect(_back(request, found))


def _back(request: PageRequest, found: Change) -> str:
    """Where the form was: the finding's page when it came from there, else the change's."""
    target = request.POST.get("next", "")
    if target.startswith("/") and url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        return target
    return reverse("web:change", args=[found.reference])


def _find(reference: str) -> Change:
    changes = Change.objects.select_related("owner", "requested_by", "decision", "decision__job")
    return find_by_reference(changes, reference)


def _decision(found: Change) -> Decision:
    decision = Decision.objects.select_related("change", "job").filter(change=found).first()
    if decision is None:
        raise NotFound(f"{found} decides on no findings.")
    return decision
