"""What every address does the same: who calls, what is taken, how errors look, keys, cursors, ETags."""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from changemgmt.models import Change
from common import clock
from common.models import IdempotencyKey, Person, Token
from tests.api.client import Caller, problem
from tests.factories import logged, person, token

pytestmark = pytest.mark.django_db

TITLE = {"title": "restarted nginx"}


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


@pytest.fixture
def ana() -> Caller:
    return Caller.person("ana")


# ---- who calls


def test_without_a_token_the_answer_is_401_and_says_what_to_send() -> None:
    response = Caller(None).get("changes/")
    assert "Authorization: Bearer fb_" in problem(response, 401)["detail"]
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="foldback"'


@pytest.mark.parametrize(
    "header", ["Bearer fb_nonsense", "Bearer ", "Bearer", "Basic YTpi", "Bearer fb_a_b c", "x"]
)
def test_an_invalid_token_is_401(header: str) -> None:
    response = Client().get("/api/v1/changes/", headers={"Authorization": header})
    problem(response, 401)
    assert "WWW-Authenticate" in response.headers


@pytest.mark.parametrize("why", ["expired", "revoked", "sponsor left"])
def test_a_token_that_is_no_longer_good_is_401(why: str) -> None:
    made, text = token("ana")
    if why == "expired":
        Token.objects.filter(pk=made.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    elif why == "revoked":
        Token.objects.filter(pk=made.pk).update(revoked_at=clock.now())
    else:
        Person.objects.filter(username="ana").update(is_active=False)
    problem(Caller(text).get("changes/"), 401)


def test_a_token_narrowed_to_one_thing_does_only_that() -> None:
    caller = Caller.program("ana", scopes=["change.log"])
    assert caller.post("changes/", TITLE).status_code == 201
    assert "narrowed" in problem(caller.get("changes/"), 403)["detail"]


def test_a_token_has_no_more_than_its_sponsor() -> None:
    caller = Caller.program("dee", role="admin")
    problem(caller.post("changes/", TITLE), 403)
    assert caller.get("changes/").status_code == 200


def test_the_consoles_session_works_and_its_writes_need_a_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(person("ana"))
    assert client.get("/api/v1/changes/").status_code == 200
    refused = client.post("/api/v1/changes/", json.dumps(TITLE), content_type="application/json")
    assert "CSRF" in problem(refused, 403)["detail"]
    assert not Change.objects.exists()


def test_a_form_from_a_session_is_415_even_with_a_file_in_it() -> None:
    client = Client(raise_request_exception=False)
    client.force_login(person("ana"))
    problem(client.post("/api/v1/changes/", {"title": "x"}), 415)
    problem(client.post("/api/v1/changes/", {"title": "x"}, headers={"Idempotency-Key": "k"}), 415)


# ---- what is taken


def test_an_unknown_address_is_a_404_problem(ana: Caller) -> None:
    problem(ana.get("nothing/here/"), 404)


def test_a_method_that_an_address_does_not_take_is_405(ana: Caller) -> None:
    response = ana.send("PUT", "changes/", TITLE)
    problem(response, 405)
    assert "POST" in response.headers["Allow"]


def test_an_unknown_parameter_is_400_and_names_those_that_are_taken(ana: Caller) -> None:
    body = problem(ana.get("changes/?stat=logged&limit=3"), 400)
    assert body["errors"] == [{"pointer": "?stat", "detail": "unknown parameter"}]
    assert "state__in" in body["detail"]
    problem(ana.get(f"changes/{logged('ana').reference}/?full=1"), 400)
    problem(ana.post("changes/?limit=1", TITLE), 400)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=1001", "limit=x", "limit=-1", "limit=%C2%B2", "limit=1e3", "limit=99999999999999999999",
        "count=yes", "sort=title", "sort=--created_at", "sort=-", "cursor=x", "cursor=", "cursor=e30:1abc:x",
        "state=unheard-of", "kind=x", "created_at__gte=yesterday", "happened_at__lt=2026-13-01", "host=%00",
        "title__contains=a%00b", "owner=%00",
    ],
)  # fmt: skip
def test_a_bad_parameter_is_400_and_points_at_itself(ana: Caller, query: str) -> None:
    body = problem(ana.get(f"changes/?{query}"), 400)
    assert body["errors"][0]["pointer"] == "?" + query.split("=")[0]


def test_an_unknown_field_is_400_and_nothing_is_done(ana: Caller) -> None:
    body = problem(ana.post("changes/", TITLE | {"titel": "x", "id": "y"}), 400)
    assert {error["pointer"] for error in body["errors"]} == {"/titel", "/id"}
    assert not Change.objects.exists()


