"""Adopting live hosts: begun with a form, watched, read before anything is committed, merged by another person."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from common import clock
from common.api.views import find_by_reference
from common.core import roles
from common.core.errors import FoldbackError
from drift.models import Adoption
from drift.services.adoptions import (
    create_adoption,
    discard_adoption,
    merge_adoption,
    plan_again,
    propose_adoption,
)
from web.access import PageRequest, page
from web.core import commands
from web.core.refusals import plain
from web.forms.adoption import AdoptForm, AdoptionOptionsForm, CommitAdoptionForm, MergeAdoptionForm
from web.forms.base import ConsoleForm
from web.queries.adoption import adoption_list, adoption_page, planned_file


@page(GET="read", POST="decision.propose")
def adoptions(request: PageRequest) -> HttpResponse:
    initial = {**AdoptionOptionsForm.initial_of({}), "selector": request.GET.get("hosts", "")}
    form = AdoptForm(request.POST if request.method == "POST" else None, initial=initial)
    status = 200
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            adoption = create_adoption(
                actor=request.actor,
                selector=data["selector"],
                roots=data["roots"].split("\n"),
                options=form.options(),
            )
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            return _to(adoption)
    status = 422 if status == 200 and form.is_bound and form.errors else status
    context = {
        "form": form,
        "page": adoption_list(request),
        "command": commands.ADOPT,
        "may_adopt": roles.allows(request.actor, "decision.propose"),
        "now": clock.now(),
    }
    return render(request, "definition/adopt.html", context, status=status)


@page(GET="read")
def adoption(request: PageRequest, reference: str) -> HttpResponse:
    """The page; fetched again while it moves by itself, and once as a whole when it stands."""
    found = _find(reference)
    if request.htmx and not adoption_page(found, actor=request.actor, now=clock.now()).is_alive:
        response = HttpResponse(status=204)
        response.headers["HX-Refresh"] = "true"
        return response
    return _show(request, found)


def _show(request: PageRequest, found: Adoption, *, status: int = 200, **forms: ConsoleForm) -> HttpResponse:
    context: dict[str, Any] = {
        "found": adoption_page(found, actor=request.actor, now=clock.now()),
        "adoption": found,
        "change": found.change,
        "options_form": AdoptionOptionsForm(initial=AdoptionOptionsForm.initial_of(found.options)),
        "commit_form": CommitAdoptionForm(initial={"digest": found.digest}),
        "merge_form": MergeAdoptionForm(initial={"digest": found.digest}),
        "now": clock.now(),
        **forms,
    }
    name = "definition/_adoption_live.html" if request.htmx else "definition/adoption.html"
    return render(request, name, context, status=status)


@page(GET="read")
def file(request: PageRequest, reference: str, path: str) -> HttpResponse:
    found = _find(reference)
    context = {"adoption": found, "found": planned_file(found, path)}
    return render(request, "definition/adoption_file.html", context)


@page(POST="decision.propose")
def plan(request: PageRequest, reference: str) -> HttpResponse:
    form = AdoptionOptionsForm(request.POST)

    def act(found: Adoption) -> str:
        plan_again(actor=request.actor, adoption=found, options=form.options())
        return ""

    return _act(request, reference, "options_form", form, act)


@page(POST="decision.propose")
def commit(request: PageRequest, reference: str) -> HttpResponse:
    form = CommitAdoptionForm(request.POST)

    def act(found: Adoption) -> str:
        propose_adoption(actor=request.actor, adoption=found, **form.cleaned_data)
        return f"{found} is proposed. Another person reads its branch and merges it."

    return _act(request, reference, "commit_form", form, act)


@page(POST="change.approve")
def merge(request: PageRequest, reference: str) -> HttpResponse:
    form = MergeAdoptionForm(request.POST)

    def act(found: Adoption) -> str:
        merge_adoption(actor=request.actor, adoption=found, **form.cleaned_data)
        return f"You approved {found}. A worker brings it to main, and its hosts are looked at again."

    return _act(request, reference, "merge_form", form, act)


@page(POST="decision.propose")
def discard(request: PageRequest, reference: str) -> HttpResponse:
    found = _find(reference)
    try:
        discard_adoption(actor=request.actor, adoption=found)
    except FoldbackError as error:
        messages.error(request, plain(error.detail))
    else:
        messages.success(request, f"{found} is discarded, and what was seen is forgotten.")
    return _to(found)


def _act(
    request: PageRequest, reference: str, name: str, form: ConsoleForm, act: Callable[[Adoption], str]
) -> HttpResponse:
    found = _find(reference)
    if not form.is_valid():
        return _show(request, found, status=422, **{name: form})
    try:
        told = act(found)
    except FoldbackError as error:
        form.take_refusal(error)
        return _show(request, _find(reference), status=error.status, **{name: form})
    if told:
        messages.success(request, told)
    return _to(found)


def _to(found: Adoption) -> HttpResponse:
    return HttpResponseRedirect(reverse("web:adoption", args=[found.reference]))


def _find(reference: str) -> Adoption:
    adoptions = Adoption.objects.select_related("job", "change__owner", "change__requested_by")
    return find_by_reference(adoptions, reference)
