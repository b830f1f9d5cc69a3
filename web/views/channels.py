"""Notices: where one hears of things, what was sent, and a button that tries it."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from changemgmt.models import Channel
from changemgmt.queries.channels import channels_of
from changemgmt.services.channels import (
    PERMISSION,
    check_may_edit,
    create_channel,
    delete_channel,
    try_channel,
    update_channel,
)
from common import clock
from common.api.views import find_by_reference
from common.core.errors import FoldbackError
from web.access import PageRequest, page
from web.core import commands
from web.core.refusals import plain
from web.forms.channels import ChannelForm
from web.queries.channels import channel_list, channel_page, teams_led


@page(GET=PERMISSION)
def channels(request: PageRequest) -> HttpResponse:
    context = {"found": channel_list(request.actor), "command": commands.CHANNEL, "now": clock.now()}
    return render(request, "channels/list.html", context)


@page(GET=PERMISSION)
def channel(request: PageRequest, name: str) -> HttpResponse:
    found = channel_page(request, request.actor, _find(request, name))
    return render(request, "channels/channel.html", {"found": found, "now": clock.now()})


@page(GET=PERMISSION, POST=PERMISSION)
def new(request: PageRequest) -> HttpResponse:
    teams = list(teams_led(request.actor))
    initial = {"address": request.user.email, "whose": request.GET.get("team", "")}
    form = ChannelForm(_sent(request), initial=initial, teams=teams)
    status = 200
    if form.is_valid():
        typed = form.cleaned_data
        team = next((team for team in teams if team.name == typed["whose"]), None)
        try:
            made = create_channel(
                actor=request.actor,
                kind=typed["kind"],
                address=typed["address"],
                team=team,
                topics=typed["topics"],
            )
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            messages.success(request, "The channel is made. Try it with a test message.")
            return _to(made)
    return _show_form(request, form, None, status)


@page(GET=PERMISSION, POST=PERMISSION)
def edit(request: PageRequest, name: str) -> HttpResponse:
    found = _find(request, name)
    check_may_edit(request.actor, found)
    initial = {"topics": found.topics, "version": found.version}
    form = ChannelForm(_sent(request), initial=initial, is_new=False)
    status = 200
    if form.is_valid():
        found.version = form.cleaned_data["version"] or 0
        changes: dict[str, Any] = {"topics": form.cleaned_data["topics"]}
        if form.cleaned_data["address"]:
            changes["address"] = form.cleaned_data["address"]
        try:
            update_channel(actor=request.actor, channel=found, changes=changes)
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            messages.success(request, "The channel is changed.")
            return _to(found)
    return _show_form(request, form, found, status)


@page(POST=PERMISSION)
def switch(request: PageRequest, name: str) -> HttpResponse:
    found = _find(request, name)
    is_active = request.POST.get("active") == "yes"
    update_channel(actor=request.actor, channel=found, changes={"is_active": is_active})
    messages.success(
        request, "The channel is on." if is_active else "The channel is off: nothing goes there."
    )
    return _to(found)


@page(POST=PERMISSION)
def test(request: PageRequest, name: str) -> HttpResponse:
    found = _find(request, name)
    try:
        try_channel(actor=request.actor, channel=found)
    except FoldbackError as error:
        messages.error(request, plain(error.detail))
    else:
        messages.success(request, "A test message is on its way. What becomes of it is told below.")
    return _to(found)


@page(POST=PERMISSION)
def delete(request: PageRequest, name: str) -> HttpResponse:
    delete_channel(actor=request.actor, channel=_find(request, name))
    messages.success(request, "The channel is deleted.")
    return HttpResponseRedirect(reverse("web:channels"))


def _find(request: PageRequest, name: str) -> Channel:
    return find_by_reference(channels_of(request.actor), name)


def _sent(request: PageRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _to(channel: Channel) -> HttpResponse:
    return HttpResponseRedirect(reverse("web:channel", args=[channel.pk]))


def _show_form(request: PageRequest, form: ChannelForm, channel: Channel | None, status: int) -> HttpResponse:
    if form.errors and status == 200:
        status = 422
    context = {"form": form, "channel": channel}
    return render(request, "channels/form.html", context, status=status)
