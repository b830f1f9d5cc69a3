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
search                  GET   yes yes yes yes
hosts                   GET   yes yes yes yes
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
change                  GET   yes yes yes yes
change-claim            POST  yes yes no  yes
change-approve          POST  no  yes no  yes
change-refuse           POST  no  yes no  yes
change-withdraw         POST  yes yes no  yes
change-refresh          POST  yes yes no  yes
change-end              POST  yes yes no  yes
scans                   GET   yes yes yes yes
scans                   POST  yes yes no  yes
selector-preview        GET   yes yes yes yes
scan                    GET   yes yes yes yes
scan-cancel             POST  yes yes no  yes
scan-report             GET   yes yes yes yes
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
CELLS = [
    (name, method, who, cell == "yes")
    for (name, method), cells in ROWS.items()
    if cells != ("public",)
    for who, cell in zip(COLUMNS, cells, strict=True)
]
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


@pytest.mark.parametrize(("name", "method", "who", "allowed"), CELLS)
def test_a_role_gets_through_the_doors_that_the_matrix_opens(
    name: str, method: str, who: str, allowed: bool
) -> None:
    response = window(who).generic(method, address(name))
    if allowed:
        assert response.status_code not in (401, 403), read(response)[:300]
        # 503: past the door there is no definition here to look at.
        assert response.status_code < 500 or response.status_code == 503
    else:
        assert response.status_code == 403
        assert "You may not do this" in read(response) and "Roles that may:" in read(response)


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
