"""Changes: who did what and why; decisions are approved here."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from changemgmt.models import Change
from changemgmt.services.approvals import approve_change, refuse_change
from changemgmt.services.proposals import withdraw_change
from changemgmt.services.transfers import claim_change
from common import clock
from common.api.views import find_by_reference
from common.core import roles
from common.core.actor import Actor
from common.core.errors import FieldError, FoldbackError, Invalid, NotFound
from drift.models import Adoption, Decision
from drift.services.decisions import refresh_decision, withdraw_decision
from drift.services.proposals import prepare_refresh
from drift.services.waivers import end_waiver
from web.access import PageRequest, page, typed_texts
from web.core import commands
from web.core.refusals import plain
from web.forms.changes import ChangeFilterForm
from web.forms.decisions import VerdictForm
from web.forms.verbs import (
    AttachForm,
    CommentForm,
    EndWaiverForm,
    OutcomeForm,
    ReviewForm,
    TransferForm,
    VerbForm,
)
from web.queries.change_page import ChangeView, change_view, successors, talk_of
from web.queries.changes import (
    OWNER_SOURCES,
    ChangeFilter,
    DecisionView,
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
    now = clock.now()
    context = {"form": form, "wanted": wanted, "page": change_list(request, wanted, now), "now": now}
    context["tabs"] = _tabs(wanted, request.user.username)
    context["command"] = commands.LOG_CHANGE
    context["may_import"] = roles.allows(request.actor, "change.import")
    return render(request, "changes/list.html", context)


def _tabs(wanted: ChangeFilter, username: str) -> list[dict[str, Any]]:
    """The lists that are asked for most."""
    address = reverse("web:changes")
    return [
        {"label": label, "url": address + query, "here": wanted == narrowed}
        for label, query, narrowed in (
            ("All", "", ChangeFilter()),
            ("Mine", f"?owner={quote(username)}", ChangeFilter(owner=username)),
            ("To be approved", "?state=proposed", ChangeFilter(state="proposed")),
            ("Under way", "?state=started", ChangeFilter(state="started")),
            ("Overdue", "?overdue=on", ChangeFilter(overdue=True)),
        )
    ]


@page(GET="read")
def change(request: PageRequest, reference: str) -> HttpResponse:
    return show_change(request, find_change(reference))


@page(GET="read")
def decision(request: PageRequest, reference: str) -> HttpResponse:
    """A decision is read where it is approved: on its change's page."""
    found = find_by_reference(Decision.objects.select_related("change"), reference)
    return HttpResponseRedirect(reverse("web:change", args=[found.change.reference]))


