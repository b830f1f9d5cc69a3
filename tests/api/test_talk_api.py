"""`comments/` and `attachments/` of a change."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from changemgmt.core.attached import MAX_BYTES
from changemgmt.models import Attachment, Comment
from common.models import LedgerEntry, OutboxEvent
from tests.api.client import Caller, problem
from tests.factories import logged, proposed

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


@pytest.fixture
def ana() -> Caller:
    return Caller.person("ana")


def send(
    caller: Caller, handle: str, content: bytes, name: str = "error.log", fields: dict[str, str] | None = None
) -> Any:
    upload = SimpleUploadedFile(name, content, content_type="text/html")
    body = encode_multipart(BOUNDARY, {"file": upload, **(fields or {})})
    return caller.send("POST", f"changes/{handle}/attachments/", body, content_type=MULTIPART_CONTENT)


# ---- comments


def test_a_comment_is_kept_with_who_said_it_and_told_to_whoever_listens(ana: Caller) -> None:
    change = logged("ben")
    answer = ana.post(f"changes/{change.reference}/comments/", {"text": " still slow after this\n"})
    assert answer.status_code == 201
    said = answer.json()
    assert (said["text"], said["author"]["username"], said["via"]) == ("still slow after this", "ana", "ana")
    assert ana.get(f"changes/{change.pk}/comments/").json()["results"] == [said]
    assert LedgerEntry.objects.get(action="change.commented").data["text"] == "still slow after this"
    assert OutboxEvent.objects.get(type="change.commented").data == {"comment": said["id"]}


def test_a_program_comments_in_its_own_name_for_its_sponsor(ana: Caller) -> None:
    change = proposed("ana")
    said = (
        Caller.program("ben", name="jenkins").post(f"changes/{change.pk}/comments/", {"text": "built"}).json()
    )
    assert (said["author"]["username"], said["via"]) == ("ben", "jenkins")


def test_comments_come_in_the_order_in_which_they_were_said(ana: Caller) -> None:
    change = logged("ana")
    for text in ("one", "two", "three"):
        ana.post(f"changes/{change.pk}/comments/", {"text": text})
    assert [c["text"] for c in ana.get(f"changes/{change.pk}/comments/").json()["results"]] == [
        "one",
        "two",
        "three",
    ]


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "  "}, {"text": "a\0b"}, {"text": "x" * 20_001}])
def test_a_comment_that_says_nothing_is_400(ana: Caller, body: dict[str, str]) -> None:
    answer = problem(ana.post(f"changes/{logged('ana').pk}/comments/", body), 400)
    assert answer["errors"][0]["pointer"] == "/text"
    assert not Comment.objects.exists()


# ---- attachments


def test_a_file_is_attached_and_comes_back_as_it_was(ana: Caller) -> None:
    change = logged("ana")
    answer = send(ana, change.reference, PNG, "Größe.png")
    assert answer.status_code == 201, answer.content
    kept = answer.json()
    assert (kept["name"], kept["content_type"], kept["size"]) == ("Größe.png", "image/png", len(PNG))
    assert ana.get(f"changes/{change.pk}/attachments/").json()["results"] == [kept]
    assert ana.get(kept["url"].removeprefix("/api/v1/")).content == PNG
    entry = LedgerEntry.objects.get(action="change.attached").data
    assert (entry["attachment"], entry["sha256"]) == (kept["id"], kept["sha256"])


def test_an_attachment_is_never_shown_inside_a_page(ana: Caller) -> None:
    """It is what its content says, whatever the sender said: a page that was attached is a text to download."""
    kept = send(ana, logged("ana").reference, b"<script>alert(1)</script>", "evil.html").json()
    answer = ana.get(kept["url"].removeprefix("/api/v1/"))
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="evil.html"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_the_same_file_under_the_same_name_is_kept_once(ana: Caller) -> None:
    change = logged("ana")
    first = send(ana, change.reference, PNG)
    again = send(Caller.person("ben"), change.reference, PNG)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert send(ana, change.reference, PNG, name="other.png").status_code == 201
    assert OutboxEvent.objects.filter(type="change.attached").count() == 2


def test_a_name_can_be_given(ana: Caller) -> None:
    kept = send(ana, logged("ana").reference, PNG, name="x", fields={"name": "graph.png"}).json()
    assert kept["name"] == "graph.png"


@pytest.mark.parametrize(
    ("content", "status", "pointer"),
    [(b"\x7fELF\x02\x01\x01\x00", 400, "/file"), (b"", 400, "/file"), (b"x" * (MAX_BYTES + 1), 413, None)],
)
def test_what_is_not_taken_is_refused_in_words(
    ana: Caller, content: bytes, status: int, pointer: str | None
) -> None:
    answer = problem(send(ana, logged("ana").reference, content), status)
    assert [error["pointer"] for error in answer.get("errors", [])] == ([pointer] if pointer else [])
    assert not Attachment.objects.exists()


@pytest.mark.parametrize("body", [{}, {"file": "text"}, {"name": "x"}])
def test_a_body_without_a_file_is_400(ana: Caller, body: dict[str, str]) -> None:
    problem(ana.post(f"changes/{logged('ana').pk}/attachments/", body), 400)


def test_the_twenty_first_attachment_is_422(ana: Caller) -> None:
    change = logged("ana")
    for number in range(20):
        assert send(ana, change.reference, f"log {number}".encode()).status_code == 201
    problem(send(ana, change.reference, b"one more"), 422)
    assert Attachment.objects.count() == 20


def test_an_attachment_is_found_at_its_own_change_only(ana: Caller) -> None:
    kept = send(ana, logged("ana").reference, PNG).json()
    other = logged("ana")
    problem(ana.get(f"changes/{other.pk}/attachments/{kept['id']}/"), 404)
    problem(ana.get(f"changes/{other.pk}/attachments/x/"), 404)
