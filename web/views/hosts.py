"""The fleet as a table, and one host."""

from django.http import HttpResponse
from django.shortcuts import render

from common import clock
from common.api.views import find_by_reference
from common.core import roles
from inventory.models import Host
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
    found = host_page(find_by_reference(host_rows(Host.objects.all()), name, name_field="name"), now=now)
    context = {"host": found.host, "found": found, "resources": open_resources(found), "now": now}
    context["enrol_command"] = commands.enrol(found.host.name)
    context["may_scan"] = roles.allows(request.actor, "scan.run")
    return render(request, "hosts/host.html", context)
