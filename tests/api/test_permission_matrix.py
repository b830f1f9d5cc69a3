"""Every route × method × role. A route of the API that has no row here fails, and so does a row without a route.

To add a route: write its line. `yes` means that the role gets past the door (what it may do to *whose* records is
in OWNERSHIP below), `no` that it is told 403. Nobody in particular gets 401 everywhere but on `public` lines.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate

from common.api.views import ApiView
from common.core import roles
from tests.api.client import Caller, problem
from tests.factories import DIGEST, acting, logged, person, program, proposed

pytestmark = pytest.mark.django_db

COLUMNS = ("ops", "release-manager", "auditor", "automation", "admin")
# who they are:  ana   ben               dee        a program     cy
MATRIX = """
                                          ops rel aud aut adm
schema/                           GET     public
docs/                             GET     public

jobs/                             GET     yes yes yes yes yes
jobs/{job}/                       GET     yes yes yes yes yes
jobs/{job}/cancel/                POST    yes yes no  yes yes

hosts/                            GET     yes yes yes yes yes
hosts/                            POST    no  yes no  no  yes
hosts/import/                     POST    no  yes no  no  yes
hosts/{host}/                     GET     yes yes yes yes yes
hosts/{host}/                     PATCH   no  yes no  no  yes
hosts/{host}/decommission/        POST    no  yes no  no  yes
hosts/{host}/recommission/        POST    no  yes no  no  yes
hosts/{host}/rename/              POST    no  yes no  no  yes
hosts/{host}/reimage/             POST    no  no  no  no  yes
hosts/{host}/enrol/               GET     no  no  no  no  yes
hosts/{host}/enrol/               POST    no  no  no  no  yes
host-cas/                         GET     yes yes yes yes yes
host-cas/                         POST    no  no  no  no  yes
host-cas/{ca}/                    GET     yes yes yes yes yes
host-cas/{ca}/                    PATCH   no  no  no  no  yes
host-cas/{ca}/revoke/             POST    no  no  no  no  yes
sites/                            GET     yes yes yes yes yes
sites/                            POST    no  yes no  no  yes
sites/{site}/                     GET     yes yes yes yes yes
sites/{site}/                     PATCH   no  yes no  no  yes
teams/                            GET     yes yes yes yes yes
teams/                            POST    no  no  no  no  yes
teams/{team}/                     GET     yes yes yes yes yes
teams/{team}/                     PATCH   no  no  no  no  yes
people/                           GET     yes yes yes yes yes
people/                           POST    no  no  no  no  yes
people/{person}/                  GET     yes yes yes yes yes
people/{person}/                  PATCH   no  no  no  no  yes
people/{person}/deactivate/       POST    no  no  no  no  yes
people/{person}/reactivate/       POST    no  no  no  no  yes
credentials/                      GET     yes yes yes yes yes
credentials/                      POST    no  no  no  no  yes
credentials/{credential}/         GET     yes yes yes yes yes
credentials/{credential}/         PATCH   no  no  no  no  yes
credentials/{credential}/rotate/  POST    no  no  no  no  yes
credentials/{credential}/test/    POST    no  no  no  no  yes

changes/                          GET     yes yes yes yes yes
changes/                          POST    yes yes no  yes yes
changes/bulk/                     POST    yes yes no  yes yes
changes/import/                   POST    no  yes no  no  yes
changes/{change}/                 GET     yes yes yes yes yes
changes/{change}/                 PATCH   yes yes no  no  yes
changes/{change}/claim/           POST    yes yes no  no  yes
changes/{change}/approvals/       GET     yes yes yes yes yes
changes/{change}/approvals/       POST    no  yes no  no  yes
changes/{change}/withdraw/        POST    yes yes no  no  yes
changes/{change}/cancel/          POST    yes yes no  no  yes
changes/{change}/confirm/         POST    yes yes no  no  yes
changes/{change}/transfer/        POST    yes yes no  no  yes
changes/{change}/start/           POST    yes yes no  yes yes
changes/{change}/complete/        POST    yes yes no  yes yes
changes/{change}/fail/            POST    yes yes no  yes yes
changes/{change}/review/          POST    yes yes no  no  yes
gates/{change}/                   GET     yes yes yes yes yes
change-templates/                 GET     yes yes yes yes yes
change-templates/                 POST    yes yes no  no  yes
change-templates/{template}/      GET     yes yes yes yes yes
change-templates/{template}/      PATCH   yes yes no  no  yes
change-templates/{template}/approve/  POST    no  yes no  no  yes
change-templates/{template}/retire/   POST    yes yes no  no  yes
approval-policies/                GET     yes yes yes yes yes
approval-policies/                POST    no  no  no  no  yes
approval-policies/{policy}/       GET     yes yes yes yes yes
approval-policies/{policy}/       PATCH   no  no  no  no  yes
changes/{change}/states/          GET     yes yes yes yes yes
changes/{change}/comments/        GET     yes yes yes yes yes
changes/{change}/comments/        POST    yes yes no  yes yes
changes/{change}/attachments/     GET     yes yes yes yes yes
changes/{change}/attachments/     POST    yes yes no  yes yes
changes/{change}/attachments/{attachment}/ GET yes yes yes yes yes

