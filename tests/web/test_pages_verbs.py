"""What a person typed on a change's page is still there when it is refused, with what is wrong beside it."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from changemgmt.models import Change
from changemgmt.services.approvals import approve_change
from changemgmt.services.carrying_out import finish_change, start_change
from tests.factories import CAST, acting, host, logged, person
from tests.web.site import field, page, read, window

pytestmark = pytest.mark.django_db

TEXT = "Half of the probes timed out.\nThe firewall first."
TOO_LONG = "a" * 20_001


@pytest.fixture(autouse=True)
def cast(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}
    for name in CAST:
        person(name)
    host("web-1")


@pytest.fixture
def change() -> Change:
    return logged("ana", title="Upgrade nginx", kind="normal", plan="x", backout="y", hosts=["web-1"])


def fresh(change: Change) -> Change:
    return Change.objects.get(pk=change.pk)


def post(change: Change, verb: str, who: str = "ana", **body: Any) -> Any:
    return window(who).post(f"/changes/{change.reference}/{verb}/", body)


def begin(change: Change) -> None:
    approve_change(actor=acting("ben"), change=change, digest=fresh(change).digest)
    start_change(actor=acting("ana"), change=fresh(change))


def finish(change: Change) -> None:
    begin(change)
    finish_change(actor=acting("ana"), change=fresh(change), succeeded=True)


def test_a_failure_without_a_word_is_refused_beside_the_field(change: Change) -> None:
    begin(change)
    refused = post(change, "fail")
    assert refused.status_code == 400
    assert 'id="outcome-outcome_error"' in refused.content.decode() and "can't be empty" in read(refused)
    assert fresh(change).state == "started"
    post(change, "fail", outcome=TEXT)
    assert fresh(change).outcome == TEXT


def test_a_text_that_is_too_long_stays_in_its_field(change: Change) -> None:
    finish(change)
    for verb, name in (("review", "text"), ("comments", "text")):
        refused = post(change, verb, **{name: TOO_LONG})
        assert refused.status_code == 422 and "20000" in read(refused)
        assert field_of(refused, verb) == TOO_LONG
    assert not fresh(change).review


def field_of(response: Any, verb: str) -> str:
    """The page has two fields called `text`: that of the form with this address."""
    form = response.content.decode().partition(f'/{verb}/"><input')[2]
    return field(type("Part", (), {"content": form.encode()}), "text")


def test_what_came_too_late_is_shown_to_be_copied(change: Change) -> None:
    begin(change)
    finish_change(actor=acting("ben"), change=fresh(change), succeeded=True)
    refused = post(change, "fail", outcome=TEXT)
    text = read(refused)
    assert refused.status_code == 409
    assert "is completed, not started" in text and "What you typed was not saved." in text
    assert "Half of the probes timed out." in text
    assert fresh(change).outcome == ""


def test_who_takes_it_over_is_asked_for_again_and_why_is_kept(change: Change) -> None:
    offered = window("ana").get(f"/changes/{change.reference}/").content.decode()
    assert "Choose</option>" in offered and 'value="dee"' not in offered and 'value="ana"' not in offered
    refused = post(change, "transfer", to="nobody", reason="on leave from Monday")
    assert refused.status_code == 422 and field(refused, "reason") == "on leave from Monday"
    assert "Nobody of this name can take it over" in read(refused)
    assert '<details class="card fold" open><summary>Hand it over' in refused.content.decode()
    assert fresh(change).owner == person("ana")
    post(change, "transfer", to="cy", reason="on leave from Monday")
    assert fresh(change).owner == person("cy")


def test_a_file_that_is_not_taken_is_told_beside_its_field(change: Change) -> None:
    assert "Choose a file first." in read(post(change, "attachments"))
    refused = post(change, "attachments", file=SimpleUploadedFile("x.exe", b"MZ\x00\x01"))
    assert refused.status_code == 400 and 'id="attach-file_error"' in refused.content.decode()
    empty = post(change, "attachments", file=SimpleUploadedFile("x.txt", b""))
    assert empty.status_code == 400
    assert post(change, "attachments", file=SimpleUploadedFile("x.txt", b"hello")).status_code == 302
    assert "x.txt" in page(window("ana"), f"/changes/{change.reference}/")


def test_a_button_alone_is_told_about_where_it_was(change: Change) -> None:
    mine = window("ana")
    assert mine.post(f"/changes/{change.reference}/start/").status_code == 302
    assert "can be started" in page(mine, f"/changes/{change.reference}/")
