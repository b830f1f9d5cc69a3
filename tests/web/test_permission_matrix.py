"""Every route of the console × method × role. A route without a row fails, and so does a row without a route.

`yes`: the role gets past the door; `no`: it is told so on a page with status 403. Nobody in particular is sent to
sign in everywhere but on `public` lines.
"""

from typing import Any

import pytest
from django.urls import URLPattern

from common.core import roles
from tests.web.site import read, window
from web import urls
from web.access import PUBLIC

pytestmark = pytest.mark.django_db

COLUMNS = ("ana", "ben", "dee", "cy")  # ops, release manager, auditor, admin
MATRIX = """
                              ops rel aud adm
home                    GET   yes yes yes yes
sign-in                 GET   public
sign-in                 POST  public
sign-in-link            GET   public
sign-in-link            POST  public
sign-out                POST  yes yes yes yes
theme                   POST  public
cli                     GET   public
cli-checksum            GET   public
search                  GET   yes yes yes yes
quick-log               GET   yes yes no  yes
quick-log               POST  yes yes no  yes
quick-log-worker        GET   public
hosts                   GET   yes yes yes yes
host-state              GET   yes yes yes yes
host                    GET   yes yes yes yes
host-rename             GET   no  yes no  yes
host-rename             POST  no  yes no  yes
host-keys               GET   no  no  no  yes
host-keys               POST  no  no  no  yes
host-reimage            GET   no  no  no  yes
host-reimage            POST  no  no  no  yes
host-decommission       GET   no  yes no  yes
host-decommission       POST  no  yes no  yes
host-recommission       POST  no  yes no  yes
findings                GET   yes yes yes yes
finding                 GET   yes yes yes yes
finding-hosts           GET   yes yes yes yes
finding-claim           POST  yes yes no  yes
finding-progress        GET   yes yes yes yes
decide-fold-back        GET   yes yes no  yes
decide-fold-back        POST  yes yes no  yes
decide-by-hand          GET   yes yes no  yes
decide-by-hand          POST  yes yes no  yes
decide-waive            GET   yes yes no  yes
decide-waive            POST  yes yes no  yes
decision                GET   yes yes yes yes
changes                 GET   yes yes yes yes
log-change              GET   yes yes no  yes
log-change              POST  yes yes no  yes
changes-import          GET   no  yes no  yes
changes-import          POST  no  yes no  yes
change                  GET   yes yes yes yes
change-attach           POST  yes yes no  yes
change-states           GET   yes yes yes yes
change-claim            POST  yes yes no  yes
change-approve          POST  no  yes no  yes
change-refuse           POST  no  yes no  yes
change-withdraw         POST  yes yes no  yes
change-refresh          POST  yes yes no  yes
change-end              POST  yes yes no  yes
plan-change             GET   yes yes no  yes
plan-change             POST  yes yes no  yes
change-edit             GET   yes yes no  yes
change-edit             POST  yes yes no  yes
change-confirm          POST  yes yes no  yes
change-start            POST  yes yes no  yes
change-complete         POST  yes yes no  yes
change-fail             POST  yes yes no  yes
change-transfer         POST  yes yes no  yes
change-review           POST  yes yes no  yes
change-comment          POST  yes yes no  yes
change-templates        GET   yes yes yes yes
change-templates        POST  yes yes no  yes
change-template-approve POST  no  yes no  yes
change-template-revise  GET   yes yes no  yes
change-template-revise  POST  yes yes no  yes
change-template-retire  POST  yes yes no  yes
approval-policies       GET   yes yes yes yes
approval-policies       POST  no  no  no  yes
approval-policy-end     POST  no  no  no  yes
calendar                GET   yes yes yes yes
calendar-feeds          GET   yes yes yes yes
calendar-feeds          POST  yes yes yes yes
calendar-feed-revoke    POST  yes yes yes yes
plan-meets              GET   yes yes no  yes
windows                 GET   yes yes yes yes
window-new              GET   no  yes no  yes
window-new              POST  no  yes no  yes
window-preview          GET   no  yes no  yes
window                  GET   yes yes yes yes
window-edit             GET   no  yes no  yes
window-edit             POST  no  yes no  yes
window-cancel           GET   no  yes no  yes
window-cancel           POST  no  yes no  yes
incidents               GET   yes yes yes yes
incident-open           GET   yes yes no  yes
incident-open           POST  yes yes no  yes
incident                GET   yes yes yes yes
incident-live           GET   yes yes yes yes
incident-log            POST  yes yes no  yes
incident-note           POST  yes yes no  yes
incident-edit           GET   yes yes no  yes
incident-edit           POST  yes yes no  yes
incident-hand-over      GET   yes yes no  yes
incident-hand-over      POST  yes yes no  yes
incident-close          POST  yes yes no  yes
incident-reopen         POST  yes yes no  yes
incident-review         POST  yes yes no  yes
scans                   GET   yes yes yes yes
scans                   POST  yes yes no  yes
selector-preview        GET   yes yes yes yes
scan-policies           GET   yes yes yes yes
scan-policy             GET   yes yes yes yes
scan-policy-new         GET   no  yes no  yes
scan-policy-new         POST  no  yes no  yes
scan-policy-preview     GET   no  yes no  yes
scan-policy-edit        GET   no  yes no  yes
scan-policy-edit        POST  no  yes no  yes
scan-policy-switch      POST  no  yes no  yes
scan-policy-run         POST  yes yes no  yes
scan-policy-delete      GET   no  yes no  yes
scan-policy-delete      POST  no  yes no  yes
scan                    GET   yes yes yes yes
scan-cancel             POST  yes yes no  yes
scan-report             GET   yes yes yes yes
teams                   GET   yes yes yes yes
team-new                GET   no  no  no  yes
team-new                POST  no  no  no  yes
team                    GET   yes yes yes yes
team-edit               GET   no  no  no  yes
team-edit               POST  no  no  no  yes
people                  GET   no  no  no  yes
person-new              GET   no  no  no  yes
person-new              POST  no  no  no  yes
person                  GET   no  no  no  yes
person                  POST  no  no  no  yes
person-deactivate       POST  no  no  no  yes
person-reactivate       POST  no  no  no  yes
channels                GET   yes yes yes yes
channel-new             GET   yes yes yes yes
channel-new             POST  yes yes yes yes
channel                 GET   yes yes yes yes
channel-edit            GET   yes yes yes yes
channel-edit            POST  yes yes yes yes
channel-switch          POST  yes yes yes yes
channel-test            POST  yes yes yes yes
channel-delete          POST  yes yes yes yes
adoptions               GET   yes yes yes yes
adoptions               POST  yes yes no  yes
adoption                GET   yes yes yes yes
adoption-plan           POST  yes yes no  yes
adoption-commit         POST  yes yes no  yes
adoption-merge          POST  no  yes no  yes
adoption-discard        POST  yes yes no  yes
adoption-file           GET   yes yes yes yes
definition              GET   yes yes yes yes
revision                GET   yes yes yes yes
definition-file         GET   yes yes yes yes
"""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

