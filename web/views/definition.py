"""The definition to read: history, one revision, one file."""

from django.http import HttpResponse
from django.shortcuts import render

from common import clock
from web.access import PageRequest, page
from web.queries import definition


@page(GET="read")
def history(request: PageRequest) -> HttpResponse:
    found = definition.history(request.GET.get("start", ""))
    return render(request, "definition/history.html", {"found": found, "now": clock.now()})


@page(GET="read")
def revision(request: PageRequest, revision: str) -> HttpResponse:
    found = definition.revision_view(revision)
    return render(request, "definition/revision.html", {"found": found, "now": clock.now()})


@page(GET="read")
def file(request: PageRequest, revision: str, path: str) -> HttpResponse:
    return render(request, "definition/file.html", {"found": definition.file_view(revision, path)})
