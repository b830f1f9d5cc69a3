"""Logging a change: one field and one button are enough."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from changemgmt.services.changes import log_change as record_change
from common.core.errors import FoldbackError
from common.models.base import new_id
from web.access import PageRequest, page
from web.forms.changes import LogChangeForm


@page(GET="change.log", POST="change.log")
def log_change(request: PageRequest) -> HttpResponse:
    """The form carries an id of its own, so that sending it twice records once."""
    if request.method == "POST":
        form = LogChangeForm(request.POST)
    else:
        form = LogChangeForm(
            initial={
                "external_id": f"console-{new_id()}",
                "title": request.GET.get("title", ""),
                "where": request.GET.get("where", ""),
                "paths": request.GET.get("paths", ""),
            }
        )
    status = 200
    if form.is_bound and form.is_valid():
        try:
            change, is_new = record_change(actor=request.actor, **form.service_arguments())
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            change.refresh_from_db()
            told = (
                f"Logged as {change.reference}, and yours."
                if is_new
                else f"{change.reference} was logged already."
            )
            messages.success(request, told)
            return HttpResponseRedirect(reverse("web:change", args=[change.reference]))
    status = 422 if status == 200 and form.is_bound else status
    return render(request, "changes/log.html", {"form": form}, status=status)