def test_a_field_of_the_wrong_kind_is_400_with_a_pointer(ana: Caller) -> None:
    body = problem(
        ana.post("changes/", {"title": ["x"], "hosts": ["web-1", 7, {}], "happened_at": "noon"}), 400
    )
    assert {"/title", "/hosts/2", "/happened_at"} <= {error["pointer"] for error in body["errors"]}


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"", b"null", b"[]", b'"x"', b"7", b'{"title": NaN}', b'{"title": Infinity}', b"\xff\xfe", b"[" * 100_000,
        b'{"a":' * 50_000, b'{"title": "a\\u0000b"}', b'{"title": "\\ud800"}', b'{"links": {"a": "\\u0000"}, "title": "x"}',
        b'{"title": "x", "links": {"a": "\\ud800"}}', b"1" * 5_000, b'{"title": 1' + b"0" * 5_000 + b"}",
    ],
)  # fmt: skip
def test_a_body_that_is_no_usable_json_object_is_400(ana: Caller, body: bytes) -> None:
    problem(ana.send("POST", "changes/", body), 400)
    assert not Change.objects.exists()


def test_where_the_json_breaks_is_said(ana: Caller) -> None:
    assert "line 2, column 3" in problem(ana.send("POST", "changes/", b'{"title": "x",\n  }'), 400)["detail"]


@pytest.mark.parametrize("charset", ["latin-1", "utf-7", "hex", "rot13", "nonsense"])
def test_json_is_utf_8_whatever_the_header_says(ana: Caller, charset: str) -> None:
    response = ana.send(
        "POST", "changes/", '{"title": "über"}'.encode(), content_type=f"application/json; charset={charset}"
    )
    assert response.status_code == 201
    assert response.json()["title"] == "über"


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/xml"],
)
def test_another_media_type_is_415(ana: Caller, content_type: str) -> None:
    problem(ana.send("POST", "changes/", b"title=x", content_type=content_type), 415)


