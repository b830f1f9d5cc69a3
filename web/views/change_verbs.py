"""What is done with a change from its page: one button each. What is refused leaves what was typed where it was."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse

from changemgmt.models import Change
from changemgmt.services.carrying_out import finish_change, review_change, start_change
from changemgmt.services.talk import add_comment
from changemgmt.services.transfers import confirm_change, transfer_change
from common.models import Person
from web.access import PageRequest, page
from web.forms.verbs import CommentForm, OutcomeForm, ReviewForm, TransferForm, VerbForm
from web.queries.change_page import successors
from web.views.changes import act, find_change


def _verb(
    request: PageRequest, reference: str, do: Callable[[Change], Any], told: str, form: VerbForm | None = None
) -> HttpResponse:
    found = find_change(reference)
    return act(request, found, lambda: do(found), told.format(found), form)


@page(POST="change.edit")
def confirm(request: PageRequest, reference: str) -> HttpResponse:
    return _verb(
        request,
        reference,
        lambda found: confirm_change(actor=request.actor, change=found),
        "{} is logged. Somebody else approves it.",
    )


@page(POST="change.carry-out")
def start(request: PageRequest, reference: str) -> HttpResponse:
    return _verb(
        request,
        reference,
        lambda found: start_change(actor=request.actor, change=found),
        "{} is being carried out. Say here how it went.",
    )


@page(POST="change.carry-out")
def complete(request: PageRequest, reference: str) -> HttpResponse:
    return _finish(request, reference, succeeded=True, told="{} is done.")


@page(POST="change.carry-out")
def fail(request: PageRequest, reference: str) -> HttpResponse:
    return _finish(request, reference, succeeded=False, told="{} has failed, and says why.")


def _finish(request: PageRequest, reference: str, *, succeeded: bool, told: str) -> HttpResponse:
    form = OutcomeForm(request.POST)

    def do(found: Change) -> None:
        outcome = form.cleaned_data["outcome"]
        finish_change(actor=request.actor, change=found, succeeded=succeeded, outcome=outcome)

    return _verb(request, reference, do, told, form)


@page(POST="change.edit")
def transfer(request: PageRequest, reference: str) -> HttpResponse:
    form = TransferForm(request.POST, people=successors())

    to = form.cleaned_data["to"] if form.is_valid() else ""

    def do(found: Change) -> None:
        heir = Person.objects.get(username=to)
        transfer_change(actor=request.actor, change=found, to=heir, reason=form.cleaned_data["reason"])

    return _verb(request, reference, do, f"{{}} is {to}'s now.", form)


@page(POST="change.edit")
def review(request: PageRequest, reference: str) -> HttpResponse:
    form = ReviewForm(request.POST)
    return _verb(
        request,
        reference,
        lambda found: review_change(actor=request.actor, change=found, text=form.cleaned_data["text"]),
        "{} is reviewed.",
        form,
    )


@page(POST="change.log")
def comment(request: PageRequest, reference: str) -> HttpResponse:
    form = CommentForm(request.POST)
    return _verb(
        request,
        reference,
        lambda found: add_comment(actor=request.actor, change=found, text=form.cleaned_data["text"]),
        "Your comment is with {}.",
        form,
    )
