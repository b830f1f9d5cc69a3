"""The calendar: a month with freezes, maintenance and planned changes; windows; and the feeds of calendar programs."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from changemgmt.api.feeds import feed_address
from changemgmt.core.recurrence import known_zones
from changemgmt.models import FeedToken, Window
from changemgmt.services.feeds import create_feed_token, revoke_feed_token
from changemgmt.services.windows import PERMISSION as EDIT
from changemgmt.services.windows import cancel_window, create_window, update_window
from common import clock
from common.api.views import find_by_reference
from common.core import roles
from common.core.errors import Conflict, FoldbackError, PreconditionFailed
from web.access import PageRequest, page
from web.core import commands
from web.core.months import month_of
from web.core.refusals import plain
from web.forms.base import ConsoleForm
from web.forms.windows import CancelForm, FeedForm, WindowForm
from web.queries.calendar import month_page
from web.queries.windows import met_by_plan, preview_window, rule_told, window_list, window_page


@page(GET="read")
def month(request: PageRequest) -> HttpResponse:
    now = clock.now()
    context = {
        "found": month_page(month_of(request.GET.get("month", ""), now.date()), now=now),
        "this_month": f"{now:%Y-%m}",
        "may_edit": roles.allows(request.actor, EDIT),
        "now": now,
    }
    return render(request, "calendar/month.html", context)


@page(GET="read")
def windows(request: PageRequest) -> HttpResponse:
    now = clock.now()
    found, rows = window_list(request, now=now)
    told = [(row, rule_told(row.window)) for row in rows]
    context = {
        "page": found,
        "rows": told,
        "may_edit": roles.allows(request.actor, EDIT),
        "command": commands.freeze(now.date() + timedelta(days=7)),
        "now": now,
    }
    return render(request, "calendar/windows.html", context)


@page(GET="read")
def window(request: PageRequest, reference: str) -> HttpResponse:
    now = clock.now()
    found = window_page(_find(reference), now=now)
    may_edit = roles.allows(request.actor, EDIT) and found.window.state == "active"
    context = {"found": found, "rule": rule_told(found.window), "may_edit": may_edit, "now": now}
    return render(request, "calendar/window.html", context)


@page(GET=EDIT, POST=EDIT)
def new(request: PageRequest) -> HttpResponse:
    initial = {
        "selector": request.GET.get("hosts", ""),
        "kind": request.GET.get("kind") or "freeze",
        "timezone": "UTC",
    }
    form = WindowForm(_sent(request), initial=initial)
    status = 200
    if _is_meant(request) and form.is_valid():
        try:
            made = create_window(actor=request.actor, **form.values())
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            made.refresh_from_db()
            messages.success(request, f"{made} is in the calendar.")
            return _to(made)
    return _show_form(request, form, None, status)


@page(GET=EDIT, POST=EDIT)
def edit(request: PageRequest, reference: str) -> HttpResponse:
    found = _find(reference)
    form = WindowForm(_sent(request), window=found)
    status = 200
    if _is_meant(request) and form.is_valid():
        try:
            update_window(
                actor=request.actor,
                window=found,
                fields=form.values(),
                expected_version=form.cleaned_data["version"] or 0,
            )
        except PreconditionFailed as error:
            form.take_overtaken(_find(reference).version)
            status = error.status
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            messages.success(request, f"{found} is changed.")
            return _to(found)
    return _show_form(request, form, found, status)


@page(GET=EDIT)
def preview(request: PageRequest) -> HttpResponse:
    """What a window would mean, while it is typed."""
    return render(request, "calendar/_preview.html", {"preview": _preview(WindowForm(request.GET))})


@page(GET="change.log")
def meets(request: PageRequest) -> HttpResponse:
    """What a change would meet, while it is planned."""
    asked = {name: request.GET.get(name, "") for name in ("where", "planned_start", "planned_end")}
    met = met_by_plan(selector=asked["where"], start=asked["planned_start"], end=asked["planned_end"])
    return render(request, "calendar/_met.html", {"met": met, "now": clock.now()})


@page(GET=EDIT, POST=EDIT)
def cancel(request: PageRequest, reference: str) -> HttpResponse:
    now = clock.now()
    found = _find(reference)
    form = CancelForm(_sent(request))
    status = 200
    if form.is_valid():
        try:
            cancel_window(actor=request.actor, window=found, reason=form.cleaned_data["reason"])
        except Conflict as error:  # it is called off already: there is nothing left to say why of
            messages.error(request, plain(error.detail))
            return _to(found)
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            messages.success(request, f"{found} is called off.")
            return _to(found)
    context = {"found": window_page(found, now=now), "form": form, "now": now}
    return render(request, "calendar/cancel.html", context, status=_refused(form, status))


@page(GET="token.own", POST="token.own")
def feeds(request: PageRequest) -> HttpResponse:
    """One's own feeds. A new one's address is on the page that answers, and never again."""
    form, status = FeedForm(_sent(request)), 200
    context: dict[str, Any] = {}
    if form.is_valid():
        try:
            _, secret = create_feed_token(actor=request.actor, label=form.cleaned_data["label"])
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            form, context["address"] = FeedForm(), feed_address(secret)
    own = FeedToken.objects.filter(person=request.user)
    context["live"] = list(own.filter(revoked_at=None).order_by("-created_at"))
    context |= {"revoked": own.exclude(revoked_at=None).count(), "form": form}
    return render(request, "calendar/feeds.html", context, status=_refused(form, status))


@page(POST="token.own")
def revoke_feed(request: PageRequest, reference: str) -> HttpResponse:
    try:
        token = find_by_reference(FeedToken.objects.filter(person=request.user), reference)
        revoke_feed_token(actor=request.actor, token=token)
    except FoldbackError as error:
        messages.error(request, plain(error.detail))
    else:
        messages.success(request, "The feed is revoked: its address opens nothing any more.")
    return HttpResponseRedirect(reverse("web:calendar-feeds"))


def _find(reference: str) -> Window:
    return find_by_reference(Window.objects.select_related("created_by"), reference)


def _to(found: Window) -> HttpResponse:
    return HttpResponseRedirect(reverse("web:window", args=[found.reference]))


def _sent(request: PageRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _is_meant(request: PageRequest) -> bool:
    """Whether the form is to be saved, and not only looked at once more."""
    return request.method == "POST" and request.POST.get("action") != "preview"


def _preview(form: WindowForm) -> Any:
    if not form.is_bound:
        return None
    form.is_valid()
    data = form.cleaned_data
    kind = form.window.kind if form.window else data.get("kind", "")
    return preview_window(form.times(), kind=kind, selector=data.get("selector") or "", now=clock.now())


def _show_form(request: PageRequest, form: WindowForm, found: Window | None, status: int) -> HttpResponse:
    context = {"form": form, "window": found, "preview": _preview(form), "zones": sorted(known_zones())}
    return render(request, "calendar/form.html", context, status=_refused(form, status))


def _refused(form: ConsoleForm, status: int) -> int:
    return 422 if status == 200 and form.errors else status
