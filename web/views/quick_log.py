"""The quick log for a phone: one field, one button, recent hosts. It works while Foldback can't be reached.

The page keeps what is said on the phone (`static/js/quick-log.js`) and sends it here when it gets through; a small
service worker keeps the page itself. Without a script it is an ordinary form.
"""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse

from changemgmt.models import Change, Incident
from changemgmt.services.changes import log_change
from common import clock
from common.api.views import find_by_reference
from common.core.errors import FoldbackError
from common.models.base import new_id
from web.access import PageRequest, page, public
from web.core.refusals import plain
from web.forms.quick_log import QuickLogForm
from web.queries.incidents import open_band
from web.queries.quick_log import recent_hosts

PERMISSION = "change.log"


@page(GET=PERMISSION, POST=PERMISSION)
def quick_log(request: PageRequest) -> HttpResponse:
    """The form carries an id of its own, and so does each record that a phone kept: sent twice, it is recorded once."""
    if request.method != "POST":
        return _show(request, QuickLogForm(), 200)
    form = QuickLogForm(request.POST)
    if not form.is_valid():
        return _refuse(request, form, 422)
    if form.cleaned_data["person"] not in (None, request.user.pk):
        form.add_error(None, "Somebody else typed this, and can send it when they are signed in here again.")
        return _refuse(request, form, 409)
    try:
        change = _log(request, form)
    except FoldbackError as error:
        form.take_refusal(error)
        return _refuse(request, form, error.status)
    if _wants_json(request):
        return JsonResponse(
            {
                "reference": change.reference,
                "title": change.title,
                "hosts": change.hosts,
                "url": reverse("web:change", args=[change.reference]),
            }
        )
    where = f" on {', '.join(change.hosts)}" if change.hosts else ""
    messages.success(request, f"Logged{where} as {change.reference}, and yours.")
    return HttpResponseRedirect(reverse("web:quick-log"))


def _log(request: PageRequest, form: QuickLogForm) -> Change:
    named = form.cleaned_data["incident"]
    incident = find_by_reference(Incident.objects.select_related("commander"), named) if named else None
    change, _ = log_change(actor=request.actor, incident=incident, **form.change(clock.now()))
    change.refresh_from_db()
    return change


def _refuse(request: PageRequest, form: QuickLogForm, status: int) -> HttpResponse:
    if not _wants_json(request):
        return _show(request, form, status)
    told = [plain(str(text)) for errors in form.errors.values() for text in errors]
    return JsonResponse({"detail": " ".join(told)}, status=status)


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def _show(request: PageRequest, form: QuickLogForm, status: int) -> HttpResponse:
    band = open_band()
    picked = form.hosts
    context: dict[str, Any] = {
        "form": form,
        "errors": [text for errors in form.errors.values() for text in errors],
        "hosts": list(dict.fromkeys([*picked, *recent_hosts(request.user)])),
        "picked": picked,
        "incident": band.incident if band else None,
        "new_id": f"phone-{new_id()}",
    }
    return render(request, "log/quick.html", context, status=status)


@public("GET")
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker, at an address below which it may act."""
    content = (settings.BASE_DIR / "static" / "js" / "quick-log-worker.js").read_bytes()
    return HttpResponse(content, content_type="text/javascript; charset=utf-8")