Row = tuple[str, str]


def _rows() -> dict[Row, tuple[str, ...]]:
    lines = [line.split() for line in MATRIX.splitlines()[2:] if line.strip()]
    return {(name, method): tuple(cells) for name, method, *cells in lines}


ROWS = _rows()
GUARDED = [row for row, cells in ROWS.items() if cells != ("public",)]
# The specimens of components are served while debugging only, and show nothing that is anybody's.
PATTERNS: dict[str, URLPattern] = {p.name: p for p in urls.urlpatterns if p.name and p.name != "gallery"}


def _console_rows() -> set[Row]:
    return {(name, method) for name, p in PATTERNS.items() for method in p.callback.permissions}  # type: ignore[attr-defined]


def address(name: str) -> str:
    """The route with names of what does not exist: who gets past the door is told so."""
    route = str(PATTERNS[name].pattern)
    for part, value in (
        ("<str:reference>", "ZZZ-999999"),
        ("<str:name>", "nowhere"),
        ("<str:secret>", "no-such-secret"),
        ("<str:revision>", "0" * 40),
        ("<path:path>", "no/such/file"),
    ):
        route = route.replace(part, value)
    assert "<" not in route
    return f"/{route}"


@pytest.fixture(autouse=True)
def no_definition(settings: Any, tmp_path: Any) -> None:
    settings.DEFINITION_PATH = tmp_path / "none.git"


def test_every_route_of_the_console_has_a_row() -> None:
    assert _console_rows() - set(ROWS) == set()


def test_every_row_has_a_route() -> None:
    assert set(ROWS) - _console_rows() == set()


def test_every_route_says_which_permission_it_takes() -> None:
    for name, pattern in PATTERNS.items():
        wanted: dict[str, str] = pattern.callback.permissions  # type: ignore[attr-defined]
        assert set(wanted.values()) <= roles.ALL_PERMISSIONS | {PUBLIC}, name


def test_a_view_that_declares_nothing_is_not_taken_into_the_configuration() -> None:
    from django.core.exceptions import ImproperlyConfigured
    from django.http import HttpResponse

    with pytest.raises(ImproperlyConfigured, match="who may open it"):
        urls._route("forgotten/", lambda request: HttpResponse("secret"), "forgotten")


@pytest.mark.parametrize(("name", "method"), GUARDED)
def test_a_role_gets_through_the_doors_that_the_matrix_opens(name: str, method: str) -> None:
    for who, cell in zip(COLUMNS, ROWS[name, method], strict=True):
        response = window(who).generic(method, address(name))
        said = (who, response.status_code, read(response)[:300])
        if cell == "yes":
            assert response.status_code not in (401, 403), said
            # 503: past the door there is no definition here to look at.
            assert response.status_code < 500 or response.status_code == 503, said
        else:
            assert response.status_code == 403, said
            assert "You may not do this" in read(response) and "Roles that may:" in read(response), said


@pytest.mark.parametrize(("name", "method"), GUARDED)
def test_nobody_in_particular_is_sent_to_sign_in(name: str, method: str) -> None:
    response = window().generic(method, address(name))
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_methods_without_a_row_are_not_served(name: str) -> None:
    for method in METHODS:
        if (name, method) not in ROWS:
            assert window("cy").generic(method, address(name)).status_code == 405, method