def test_a_body_that_is_too_large_is_413(ana: Caller, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2_000_000
    body = problem(ana.post("changes/", TITLE | {"description": "x" * 2_000_000}), 413)
    assert "2 MB" in body["detail"]
    problem(ana.post("changes/", TITLE | {"description": "x" * 2_000_000}, Idempotency_Key="k"), 413)


def test_an_answer_is_json_whatever_is_asked_for(ana: Caller) -> None:
    assert ana.get("changes/", Accept="text/html").headers["Content-Type"] == "application/json"


def test_a_request_id_is_taken_when_harmless_and_made_otherwise(ana: Caller) -> None:
    assert ana.get("changes/", X_Request_Id="build-1234").headers["X-Request-Id"] == "build-1234"
    for bad in ("x", "a b c d e f", "x" * 65):
        assert ana.get("changes/", X_Request_Id=bad).headers["X-Request-Id"] != bad


def test_an_error_of_ours_is_a_problem_too_and_tells_nothing_of_the_inside(
    ana: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret is 1234")

    monkeypatch.setattr("changemgmt.api.changes.log_change", breaks)
    body = problem(ana.post("changes/", TITLE), 500)
    assert "1234" not in json.dumps(body)


def test_a_database_that_does_not_answer_is_503_and_promises_nothing(
    ana: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def breaks(*_: Any, **__: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("changemgmt.api.changes.log_change", breaks)
    response = ana.post("changes/", TITLE)
    assert "same Idempotency-Key" in problem(response, 503)["detail"]
    assert response.headers["Retry-After"] == "5"


# ---- idempotency keys


def test_the_same_key_and_body_replay_the_first_answer(ana: Caller) -> None:
    first = ana.post("changes/", TITLE, Idempotency_Key="k-1")
    again = ana.post("changes/", TITLE, Idempotency_Key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Idempotent-Replay"] == "true"
    assert "Idempotent-Replay" not in first.headers
    assert Change.objects.count() == 1


@pytest.mark.parametrize(
    ("path", "body"), [("changes/", {"title": "other"}), ("changes/CHG-1/claim/", TITLE)]
)
def test_the_same_key_with_another_request_is_422(ana: Caller, path: str, body: dict[str, str]) -> None:
    ana.post("changes/", TITLE, Idempotency_Key="k-1")
    problem(ana.post(path, body, Idempotency_Key="k-1"), 422)
    assert Change.objects.count() == 1


def test_an_answer_that_failed_is_not_replayed(ana: Caller) -> None:
    problem(ana.post("changes/", {"title": ""}, Idempotency_Key="k-1"), 400)
    assert not IdempotencyKey.objects.exists()
    assert ana.post("changes/", TITLE, Idempotency_Key="k-1").status_code == 201


def test_somebody_elses_key_is_another_key(ana: Caller) -> None:
    first = ana.post("changes/", TITLE, Idempotency_Key="k-1").json()
    second = Caller.person("ben").post("changes/", TITLE, Idempotency_Key="k-1").json()
    assert first["id"] != second["id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x01b"])
def test_a_key_that_is_none_is_400(ana: Caller, key: str) -> None:
    problem(ana.post("changes/", TITLE, Idempotency_Key=key), 400)
    assert not Change.objects.exists()


# ---- lists


def walk(caller: Caller, query: str, step: str = "next") -> Iterator[list[str]]:
    url = f"changes/?{query}"
    while url:
        response = caller.get(url)
        assert response.status_code == 200, response.content
        body = response.json()
        yield [change["reference"] for change in body["results"]]
        url = (body[step] or "").partition("/api/v1/")[2]


def test_pages_hold_every_row_once_in_order(ana: Caller) -> None:
    made = [logged("ana").reference for _ in range(7)]
    pages = list(walk(ana, "limit=3"))
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [reference for page in pages for reference in page] == made[::-1]
    assert [r for page in walk(ana, "limit=3&sort=created_at") for r in page] == made


def test_pages_are_whole_when_all_rows_have_the_same_time(ana: Caller) -> None:
    told = clock.now() - timedelta(hours=1)
    made = {logged("ana", happened_at=told).reference for _ in range(9)}
    listed = [r for page in walk(ana, "limit=2&sort=-happened_at") for r in page]
    assert len(listed) == 9
    assert set(listed) == made


def test_rows_added_while_walking_neither_shift_nor_repeat_anything(ana: Caller) -> None:
    made = [logged("ana").reference for _ in range(6)]
    seen: list[str] = []
    for page in walk(ana, "limit=2"):
        seen += page
        logged("ana", title="meanwhile")
    assert seen == made[::-1]


def test_one_can_walk_back(ana: Caller) -> None:
    made = [logged("ana").reference for _ in range(5)]
    first = ana.get("changes/?limit=2").json()
    assert first["previous"] is None
    second = ana.get(first["next"].partition("/api/v1/")[2]).json()
    back = ana.get(second["previous"].partition("/api/v1/")[2]).json()
    assert [c["reference"] for c in back["results"]] == made[:-3:-1]
    assert back["previous"] is None
    assert back["next"] is not None
    last = list(walk(ana, "limit=2"))[-1]
    assert last == made[:1]


def test_links_are_in_the_header_too_and_there_is_no_count_unless_asked(ana: Caller) -> None:
    for _ in range(3):
        logged("ana")
    response = ana.get("changes/?limit=2")
    assert response.headers["Link"] == f'<{response.json()["next"]}>; rel="next"'
    assert "count" not in response.json()
    assert ana.get("changes/?limit=2&count=true").json()["count"] == 3


def test_a_cursor_of_another_list_or_order_is_refused(ana: Caller) -> None:
    for _ in range(3):
        logged("ana")
    cursor = ana.get("changes/?limit=1").json()["next"].partition("cursor=")[2].partition("&")[0]
    assert ana.get(f"changes/?limit=1&cursor={cursor}").status_code == 200
    problem(ana.get(f"changes/?limit=1&sort=created_at&cursor={cursor}"), 400)
    problem(ana.get(f"jobs/?cursor={cursor}"), 400)
    problem(ana.get(f"changes/?limit=1&cursor={cursor[:-1]}"), 400)


# ---- ETags


def test_a_patch_with_the_etag_that_was_read_is_done_and_gives_a_new_one(ana: Caller) -> None:
    path = f"changes/{logged('ana').reference}/"
    etag = ana.get(path).headers["ETag"]
    patched = ana.patch(path, {"title": "second"}, If_Match=etag)
    assert patched.status_code == 200
    assert patched.headers["ETag"] != etag
    assert patched.headers["ETag"] == ana.get(path).headers["ETag"]


def test_a_patch_with_an_etag_that_is_gone_is_412_and_changes_nothing(ana: Caller) -> None:
    path = f"changes/{logged('ana').reference}/"
    etag = ana.get(path).headers["ETag"]
    ana.patch(path, {"title": "second"}, If_Match=etag)
    problem(ana.patch(path, {"title": "third"}, If_Match=etag), 412)
    problem(ana.patch(path, {"title": "third"}, If_Match='"nonsense"'), 412)
    assert ana.get(path).json()["title"] == "second"


def test_a_patch_with_a_star_or_without_if_match_is_done(ana: Caller) -> None:
    path = f"changes/{logged('ana').reference}/"
    assert ana.patch(path, {"title": "second"}, If_Match="*").status_code == 200
    assert ana.patch(path, {"title": "third"}).status_code == 200


# ---- what is needed


def test_logging_a_change_needs_nothing_but_the_database(
    ana: Caller, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """Not even an attempt at another connection: libpq's own is made in C, and is not seen here."""
    settings.REDIS_URL = settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    settings.EVENT_CONSUMERS = {"change.logged": ["somewhere.else"]}

    def no(*_: Any, **__: Any) -> None:
        pytest.fail("a connection was tried while logging a change")

    monkeypatch.setattr(socket.socket, "connect", no)
    monkeypatch.setattr(socket, "create_connection", no)
    assert ana.post("changes/", TITLE, Idempotency_Key="k-1").status_code == 201


def test_healthz_needs_nothing_and_readyz_names_what_is_down(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"]["database"] == "ok"
    assert ready.json()["checks"]["redis"].startswith("down")