windows/                          GET     yes yes yes yes yes
windows/                          POST    no  yes no  no  yes
windows/times/                    GET     yes yes yes yes yes
windows/{window}/                 GET     yes yes yes yes yes
windows/{window}/                 PATCH   no  yes no  no  yes
windows/{window}/cancel/          POST    no  yes no  no  yes
calendar.ics                      GET     yes yes yes yes yes
feed-tokens/                      GET     yes yes yes no  yes
feed-tokens/                      POST    yes yes yes no  yes
feed-tokens/{feed}/revoke/        POST    yes yes yes no  yes

incidents/                        GET     yes yes yes yes yes
incidents/                        POST    yes yes no  yes yes
incidents/{incident}/             GET     yes yes yes yes yes
incidents/{incident}/             PATCH   yes yes no  no  yes
incidents/{incident}/close/       POST    yes yes no  no  yes
incidents/{incident}/reopen/      POST    yes yes no  no  yes
incidents/{incident}/review/      POST    yes yes no  no  yes
incidents/{incident}/handover/    POST    yes yes no  no  yes
incidents/{incident}/timeline/    GET     yes yes yes yes yes
incidents/{incident}/timeline/    POST    yes yes no  yes yes
incidents/{incident}/findings/    GET     yes yes yes yes yes
incidents/{incident}/summary/     GET     yes yes yes yes yes
hooks/pagerduty/                  POST    yes yes no  yes yes
hooks/alertmanager/               POST    yes yes no  yes yes
hooks/generic/                    POST    yes yes no  yes yes

channels/                         GET     yes yes yes no  yes
channels/                         POST    yes yes yes no  yes
channels/{channel}/               GET     yes yes yes no  yes
channels/{channel}/               PATCH   yes yes yes no  yes
channels/{channel}/               DELETE  yes yes yes no  yes
channels/{channel}/test/          POST    yes yes yes no  yes
channels/{channel}/notices/       GET     yes yes yes no  yes

definition/revisions/             GET     yes yes yes yes yes
definition/revisions/{sha}/       GET     yes yes yes yes yes
definition/compare/               GET     yes yes yes yes yes
definition/hosts/{host}/          GET     yes yes yes yes yes
definition/adopt/                 GET     yes yes yes yes yes
definition/adopt/                 POST    yes yes no  no  yes
definition/adopt/{adoption}/      GET     yes yes yes yes yes
definition/adopt/{adoption}/hosts/    GET     yes yes yes yes yes
definition/adopt/{adoption}/files/    GET     yes yes yes yes yes
definition/adopt/{adoption}/left-out/ GET     yes yes yes yes yes
definition/adopt/{adoption}/plan/     POST    yes yes no  no  yes
definition/adopt/{adoption}/commit/   POST    yes yes no  no  yes
definition/adopt/{adoption}/merge/    POST    no  yes no  no  yes
definition/adopt/{adoption}/discard/  POST    yes yes no  no  yes
deployments/                      GET     yes yes yes yes yes
deployments/                      POST    no  yes no  yes yes
deployments/{deployment}/         GET     yes yes yes yes yes

