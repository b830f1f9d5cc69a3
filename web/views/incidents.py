"""Incidents: their list, opening one, and the room in which one is worked on."""

from collections.abc import Callable
from datetime import UTC
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from changemgmt.models import Incident
from changemgmt.services.changes import log_change
from changemgmt.services.incidents import (
    close_incident,
    hand_over_incident,
    open_incident,
    reopen_incident,
    review_incident,
    update_incident,
)
from changemgmt.services.timeline import add_to_timeline
from common import clock
from common.api.views import find_by_reference
from common.core import roles
from common.core.errors import FoldbackError, PreconditionFailed
from common.models.base import new_id
from web.access import PageRequest, page, typed_texts
from web.core import commands
from web.forms.base import ConsoleForm
from web.forms.incidents import (
    CloseForm,
    ComposerForm,
    HandOverForm,
    IncidentForm,
    ReopenForm,
    ReviewForm,
)
from web.queries.incidents import STATES, incident_list, incidents_sentence, room

EDIT = "incident.edit"


@page(GET="read")
def incidents(request: PageRequest) -> HttpResponse:
    context = {
        "page": incident_list(request),
        "sentence": incidents_sentence(),
        "states": STATES,
        "wanted": request.GET.get("state", ""),
        "text": request.GET.get("q", "").replace("\0", ""),
        "may_open": roles.allows(request.actor, "incident.open"),
        "command": commands.OPEN_INCIDENT,
        "now": clock.now(),
    }
    return render(request, "incidents/list.html", context)


@page(GET="incident.open", POST="incident.open")
def open_one(request: PageRequest) -> HttpResponse:
    """The form carries an id of its own, so that sending it twice opens one."""
    initial = {"external_id": f"console-{new_id()}", "where": request.GET.get("where", "")}
    form = IncidentForm(request.POST if request.method == "POST" else None, initial=initial)
    status = 200
    if form.is_bound and form.is_valid():
        try:
            incident, is_new = open_incident(
                actor=request.actor,
                commander=form.cleaned_data["commander"],
                external_id=form.cleaned_data["external_id"],
                **form.values(),
            )
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            if is_new:
                messages.success(
                    request, f"{incident.reference} is open, and {incident.commander.name} leads."
                )
            return _to(incident)
    return _form(request, "incidents/open.html", form, status, {})


@page(GET="read")
def incident(request: PageRequest, reference: str) -> HttpResponse:
    return _show(request, _find(reference))


@page(GET="read")
def live(request: PageRequest, reference: str) -> HttpResponse:
    """The part of the room that changes while one looks: nothing new is no answer."""
    found = room(_find(reference), actor=request.actor, now=clock.now())
    if request.GET.get("seen") == found.stamp:
        return HttpResponse(status=204)
    return render(
        request, "incidents/_live.html", {"room": found, "incident": found.incident, "now": found.now}
    )


@page(POST="change.log")
def log(request: PageRequest, reference: str) -> HttpResponse:
    found, form = _find(reference), ComposerForm(request.POST)

    def act() -> str:
        change, _ = log_change(actor=request.actor, incident=found, **form.change())
        return f"Logged as {change.reference}, and yours."

    return _act(request, found, form, act, "composer")


@page(POST="incident.open")
def note(request: PageRequest, reference: str) -> HttpResponse:
    found, form = _find(reference), ComposerForm(request.POST)

    def act() -> str:
        data = form.cleaned_data
        add_to_timeline(actor=request.actor, incident=found, text=data["text"], at=data["when"])
        return "It is on the timeline."

    return _act(request, found, form, act, "composer")


