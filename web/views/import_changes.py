"""The history of another change system, brought in: told beforehand, then everything or nothing."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from changemgmt.core.history import read_history
from changemgmt.services.history import Imported, import_history
from common.core.errors import FoldbackError
from web.access import PageRequest, page
from web.forms.import_changes import ImportChangesForm


@page(GET="change.import", POST="change.import")
def import_changes(request: PageRequest) -> HttpResponse:
    if request.method != "POST":
        return _show(request, ImportChangesForm(initial={"timezone": "UTC"}))
    form = ImportChangesForm(request.POST, request.FILES)
    if not form.is_valid():
        return _show(request, form, status=422)
    preview = "preview" in request.POST
    try:
        history = read_history(
            form.content(), columns=form.cleaned_data["columns"], timezone=form.cleaned_data["timezone"]
        )
        imported = import_history(
            actor=request.actor,
            history=history,
            source=form.cleaned_data["source"],
            owner=form.cleaned_data["owner"],
            dry_run=preview,
        )
    except FoldbackError as error:
        form.take_refusal(error)
        return _show(request, form, status=error.status)
    if preview:
        return _show(request, form, imported)
    messages.success(
        request, f"{len(imported.changes)} changes are recorded; {imported.known} were here already."
    )
    return HttpResponseRedirect(reverse("web:changes"))


def _show(
    request: PageRequest, form: ImportChangesForm, imported: Imported | None = None, status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "imported": imported}
    return render(request, "changes/import.html", context, status=status)
