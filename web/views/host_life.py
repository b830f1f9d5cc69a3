"""What happens to a host besides looks: each page says what will happen before the button that does it."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from common import clock
from common.api.views import find_by_reference
from common.core.errors import Conflict, FoldbackError
from deployments.services.enrolment import enrol_host, reimage_host
from deployments.services.renaming import RenamePreview, preview_rename, rename_with_definition
from inventory.core.names import host_name_problem
from inventory.models import Host
from inventory.services.host_life import recommission_host
from inventory.services.hosts import decommission_host
from web.access import PageRequest, page
from web.forms.hosts import KeysForm, ReimageForm, RenameForm
from web.queries.host_life import ending, key_finding, offered_keys


@page(GET="host.edit", POST="host.edit")
def rename(request: PageRequest, name: str) -> HttpResponse:
    host = _active(name)
    form = RenameForm(_sent(request), initial={"name": host.name})
    preview: RenamePreview | None = None
    status = 200
    if request.method == "POST" and form.is_valid():
        new = form.cleaned_data["name"]
        if host_name_problem(new) is None and new != host.name:
            preview = preview_rename(host=host, name=new)
        if request.POST.get("action") == "rename" or preview is None:
            try:
                rename_with_definition(
                    actor=request.actor,
                    host=host,
                    name=new,
                    preview=preview or RenamePreview(host.name, new),
                    accept_layer=form.cleaned_data["accept_layer"],
                )
            except FoldbackError as error:
                if preview is not None and preview.moves_layer and not form.cleaned_data["accept_layer"]:
                    form.add_error("accept_layer", "Tick this if it is; the text above says what is better.")
                else:
                    form.take_refusal(error)
                status = error.status
            else:
                told = f"{name} is {host.name} now." if name != host.name else "It is called so already."
                messages.success(request, told)
                return _to(host)
    context = {"form": form, "preview": preview, "connects_by_name": not host.address}
    return _show(request, "rename", host, context, status=_status(form, status))


@page(GET="host.enrol", POST="host.enrol")
def keys(request: PageRequest, name: str) -> HttpResponse:
    """Pin what a person has compared with the host's own console; the same machine goes on."""
    host = _active(name)
    shown = offered_keys(actor=request.actor, host=host)
    form = KeysForm(_sent(request), offered=[fingerprint for _, fingerprint, _ in shown.rows])
    status = 200
    if request.method == "POST" and form.is_valid() and shown.offer is not None:
        try:
            pinned = enrol_host(
                actor=request.actor,
                host=host,
                offer=shown.offer,
                fingerprints=form.cleaned_data["fingerprints"],
            )
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            count = f"{len(pinned)} {'key is' if len(pinned) == 1 else 'keys are'}"
            messages.success(request, f"{count} pinned; {host} is connected to with no other.")
            return _to(host)
    context = {"form": form, "shown": shown, "occurrence": key_finding(host)}
    return _show(request, "keys", host, context, status=_status(form, status))


@page(GET="host.enrol", POST="host.enrol")
def reimage(request: PageRequest, name: str) -> HttpResponse:
    """The machine was installed anew: its new key is pinned, and what was agreed begins again."""
    host = _active(name)
    shown = None if host.transport == "local" else offered_keys(actor=request.actor, host=host)
    offered = [fingerprint for _, fingerprint, _ in shown.rows] if shown else []
    form = ReimageForm(_sent(request), offered=offered)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            reimage_host(
                actor=request.actor,
                host=host,
                offer=shown.offer if shown else None,
                fingerprints=form.cleaned_data["fingerprints"],
                reason=form.cleaned_data["reason"],
            )
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            messages.success(
                request, f"{host} begins again: its next look is compared with the definition alone."
            )
            return _to(host)
    context = {"form": form, "shown": shown, "ending": ending(host)}
    return _show(request, "reimage", host, context, status=_status(form, status))


@page(GET="host.edit", POST="host.edit")
def decommission(request: PageRequest, name: str) -> HttpResponse:
    host = _active(name)
    if request.method == "POST":
        decommission_host(actor=request.actor, host=host)
        messages.success(request, f"{host} is out of service. What was open on it ends as retired.")
        return _to(host)
    return _show(request, "decommission", host, {"ending": ending(host)})


@page(POST="host.edit")
def recommission(request: PageRequest, name: str) -> HttpResponse:
    host = _find(name)
    recommission_host(actor=request.actor, host=host)
    messages.success(request, f"{host} is back in service. A scan finds again what is still there.")
    return _to(host)


def _find(name: str) -> Host:
    return find_by_reference(Host.objects.select_related("team", "credential"), name, name_field="name")


def _active(name: str) -> Host:
    host = _find(name)
    if host.state != Host.ACTIVE:
        raise Conflict(f"{host} has been decommissioned; take it back into service first.")
    return host


def _to(host: Host) -> HttpResponse:
    return HttpResponseRedirect(reverse("web:host", args=[host.name]))


def _sent(request: PageRequest) -> Any:
    """What was sent, even if nothing was ticked."""
    return request.POST if request.method == "POST" else None


def _status(form: Any, status: int) -> int:
    return 422 if status == 200 and form.is_bound and form.errors else status


def _show(
    request: PageRequest, name: str, host: Host, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    context |= {"host": host, "now": clock.now()}
    return render(request, f"hosts/{name}.html", context, status=status)
