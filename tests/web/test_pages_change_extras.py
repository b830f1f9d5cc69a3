"""Files and looks on a change's page, and the page that brings in another system's history."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from changemgmt.core.attached import MAX_BYTES
from changemgmt.models import Attachment, Change
from common import clock
from tests.factories import CAST, host, logged, person
from tests.looks import Fleet
from tests.web.site import window

pytestmark = pytest.mark.django_db

CSV = "number,title,happened_at,owner\nC1,Raised <limits>,2024-03-01 03:12,ana\nC2,Moved,2024-03-02,J. Doe\n"


@pytest.fixture(autouse=True)
def cast(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}
    for name in CAST:
        person(name)


def page(who: str, address: str) -> str:
    response = window(who).get(address)
    assert response.status_code == 200
    text: str = response.content.decode()
    return text


# ---- files


def attach(who: str, change: Change, content: bytes, name: str = "error.log") -> Any:
    upload = SimpleUploadedFile(name, content)
    return window(who).post(f"/changes/{change.reference}/attachments/", {"file": upload}, follow=True)


def test_a_file_is_attached_on_the_page_and_offered_there_as_a_download() -> None:
    change = logged("ana")
    text = attach("ana", change, b"too many open files").content.decode()
    kept = Attachment.objects.get()
    assert f'href="/api/v1/changes/{change.pk}/attachments/{kept.pk}/" download' in text
    assert "error.log" in text
    download = window("dee").get(f"/api/v1/changes/{change.pk}/attachments/{kept.pk}/")
    assert download.content == b"too many open files"
    assert download.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "file is empty"), (b"\x7fELF\x00", "goes into a zip"), (b"x" * (MAX_BYTES + 1), "5 MB at most")],
)
def test_what_is_not_taken_is_said_on_the_page(content: bytes, said: str) -> None:
    change = logged("ana")
    response = attach("ana", change, content)
    assert said in response.content.decode()
    assert not Attachment.objects.exists()


def test_who_may_not_log_is_not_offered_to_attach() -> None:
    change = logged("ana")
    assert "attach-file" not in page("dee", f"/changes/{change.reference}/")
    assert "attach-file" in page("ana", f"/changes/{change.reference}/")


# ---- before and after


def test_before_and_after_are_shown_where_looks_tell() -> None:
    fleet = Fleet({"base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n'}, [host("web-1")])
    fleet.now = clock.now() - timedelta(hours=3)
    fleet.look()
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    fleet.now += timedelta(hours=2)
    fleet.look()
    change = logged(
        "ana", hosts=["web-1"], resources=["file:/etc/motd"], happened_at=clock.now() - timedelta(hours=2)
    )
    address = f"/changes/{change.reference}/states/"
    assert f'hx-get="{address}"' in page("dee", f"/changes/{change.reference}/")
    text = page("dee", address)
    assert "No look" not in text
    assert text.count("sha256") == 2
    part = window("dee").get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "/etc/motd" in part


def test_a_change_without_looks_says_so() -> None:
    change = logged("ana", hosts=["web-1"], resources=["file:/etc/motd"])
    assert "No look" in page("ana", f"/changes/{change.reference}/states/")
    assert (
        "hx-get" not in page("ana", f"/changes/{logged('ana').reference}/").split("Before and after")[0][-1:]
    )


# ---- the history of another system


def send(who: str, **more: Any) -> Any:
    fields = {
        "text": CSV,
        "source": "servicenow",
        "owner": "ben",
        "timezone": "Europe/Berlin",
        "columns": "number = external_id",
    }
    return window(who).post("/changes/import/", fields | more)


def test_a_preview_shows_what_would_be_recorded_and_keeps_the_text() -> None:
    upload = SimpleUploadedFile("changes.csv", CSV.encode())
    response = send("ben", file=upload, text="", preview="1")
    assert response.status_code == 200
    text = response.content.decode()
    assert "2 changes would be recorded" in text
    assert "Raised &lt;limits&gt;" in text
    assert "Nobody here is J. Doe" in text
    assert "C1,Raised &lt;limits&gt;" in text  # in the form, for the second button
    assert not Change.objects.exists()


def test_the_second_button_records_them_once() -> None:
    assert send("ben").status_code == 302
    assert Change.objects.count() == 2
    assert send("cy").status_code == 302
    assert Change.objects.count() == 2


@pytest.mark.parametrize(
    "more",
    [
        {"text": ""},
        {"text": "number,title,happened_at\nC1,a,soon\n"},
        {"source": "service now"},
        {"owner": "nobody"},
        {"owner": ""},
        {"timezone": "Mars"},
        {"columns": "number"},
        {"columns": "number = identity"},
        {"file": SimpleUploadedFile("x.csv", b"x" * 9_000_001)},
    ],
)
def test_what_can_not_be_used_is_said_and_nothing_that_was_typed_is_lost(more: dict[str, Any]) -> None:
    response = send("ben", **more)
    assert response.status_code in (400, 422)
    text = response.content.decode()
    assert 'class="errors"' in text or "form-errors" in text
    assert "Europe/Berlin" in text or "timezone" in more
    assert not Change.objects.exists()


def test_an_engineer_does_not_import() -> None:
    assert send("ana").status_code == 403
    assert window("ana").get("/changes/import/").status_code == 403
