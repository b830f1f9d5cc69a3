"""What belongs to a change beside what it says: files, and what was seen of its resources before and after."""

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import render

from changemgmt.core.attached import MAX_BYTES
from changemgmt.models import Change
from changemgmt.queries.live_states import states_of
from changemgmt.services.talk import attach_file
from common.core.errors import TooLarge
from web.access import PageRequest, page
from web.forms.verbs import AttachForm
from web.views.changes import act, find_change


@page(POST="change.log")
def attach(request: PageRequest, reference: str) -> HttpResponse:
    found = find_change(reference)
    form = AttachForm(request.POST, request.FILES)
    told = f"The file is with {found}."
    return act(request, found, lambda: _attach(request, found, form.cleaned_data["file"]), told, form)


def _attach(request: PageRequest, found: Change, upload: UploadedFile) -> None:
    if (upload.size or 0) > MAX_BYTES:  # looked at before it is read
        raise TooLarge(
            f"Files of {MAX_BYTES // 1_000_000} MB at most are kept here. Comment with a link instead."
        )
    attach_file(actor=request.actor, change=found, name=upload.name or "", content=upload.read())


@page(GET="read")
def states(request: PageRequest, reference: str) -> HttpResponse:
    """A page of its own, or the part of the change's page that htmx asks for."""
    found = find_change(reference)
    template = "changes/_states.html" if request.htmx else "changes/states.html"
    states = states_of(found)
    same = [row for row in states.rows if row.differs is False]
    moved = [row for row in states.rows if row.differs is not False]
    context = {"change": found, "states": states, "same": same, "moved": moved}
    return render(request, template, context)