hosts/{host}/state/               GET     yes yes yes yes yes
coverage/                         GET     yes yes yes yes yes
coverage/history/                 GET     yes yes yes yes yes
scans/                            GET     yes yes yes yes yes
scans/                            POST    yes yes no  yes yes
scans/{scan}/                     GET     yes yes yes yes yes
scans/{scan}/hosts/               GET     yes yes yes yes yes
scan-policies/                    GET     yes yes yes yes yes
scan-policies/                    POST    no  yes no  no  yes
preflight/                        GET     yes yes yes yes yes
scan-policies/coverage/           GET     yes yes yes yes yes
scan-policies/{policy}/           GET     yes yes yes yes yes
scan-policies/{policy}/           PATCH   no  yes no  no  yes
scan-policies/{policy}/           DELETE  no  yes no  no  yes
scan-policies/{policy}/run/       POST    yes yes no  yes yes
scan-policies/{policy}/slots/     GET     yes yes yes yes yes
findings/                         GET     yes yes yes yes yes
findings/{finding}/               GET     yes yes yes yes yes
findings/{finding}/occurrences/   GET     yes yes yes yes yes
findings/{finding}/diff/          GET     yes yes yes yes yes
findings/{finding}/placements/    GET     yes yes yes yes yes
findings/{finding}/claim/         POST    yes yes no  no  yes
findings/{finding}/claim/         DELETE  yes yes no  no  yes
decisions/                        GET     yes yes yes yes yes
decisions/                        POST    yes yes no  no  yes
decisions/{decision}/             GET     yes yes yes yes yes
decisions/{decision}/refresh/     POST    yes yes no  no  yes
decisions/{decision}/withdraw/    POST    yes yes no  no  yes
decisions/{decision}/end/         POST    yes yes no  no  yes
reports/scans/{scan}/             GET     yes yes yes yes yes
"""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NO_SUCH_ID = "00000000-0000-7000-8000-000000000000"

Row = tuple[str, str]


def _rows() -> dict[Row, tuple[str, ...]]:
    lines = [line.split() for line in MATRIX.splitlines()[2:] if line.strip()]
    return {(route, method): tuple(cells) for route, method, *cells in lines}


ROWS = _rows()
GUARDED = [row for row, cells in ROWS.items() if cells != ("public",)]


def _routes(patterns: Any = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(route with {names} of its parts, view) of the URL configuration."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            for converter in ("str:", "path:", "uuid:", "int:", "slug:"):
                route = route.replace(f"<{converter}", "<")
            yield route.replace("<", "{").replace(">", "}"), pattern.callback


def _api_rows() -> set[Row]:
    rows = set()
    for route, view in _routes():
        if route.startswith("api/v1/"):
            for method in METHODS:
                if hasattr(view.view_class, method.lower()):
                    rows.add((route.removeprefix("api/v1/"), method))
    return rows


def address(route: str) -> str:
    """The route with ids of things that don't exist: who gets past the door is told 404."""
    while "{" in route:
        before, _, rest = route.partition("{")
        route = before + NO_SUCH_ID + rest.partition("}")[2]
    return route


def caller(role: str) -> Caller:
    if role == roles.AUTOMATION:
        return Caller.program("ana", name="a program")
    return Caller.person({"ops": "ana", "release-manager": "ben", "auditor": "dee", "admin": "cy"}[role])


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


def test_every_route_of_the_api_has_a_row() -> None:
    assert _api_rows() - set(ROWS) == set()


def test_every_row_has_a_route() -> None:
    assert set(ROWS) - _api_rows() == set()


@pytest.mark.parametrize(("route", "method"), GUARDED)
def test_a_role_gets_through_the_doors_that_the_matrix_opens(route: str, method: str) -> None:
    """One test for a row: five callers cost little beside a database that is made empty again."""
    for role, cell in zip(COLUMNS, ROWS[route, method], strict=True):
        response = caller(role).send(method, address(route), None if method == "GET" else {})
        said = (role, response.status_code, response.content[:300])
        if cell == "yes":
            assert response.status_code not in (401, 403), said
            # 503: past the door there is no definition here to look at.
            assert response.status_code < 500 or response.status_code == 503, said
        else:
            assert response.status_code == 403, said
            problem(response, 403)


@pytest.mark.parametrize(("route", "method"), GUARDED)
def test_nobody_in_particular_gets_through_no_door(route: str, method: str) -> None:
    problem(Caller(None).send(method, address(route), None if method == "GET" else {}), 401)


@pytest.mark.parametrize(("route", "method"), [row for row, cells in ROWS.items() if cells == ("public",)])
def test_what_is_public_is_open(route: str, method: str) -> None:
    assert Caller(None).send(method, address(route)).status_code == 200


@pytest.mark.parametrize("route", sorted({route for route, _ in _routes() if route.startswith("api/v1/")}))
def test_every_handler_declares_its_permission(route: str) -> None:
    view = dict(_routes())[route].view_class
    if not issubclass(view, ApiView):
        assert ROWS[route.removeprefix("api/v1/"), "GET"] == ("public",)
        return
    assert set(view.permissions) == {method for method in METHODS if hasattr(view, method.lower())}
    assert set(view.permissions.values()) <= roles.ALL_PERMISSIONS