def show_change(
    request: PageRequest,
    found: Change,
    *,
    verdict_form: VerdictForm | None = None,
    refused: VerbForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """`refused`: what was typed into one of the page's forms, with what is wrong with it."""
    now = clock.now()
    context: dict[str, Any] = {
        "change": found,
        "owner_source": OWNER_SOURCES[found.owner_source],
        "may_claim": may_claim(found, request.actor),
        "now": now,
    }
    if found.is_decision:
        decided = decision_view(found, actor=request.actor)
        decision = decided.decision
        context["decided"] = decided
        context["verdict_form"] = verdict_form or VerdictForm(initial={"digest": found.digest})
        if decision is not None and decision.job is not None:
            context["job"] = job_bar(
                decision.job, now=now, actor=request.actor, title="Committing to the definition"
            )
        context["events"] = timeline(found.pk, *([decision.pk] if decision else []))
    else:
        context["decided"] = change_view(found, actor=request.actor, now=now)
        context["verdict_form"] = verdict_form or VerdictForm(initial={"digest": found.digest})
        context["explains"] = explained_findings(found)
        context["events"] = timeline(found.pk)
    context["talk"] = talk_of(found)
    offered = _forms(found, context["decided"], request.actor)
    if refused is not None and refused.name in offered:
        offered[refused.name] = refused
    elif refused is not None:  # somebody was quicker: the form has no place here any more
        context |= {"moot": refused, "typed": typed_texts(request)}
    context["forms"] = offered
    return render(request, "changes/change.html", context, status=status)


def _forms(found: Change, decided: DecisionView | ChangeView, actor: Actor) -> dict[str, VerbForm]:
    """The forms that this page has for this person now, by name."""
    may = decided.may if isinstance(decided, ChangeView) else {}
    forms: list[VerbForm] = []
    if found.state == "started" and may.get("carry_out"):
        forms.append(OutcomeForm())
    if may.get("review"):
        forms.append(ReviewForm())
    if may.get("transfer"):
        forms.append(TransferForm(people=[one for one in successors() if one.pk != found.owner_id]))
    if isinstance(decided, DecisionView) and decided.is_in_force and roles.allows(actor, "decision.propose"):
        forms.append(EndWaiverForm())
    if roles.allows(actor, "change.log"):
        forms += [CommentForm(), AttachForm()]
    return {form.name: form for form in forms}


@page(POST="change.edit")
def claim(request: PageRequest, reference: str) -> HttpResponse:
    found = find_change(reference)
    return act(
        request, found, lambda: claim_change(actor=request.actor, change=found), f"{found} is yours now."
    )


@page(POST="change.approve")
def approve(request: PageRequest, reference: str) -> HttpResponse:
    """The digest of what was read comes with the form: what moved since is not approved by mistake."""

    def give(found: Change, form: VerdictForm) -> str:
        comment = form.cleaned_data["comment"]
        approve_change(actor=request.actor, change=found, digest=form.cleaned_data["digest"], comment=comment)
        return _told_of(found)

    return _give_verdict(request, reference, give)


@page(POST="change.approve")
def refuse(request: PageRequest, reference: str) -> HttpResponse:
    def give(found: Change, form: VerdictForm) -> str:
        reason = form.cleaned_data["comment"]
        if not reason:
            told = "say why you refuse it, so that they can propose something better"
            raise Invalid(told, errors=[FieldError("/reason", told)])
        refuse_change(actor=request.actor, change=found, reason=reason, digest=form.cleaned_data["digest"])
        if found.is_decision:
            return f"You refused {found}. What it would have decided is open again."
        return f"You refused {found}; {found.owner.username} can correct it."

    return _give_verdict(request, reference, give)


def _told_of(found: Change) -> str:
    now = find_change(found.reference)
    if now.state == found.state:
        return f"You approved {found}. It takes more approvals than yours."
    if found.is_decision:
        return f"You approved {found}. A worker carries it out now."
    if now.state == "accepted":
        return f"You approved {found} afterwards."
    return f"You approved {found}. {found.owner.username} can carry it out."


def _give_verdict(
    request: PageRequest, reference: str, give: Callable[[Change, VerdictForm], str]
) -> HttpResponse:
    found = find_change(reference)
    form = VerdictForm(request.POST)
    if not form.is_valid():
        return show_change(request, found, verdict_form=form, status=422)
    try:
        told = give(found, form)
    except FoldbackError as error:
        form.take_refusal(error)
        return show_change(request, find_change(reference), verdict_form=form, status=error.status)
    messages.success(request, told)
    return HttpResponseRedirect(_back(request, found))


@page(POST="decision.propose")
def withdraw(request: PageRequest, reference: str) -> HttpResponse:
    found = find_change(reference)
    reason = request.POST.get("reason", "")
    if not found.is_decision:
        return act(
            request,
            found,
            lambda: withdraw_change(actor=request.actor, change=found, reason=reason),
            f"{found} is withdrawn.",
        )
    if Adoption.objects.filter(change=found).exists():
        told = f"{found} is withdrawn; what it would have adopted can be planned again."
        return act(
            request, found, lambda: withdraw_change(actor=request.actor, change=found, reason=reason), told
        )
    return act(
        request,
        found,
        lambda: withdraw_decision(actor=request.actor, decision=_decision(found), reason=reason),
        f"{found} is withdrawn, and its findings are open again.",
    )


@page(POST="decision.propose")
def refresh(request: PageRequest, reference: str) -> HttpResponse:
    """Compute a proposal anew on the definition as it is now."""
    found = find_change(reference)

    def do() -> None:
        decision = _decision(found)
        findings, proposal = prepare_refresh(decision)
        refresh_decision(actor=request.actor, decision=decision, findings=findings, proposal=proposal)

    return act(request, found, do, f"{found} stands on the present definition now.")


@page(POST="decision.propose")
def end(request: PageRequest, reference: str) -> HttpResponse:
    """End a waiver before its date."""
    found = find_change(reference)
    form = EndWaiverForm(request.POST)

    def do() -> None:
        decision = _decision(found)
        end_waiver(actor=request.actor, decision=decision, reason=form.cleaned_data["reason"])

    return act(request, found, do, "The waiver is over, and its findings are open again.", form)


def act(
    request: PageRequest,
    found: Change,
    do: Callable[[], Any],
    told: str,
    form: VerbForm | None = None,
) -> HttpResponse:
    """Do it and go back to where the button was. A refusal of what came with a `form` shows the page with what was
    typed; one of a button alone is told there."""
    if form is not None and not form.is_valid():
        return show_change(request, found, refused=form, status=422)
    try:
        do()
    except FoldbackError as error:
        if form is not None:
            form.take_refusal(error)
            return show_change(request, find_change(found.reference), refused=form, status=error.status)
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


def find_change(reference: str) -> Change:
    changes = Change.objects.select_related(
        "owner", "requested_by", "reviewed_by", "incident", "template", "decision", "decision__job"
    )
    return find_by_reference(changes, reference)


def _decision(found: Change) -> Decision:
    decision = Decision.objects.select_related("change", "job").filter(change=found).first()
    if decision is None:
        raise NotFound(f"{found} decides on no findings.")
    return decision
