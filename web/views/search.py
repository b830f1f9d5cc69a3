from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from common import clock
from web.access import PageRequest, page
from web.queries.search import page_of_reference
from web.queries.search import search as find

LONGEST = 200


@page(GET="read")
def search(request: PageRequest) -> HttpResponse:
    text = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST]
    if text and (target := page_of_reference(text)):
        return HttpResponseRedirect(target)
    context = {"search_query": text, "found": find(text) if text else None, "now": clock.now()}
    return render(request, "search.html", context)