def test_a_view_that_declares_nothing_is_closed_to_everybody() -> None:
    class Forgotten(ApiView):
        def get(self, request: Any) -> Response:
            return Response({"secret": 1})

    for name in ("ana", "ben", "cy", "dee"):
        request = APIRequestFactory().get("/")
        force_authenticate(request, user=person(name))
        assert Forgotten.as_view()(request).status_code == 403


# ---- whose


def _others() -> str:
    return str(logged(person("eve", "ops")).pk)


def _own(who: str) -> str:
    return str(logged(who).pk)


def _claimable() -> str:
    return str(logged(program(person("eve", "ops"))).pk)


def _proposal(who: str) -> str:
    return str(proposed(person(who, "ops") if who == "eve" else who).pk)


def _made_by_ben() -> str:
    return str(proposed(person("eve", "ops"), made_by=[person("ben").pk]).pk)


APPROVE = {"verdict": "approve", "digest": DIGEST}
REFUSE = {"verdict": "refuse", "reason": "not like this"}
Make = Callable[[], str]

# who, what, to whose, with what, and the status of the answer
OWNERSHIP: list[tuple[str, str, str, Make, dict[str, Any], int]] = [
    ("ana", "PATCH", "changes/{}/", lambda: _own("ana"), {"title": "mine"}, 200),
    ("ana", "PATCH", "changes/{}/", _others, {"title": "not mine"}, 403),
    ("ben", "PATCH", "changes/{}/", _others, {"title": "a release manager may"}, 200),
    ("cy", "PATCH", "changes/{}/", _others, {"title": "an admin may"}, 200),
    ("dee", "PATCH", "changes/{}/", _others, {"title": "an auditor never"}, 403),
    ("ana", "POST", "changes/{}/claim/", _claimable, {}, 200),
    ("ana", "POST", "changes/{}/claim/", _others, {}, 409),
    ("ben", "POST", "changes/{}/claim/", _others, {}, 409),
    ("dee", "POST", "changes/{}/claim/", _claimable, {}, 403),
    ("ana", "POST", "changes/{}/withdraw/", lambda: _proposal("ana"), {}, 200),
    ("ana", "POST", "changes/{}/withdraw/", lambda: _proposal("eve"), {}, 403),
    ("ben", "POST", "changes/{}/withdraw/", lambda: _proposal("eve"), {}, 403),
    ("cy", "POST", "changes/{}/withdraw/", lambda: _proposal("eve"), {}, 200),
    ("ana", "POST", "changes/{}/approvals/", lambda: _proposal("ana"), APPROVE, 403),
    ("ana", "POST", "changes/{}/approvals/", lambda: _proposal("eve"), APPROVE, 403),
    ("ben", "POST", "changes/{}/approvals/", lambda: _proposal("ana"), APPROVE, 201),
    ("ben", "POST", "changes/{}/approvals/", lambda: _proposal("ben"), APPROVE, 403),
    ("ben", "POST", "changes/{}/approvals/", lambda: _proposal("ben"), REFUSE, 403),
    ("ben", "POST", "changes/{}/approvals/", _made_by_ben, APPROVE, 403),
    ("cy", "POST", "changes/{}/approvals/", _made_by_ben, APPROVE, 201),
    ("cy", "POST", "changes/{}/approvals/", lambda: _proposal("cy"), APPROVE, 403),
    ("dee", "POST", "changes/{}/approvals/", lambda: _proposal("ana"), APPROVE, 403),
]


@pytest.mark.parametrize(("who", "method", "route", "make", "body", "status"), OWNERSHIP)
def test_whose_it_is_decides_too(
    who: str, method: str, route: str, make: Make, body: dict[str, Any], status: int
) -> None:
    acting(who)
    response = Caller.person(who).send(method, route.format(make()), body)
    assert response.status_code == status, response.content


# ---- beside the API

# Pages that anybody may see. Every other page sends whoever is not signed in to the sign-in page.
PUBLIC_PAGES = {
    "healthz", "readyz", "preferences/theme/", "sign-in/", "sign-in/{secret}/", "cli", "cli.sha256",
    "log/worker.js",
}  # fmt: skip


@pytest.mark.parametrize(
    "route", sorted({route for route, _ in _routes() if not route.startswith("api/v1/")})
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_of_the_console_asks_who_one_is(client: Client, route: str, method: str) -> None:
    response = client.generic(method, "/" + address(route))
    if route in PUBLIC_PAGES:
        assert response.status_code < 500
    elif response.status_code != 405:
        assert response.status_code in (302, 401, 403), f"{method} {route} is open to everybody"
        if response.status_code == 302:
            assert "sign-in" in response.headers["Location"]
