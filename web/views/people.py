"""People, for admins: their list, one corrected, let go and taken back."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from common import clock
from common.core.errors import FoldbackError, PreconditionFailed
from common.models import Person
from common.services.people import create_person, deactivate_person, reactivate_person, update_person
from inventory.api.references import find_person
from web.access import PageRequest, page
from web.core.refusals import plain
from web.core.sentences import plural, sentence
from web.forms.people import LeaveForm, PersonForm
from web.paging import paged

EDIT = "person.edit"


@page(GET=EDIT)
def people(request: PageRequest) -> HttpResponse:
    counted = Person.objects.aggregate(
        active=Count("pk", filter=Q(is_active=True)), left=Count("pk", filter=Q(is_active=False))
    )
    told = sentence(
        f"{plural(counted['active'], 'person', 'people')} can sign in",
        f"{counted['left']} can’t any more" if counted["left"] else "",
    )
    shown = paged(request, Person.objects.all(), by="username", size=100, noun="name")
    return render(request, "people/list.html", {"page": shown, "sentence": told, "now": clock.now()})


@page(GET=EDIT, POST=EDIT)
def new(request: PageRequest) -> HttpResponse:
    form = PersonForm(_sent(request), initial={"role": "ops"}, is_new=True)
    status = 200
    if form.is_valid():
        try:
            made = create_person(actor=request.actor, **form.values())
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            told = f"{made} is here. manage.py login_link {made} prints a link with which they sign in."
            messages.success(request, told)
            return _to(made)
    status = 422 if form.errors and status == 200 else status
    return render(request, "people/new.html", {"form": form}, status=status)


@page(GET=EDIT, POST=EDIT)
def person(request: PageRequest, name: str) -> HttpResponse:
    found = find_person(name)
    initial = {field: getattr(found, field) for field in ("name", "email", "role", "version")}
    form = PersonForm(_sent(request), initial=initial, is_new=False)
    status = 200
    if form.is_valid():
        version = form.cleaned_data["version"]
        try:
            update_person(
                actor=request.actor, person=found, changes=form.values(), expected_version=version or 0
            )
        except PreconditionFailed as error:
            form.take_overtaken(find_person(name).version)
            status = error.status
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            messages.success(request, f"{found} is changed.")
            return _to(found)
    return _show(request, found, form=form, status=422 if form.errors and status == 200 else status)


@page(POST=EDIT)
def deactivate(request: PageRequest, name: str) -> HttpResponse:
    found = find_person(name)
    form = LeaveForm(request.POST, leaving=found)
    status = 422
    if form.is_valid():
        successor = form.cleaned_data["successor"]
        try:
            tokens = deactivate_person(actor=request.actor, person=found, successor=successor)
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            told = f"{found} can’t sign in any more; {plural(tokens, 'token')} of theirs revoked."
            messages.success(request, told)
            return _to(found)
    return _show(request, found, leaving=form, status=status)


@page(POST=EDIT)
def reactivate(request: PageRequest, name: str) -> HttpResponse:
    found = find_person(name)
    try:
        reactivate_person(actor=request.actor, person=found)
    except FoldbackError as error:
        messages.error(request, plain(error.detail))
    else:
        messages.success(request, f"{found} can sign in again. Revoked tokens stay so.")
    return _to(found)


def _show(request: PageRequest, found: Person, *, status: int = 200, **forms: Any) -> HttpResponse:
    initial = {field: getattr(found, field) for field in ("name", "email", "role", "version")}
    context = {
        "found": found,
        "now": clock.now(),
        "form": PersonForm(initial=initial, is_new=False),
        "leaving": LeaveForm(leaving=found),
        "leads": found.teams_led.order_by("name"),
        "member_of": found.teams.order_by("name"),
        **forms,
    }
    return render(request, "people/person.html", context, status=status)


def _sent(request: PageRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _to(found: Person) -> HttpResponse:
    return HttpResponseRedirect(reverse("web:person", args=[found.username]))
