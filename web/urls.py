"""The console's addresses. A view that does not say who may open it is not taken."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, path

from web.access import View
from web.views import (
    adoption,
    changes,
    decide,
    definition,
    findings,
    home,
    host_life,
    hosts,
    log_change,
    preferences,
    scans,
    search,
    sessions,
)

app_name = "web"


def _route(address: str, view: View, name: str) -> URLPattern:
    if not getattr(view, "permissions", None):
        raise ImproperlyConfigured(f"{view.__module__}.{view.__name__} says for no method who may open it")
    return path(address, view, name=name)


urlpatterns: list[URLPattern] = [
    _route("", home.home, "home"),
    _route("sign-in/", sessions.sign_in, "sign-in"),
    _route("sign-in/<str:secret>/", sessions.sign_in_by_link, "sign-in-link"),
    _route("sign-out/", sessions.sign_out, "sign-out"),
    _route("preferences/theme/", preferences.choose_theme, "theme"),
    _route("search/", search.search, "search"),
    _route("hosts/", hosts.host_list, "hosts"),
    _route("hosts/<str:name>/", hosts.host, "host"),
    _route("hosts/<str:name>/rename/", host_life.rename, "host-rename"),
    _route("hosts/<str:name>/keys/", host_life.keys, "host-keys"),
    _route("hosts/<str:name>/re-image/", host_life.reimage, "host-reimage"),
    _route("hosts/<str:name>/decommission/", host_life.decommission, "host-decommission"),
    _route("hosts/<str:name>/recommission/", host_life.recommission, "host-recommission"),
    _route("findings/", findings.finding_list, "findings"),
    _route("findings/<str:reference>/", findings.finding, "finding"),
    _route("findings/<str:reference>/hosts/", findings.hosts, "finding-hosts"),
    _route("findings/<str:reference>/claim/", findings.claim, "finding-claim"),
    _route("findings/<str:reference>/progress/", findings.finding_progress, "finding-progress"),
    _route("decide/fold-back/", decide.fold_back, "decide-fold-back"),
    _route("decide/by-hand/", decide.by_hand, "decide-by-hand"),
    _route("decide/waive/", decide.waive, "decide-waive"),
    _route("decisions/<str:reference>/", changes.decision, "decision"),
    _route("changes/", changes.change_index, "changes"),
    _route("changes/log/", log_change.log_change, "log-change"),
    _route("changes/<str:reference>/", changes.change, "change"),
    _route("changes/<str:reference>/claim/", changes.claim, "change-claim"),
    _route("changes/<str:reference>/approve/", changes.approve, "change-approve"),
    _route("changes/<str:reference>/refuse/", changes.refuse, "change-refuse"),
    _route("changes/<str:reference>/withdraw/", changes.withdraw, "change-withdraw"),
    _route("changes/<str:reference>/refresh/", changes.refresh, "change-refresh"),
    _route("changes/<str:reference>/end/", changes.end, "change-end"),
    _route("scans/", scans.scan_index, "scans"),
    _route("scans/preview/", scans.preview, "selector-preview"),
    _route("scans/<str:reference>/", scans.scan, "scan"),
    _route("scans/<str:reference>/cancel/", scans.cancel, "scan-cancel"),
    _route("scans/<str:reference>/report/", scans.report, "scan-report"),
    _route("definition/", definition.history, "definition"),
    _route("definition/adopt/", adoption.adoptions, "adoptions"),
    _route("definition/adopt/<str:reference>/", adoption.adoption, "adoption"),
    _route("definition/adopt/<str:reference>/plan/", adoption.plan, "adoption-plan"),
    _route("definition/adopt/<str:reference>/commit/", adoption.commit, "adoption-commit"),
    _route("definition/adopt/<str:reference>/merge/", adoption.merge, "adoption-merge"),
    _route("definition/adopt/<str:reference>/discard/", adoption.discard, "adoption-discard"),
    _route("definition/adopt/<str:reference>/files/<path:path>", adoption.file, "adoption-file"),
    _route("definition/revisions/<str:revision>/", definition.revision, "revision"),
    _route("definition/revisions/<str:revision>/files/<path:path>", definition.file, "definition-file"),
]

if settings.DEBUG:
    from web.views import gallery

    urlpatterns.append(path("style/", gallery.gallery, name="gallery"))
