"""What a list of changes can be narrowed to, and its text search."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from changemgmt.models import Change
from common import clock
from common.core.actor import SYSTEM
from tests.api.client import Caller, problem
from tests.factories import host, logged, person, proposed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


@pytest.fixture
def ana() -> Caller:
    return Caller.person("ana")


def listed(caller: Caller, query: str) -> list[str]:
    response = caller.get(f"changes/?{query}")
    assert response.status_code == 200, response.content
    return [change["title"] for change in response.json()["results"]]


@pytest.fixture
def three() -> None:
    host("web-1")
    logged(
        "ana",
        title="Raised worker_connections",
        description="Größe 4096 — “too many open files”",
        hosts=["web-1"],
        resources=["file:/etc/nginx/nginx.conf"],
        links={"ticket": "https://tickets.example/OPS-77"},
    )
    logged("ben", title="restarted nginx", hosts=["db-17"], external_id="build-9")
    proposed(
        "ana",
        title="Fold back DRF-1",
        reason="keeps checkout up",
        hosts=["proxy-1"],
        resources=["file:/etc/motd"],
    )


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("nginx", ["restarted nginx", "Raised worker_connections"]),
        ("NGINX.conf", ["Raised worker_connections"]),
        ("/etc/nginx", ["Raised worker_connections"]),
        ("worker", ["Raised worker_connections"]),
        ("conn", ["Raised worker_connections"]),
        ("GRÖSSE", []),
        ("größe 4096", ["Raised worker_connections"]),
        ("many", ["Raised worker_connections"]),
        ("ops-77", ["Raised worker_connections"]),
        ("web-1", ["Raised worker_connections"]),
        ("db-1", []),  # a short word is looked for whole
        ("build-9 restarted", ["restarted nginx"]),
        ("checkout", ["Fold back DRF-1"]),
        ("nginx checkout", []),
        ("nothing", []),
        ("a' | !b:* \\ & (", []),
    ],
)
def test_a_search_finds_what_has_every_word(three: None, ana: Caller, text: str, titles: list[str]) -> None:
    assert listed(ana, f"q={quote(text)}") == titles


def test_a_search_follows_what_is_corrected(three: None, ana: Caller) -> None:
    change = Change.objects.get(title="restarted nginx")
    Caller.person("ben").patch(f"changes/{change.reference}/", {"title": "restarted haproxy"})
    assert listed(ana, "q=haproxy") == ["restarted haproxy"]
    assert listed(ana, "q=restarted+nginx") == []


@pytest.mark.parametrize("text", ["%20", "%E2%80%A6", "+".join("abcdefghijklm")])
def test_a_search_for_no_word_is_400(ana: Caller, text: str) -> None:
    problem(ana.get(f"changes/?q=.{text}"), 400)


def test_a_change_of_everything_is_kept_and_found(ana: Caller) -> None:
    """Twenty thousand hosts and the longest texts: more words than a search keeps, and no error."""
    names = [f"long-name-of-a-host-{number}.example.org" for number in range(20_000)]
    words = " ".join(f"w{number}" for number in range(3_000))
    change = logged("ana", title="Everywhere", description=words, hosts=names)
    assert listed(ana, "q=everywhere+w2999") == [change.title]
    Change.objects.filter(pk=change.pk).update(description="\u00fc" * 20_000, plan="x" * 20_000)
    assert listed(ana, "q=everywhere") == [change.title]


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("risk=high", []),
        ("risk__in=low,medium", ["Fold back DRF-1", "restarted nginx", "Raised worker_connections"]),
        ("requested_by=ben", ["restarted nginx"]),
        ("requested_by=nobody", []),
        ("environment=prod", ["Raised worker_connections"]),
        ("environment=lab", []),
        ("incident=INC-999999", []),
        ("template=nothing", []),
        ("external_id=build-9", ["restarted nginx"]),
        ("overdue=true", []),
        ("overdue=false&kind=decision", ["Fold back DRF-1"]),
        ("q=nginx&owner=ben&host=db-17", ["restarted nginx"]),
        ("sort=planned_start", []),
    ],
)
def test_a_list_is_narrowed(three: None, ana: Caller, query: str, titles: list[str]) -> None:
    assert listed(ana, query) == titles


def test_what_nobody_approved_in_time_is_overdue(three: None, ana: Caller) -> None:
    late = Change.objects.filter(title="restarted nginx")
    late.update(due_at=clock.now() - timedelta(minutes=1))
    assert listed(ana, "overdue=true") == ["restarted nginx"]
    late.update(state="reviewed", review="fine", reviewed_by=person("ana"))
    assert listed(ana, "overdue=true") == []


def test_a_list_of_a_time_goes_by_that_time(ana: Caller) -> None:
    now = clock.now()
    for days in (2, 9, 5):
        logged("ana", title=f"{days} days ago", happened_at=now - timedelta(days=days))
    for change, days in zip(Change.objects.order_by("title"), (3, 1, 2), strict=True):
        Change.objects.filter(pk=change.pk).update(planned_start=now + timedelta(days=days))
    since = quote((now - timedelta(days=30)).isoformat())
    assert listed(ana, f"happened_at__gte={since}") == ["2 days ago", "5 days ago", "9 days ago"]
    assert listed(ana, f"happened_at__gte={since}&sort=created_at") == [
        "2 days ago",
        "9 days ago",
        "5 days ago",
    ]
    assert listed(ana, f"planned_start__gte={since}") == ["5 days ago", "9 days ago", "2 days ago"]
    page = ana.get(f"changes/?planned_start__gte={since}&limit=1").json()
    assert [c["title"] for c in page["results"]] == ["5 days ago"]
    second = ana.get(page["next"].partition("/api/v1/")[2]).json()
    assert [c["title"] for c in second["results"]] == ["9 days ago"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("kind=urgent", "?kind"),
        ("kind__in=normal,urgent", "?kind__in"),
        ("state=gone", "?state"),
        ("risk=none", "?risk"),
        ("overdue=maybe", "?overdue"),
        ("planned_start__gte=soon", "?planned_start__gte"),
        ("q=" + "x" * 501, "?q"),
        ("title__contains=%25", "?title__contains"),
        ("title__contains=a-b_c", "?title__contains"),
        ("sort=title", "?sort"),
    ],
)
def test_what_can_not_be_is_400_with_the_parameters_name(ana: Caller, query: str, pointer: str) -> None:
    body = problem(ana.get(f"changes/?{query}"), 400)
    assert [error["pointer"] for error in body["errors"]] == [pointer]


def test_each_filter_takes_a_constant_number_of_queries(ana: Caller) -> None:
    logged("ana", hosts=["web-1"], title="one nginx")
    listed(ana, "")  # notes the use of the token

    def queries(query: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert listed(ana, query)
        return len(captured)

    asked = ["q=nginx", "owner=ana", "host=web-1", "title__contains=ngi", "risk__in=low,medium,high"]
    few = {query: queries(query) for query in asked}
    for _ in range(20):
        logged("ana", hosts=["web-1"], title="more nginx")
    assert {query: queries(query) for query in asked} == few
    assert max(few.values()) <= min(few.values()) + 1  # whose it is, by their name


@pytest.mark.parametrize("near", [1, 3])
@pytest.mark.parametrize(
    "query",
    [
        "host=web-1",
        "title__contains=even",
        "q=even",
        "state__in=logged,failed&host=web-1",
        "host=web-1&sort=created_at",
        "host=web-1&sort=-happened_at",
        "host=web-1&created_at__lt=BEFORE",
        "kind=emergency&sort=happened_at&host=web-1",
    ],
)
def test_pages_are_the_same_however_far_the_rows_are(
    ana: Caller, monkeypatch: pytest.MonkeyPatch, query: str, near: int
) -> None:
    """Forwards and back, some changes at the same moment, some of them not wanted: each once, in the list's order."""
    monkeypatch.setattr("common.queries.near_first.NEAR", near)
    now = clock.now().replace(microsecond=0)
    for number in range(10):
        change = logged("ana", title=("even", "odd")[number % 2], hosts=[f"web-{1 + number % 2}"])
        at = now - timedelta(minutes=number // 4)
        Change.objects.filter(pk=change.pk).update(created_at=at, happened_at=at)
    query = query.replace("BEFORE", quote(now.isoformat()))
    column = "happened_at" if "happened_at" in query else "created_at"
    sign = "" if "sort=c" in query or "sort=h" in query else "-"
    wanted = Change.objects.filter(title="even").order_by(f"{sign}{column}", f"{sign}pk")
    if "__lt" in query:
        wanted = wanted.filter(created_at__lt=now)
    references = [change.reference for change in wanted]
    page = ana.get(f"changes/?{query}&limit=2").json()
    seen = [page]
    while page["next"]:
        page = ana.get(page["next"].partition("/api/v1/")[2]).json()
        seen.append(page)
    assert [change["reference"] for page in seen for change in page["results"]] == references
    while page["previous"]:
        page = ana.get(page["previous"].partition("/api/v1/")[2]).json()
        assert [change["reference"] for change in page["results"]] in [
            [change["reference"] for change in one["results"]] for one in seen
        ]
    assert [change["reference"] for change in page["results"]] == references[:2]


def test_what_foldback_itself_files_is_found(ana: Caller) -> None:
    logged(SYSTEM, title="drafted by nobody", owner=person("ana"))
    assert listed(ana, "q=drafted") == ["drafted by nobody"]
