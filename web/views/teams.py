"""Teams: their list, one with its people and channels, made and changed by an admin."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from common import clock
from common.core import roles
from common.core.errors import FoldbackError
from inventory.api.references import find_team
from inventory.models import Team
from inventory.services.teams import create_team, update_team
from web.access import PageRequest, page
from web.core import commands
from web.forms.teams import TeamForm
from web.queries.teams import team_list, team_page

EDIT = "team.edit"


@page(GET="read")
def teams(request: PageRequest) -> HttpResponse:
    context = {
        "found": team_list(request),
        "may_edit": roles.allows(request.actor, EDIT),
        "command": commands.TEAM,
        "now": clock.now(),
    }
    return render(request, "teams/list.html", context)


@page(GET="read")
def team(request: PageRequest, name: str) -> HttpResponse:
    found = find_team(name)
    context = {
        "found": team_page(request.actor, found),
        "may_edit": roles.allows(request.actor, EDIT),
        "leads": found.lead_id == request.user.pk or roles.allows(request.actor, EDIT),
        "now": clock.now(),
    }
    return render(request, "teams/team.html", context)


@page(GET=EDIT, POST=EDIT)
def new(request: PageRequest) -> HttpResponse:
    form = TeamForm(_sent(request), is_new=True)
    status = 200
    if form.is_valid():
        try:
            made = create_team(actor=request.actor, **form.values())
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            messages.success(request, f"The team {made} is made. Hosts name it as their team.")
            return _to(made)
    return _show_form(request, form, None, status)


@page(GET=EDIT, POST=EDIT)
def edit(request: PageRequest, name: str) -> HttpResponse:
    found = find_team(name)
    initial = {
        "lead": found.lead.username,
        "members": " ".join(found.members.order_by("username").values_list("username", flat=True)),
        "description": found.description,
        "version": found.version,
    }
    form = TeamForm(_sent(request), initial=initial, is_new=False)
    status = 200
    if form.is_valid():
        found.version = form.cleaned_data["version"] or 0
        try:
            update_team(actor=request.actor, team=found, changes=form.values())
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            messages.success(request, f"The team {found} is changed.")
            return _to(found)
    return _show_form(request, form, found, status)


def _sent(request: PageRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _to(team: Team) -> HttpResponse:
    return HttpResponseRedirect(reverse("web:team", args=[team.name]))


def _show_form(request: PageRequest, form: TeamForm, team: Team | None, status: int) -> HttpResponse:
    if form.errors and status == 200:
        status = 422
    return render(request, "teams/form.html", {"form": form, "team": team}, status=status)
