"""Home: what needs you."""

from django.http import HttpResponse
from django.shortcuts import render

from common import clock
from web.access import PageRequest, page
from web.core.sentences import drift_sentence, plural, sentence
from web.queries.home import COUNTED, Home
from web.queries.home import home as read_home


@page(GET="read")
def home(request: PageRequest) -> HttpResponse:
    now = clock.now()
    found = read_home(actor=request.actor, now=now)
    context = {"home": found, "now": now, "sentence": _sentence(found), "is_polled": bool(request.htmx)}
    return render(request, "home/_jobs.html" if request.htmx else "home/home.html", context)


def _sentence(found: Home) -> str:
    standing, debt = found.coverage, found.debt
    if not standing.hosts:
        return "Nothing to look at yet: there are no hosts."
    open_now = drift_sentence(
        findings=debt.open, hosts=found.open_hosts, hosts_total=standing.hosts, unknown=standing.not_looked_at
    )
    waiting = found.to_approve.count + found.done_first.count
    told = plural(waiting, "change waits", "changes wait")
    if COUNTED in (found.to_approve.count, found.done_first.count):
        told = f"{waiting} changes or more wait"
    return sentence(open_now.rstrip("."), f"{told} for you" if waiting else "")
