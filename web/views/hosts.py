"""The fleet as a table, and one host."""

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from common import clock
from common.api.views import find_by_reference
from common.core import roles
from common.core.errors import NotFound
from inventory.models import FormerName, Host
from web.access import PageRequest, page
from web.core import commands
from web.queries.fleet import host_rows
from web.queries.hosts import host_page, host_table, open_resources


@page(GET="read")
def host_list(request: PageRequest) -> HttpResponse:
    now = clock.now()
    selector = request.GET.get("hosts", "").strip()
    table = host_table(request, selector=selector, now=now)
    return render(request, "hosts/list.html", {"table": table, "now": now, "command": commands.IMPORT_HOSTS})


@page(GET="read")
def host(request: PageRequest, name: str) -> HttpResponse:
    now = clock.now()
    try:
        known = find_by_reference(host_rows(Host.objects.all()), name, name_field="name")
    except NotFound:
        former = FormerName.objects.filter(name=name).order_by("-until").first() if "\0" not in name else None
        if former is None:
            raise
        return HttpResponseRedirect(reverse("web:host", args=[former.host.name]))
    found = host_page(known, now=now)
    context = {"host": found.host, "found": found, "resources": open_resources(found), "now": now}
    context["enrol_command"] = commands.enrol(found.host.name)
    context["may_scan"] = roles.allows(request.actor, "scan.run")
    context["may_edit"] = roles.allows(request.actor, "host.edit")
    context["may_enrol"] = roles.allows(request.actor, "host.enrol")
    return render(request, "hosts/host.html", context)