@page(GET=EDIT, POST=EDIT)
def edit(request: PageRequest, reference: str) -> HttpResponse:
    found = _find(reference)
    initial = {
        "title": found.title,
        "where": found.selector or " ".join(found.hosts),
        "severity": found.severity,
        "started_at": found.started_at.astimezone(UTC),
        "version": found.version,
    }
    form = IncidentForm(request.POST if request.method == "POST" else None, initial=initial, is_new=False)
    status = 200
    if form.is_bound and form.is_valid():
        fields = form.values()
        if fields["selector"] == initial["where"]:
            del fields["selector"]  # the same words: the hosts that they meant then stay
        if abs((fields.get("started_at", found.started_at) - found.started_at).total_seconds()) < 60:
            fields.pop("started_at", None)
        try:
            version = form.cleaned_data["version"]
            update_incident(actor=request.actor, incident=found, fields=fields, expected_version=version)
        except PreconditionFailed as error:
            form.take_overtaken(_find(reference).version)
            status = error.status
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            return _to(found)
    return _form(request, "incidents/edit.html", form, status, {"incident": found})


@page(GET=EDIT, POST=EDIT)
def hand_over(request: PageRequest, reference: str) -> HttpResponse:
    found = _find(reference)
    form = HandOverForm(request.POST if request.method == "POST" else None, leading=found.commander_id)
    status = 200
    if form.is_bound and form.is_valid():
        try:
            handed = hand_over_incident(actor=request.actor, incident=found, **form.cleaned_data)
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            messages.success(request, f"{handed.commander.name} leads now.")
            return _to(found)
    return _form(request, "incidents/hand_over.html", form, status, {"incident": found})


@page(POST=EDIT)
def close(request: PageRequest, reference: str) -> HttpResponse:
    found, form = _find(reference), CloseForm(request.POST)

    def act() -> str:
        close_incident(actor=request.actor, incident=found, **form.cleaned_data)
        return "Closed. The scope is looked at once more; what nobody logged is drafted then."

    return _act(request, found, form, act, "ending")


@page(POST=EDIT)
def reopen(request: PageRequest, reference: str) -> HttpResponse:
    found, form = _find(reference), ReopenForm(request.POST)

    def act() -> str:
        reopen_incident(actor=request.actor, incident=found, **form.cleaned_data)
        return "It is open again."

    return _act(request, found, form, act, "reopening")


@page(POST=EDIT)
def review(request: PageRequest, reference: str) -> HttpResponse:
    found, form = _find(reference), ReviewForm(request.POST)

    def act() -> str:
        review_incident(actor=request.actor, incident=found, **form.cleaned_data)
        return "The review is written; the incident is done."

    return _act(request, found, form, act, "review")


def _act(
    request: PageRequest, found: Incident, form: ConsoleForm, act: Callable[[], str], name: str
) -> HttpResponse:
    """Do it and go back to the room; or show the room with what was typed and what is wrong with it."""
    status = 422
    if form.is_valid():
        try:
            messages.success(request, act())
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            return _to(found)
    needs = {"ending": "open", "review": "closed", "reopening": "closed"}
    if found.state != needs.get(
        name, found.state
    ):  # somebody was quicker: the form has no place here any more
        return _show(request, found, status=status, moot=form, typed=typed_texts(request))
    return _show(request, _find(found.reference), status=status, **{name: form})


def _show(request: PageRequest, found: Incident, *, status: int = 200, **forms: Any) -> HttpResponse:
    now = clock.now()
    where = found.hosts[0] if len(found.hosts) == 1 else ""
    context = {
        "room": room(found, actor=request.actor, now=now),
        "incident": found,
        "now": now,
        "composer": ComposerForm(initial={"external_id": f"console-{new_id()}", "where": where}),
        "ending": CloseForm(),
        "review": ReviewForm(),
        "reopening": ReopenForm(),
        **forms,
    }
    return render(request, "incidents/room.html", context, status=status)


def _form(
    request: PageRequest, template: str, form: ConsoleForm, status: int, context: dict[str, Any]
) -> HttpResponse:
    status = 422 if status == 200 and form.is_bound else status
    return render(request, template, {"form": form, **context}, status=status)


def _find(reference: str) -> Incident:
    return find_by_reference(
        Incident.objects.select_related("commander", "opened_by", "reviewed_by"), reference
    )


def _to(found: Incident) -> HttpResponse:
    return HttpResponseRedirect(reverse("web:incident", args=[found.reference]))
