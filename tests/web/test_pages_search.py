"""Search, the definition to read, and pages for what is not there."""

from pathlib import Path
from typing import Any

import pytest

from drift.models import Scan
from tests.definitions import GitFleet
from tests.factories import host, logged
from tests.folding import TEMPLATE, begin, fixed_by_hand, fold
from tests.web.site import page, read, window

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    return begin(settings, tmp_path)


def test_a_reference_or_a_hosts_whole_name_leads_straight_to_its_page(fleet: GitFleet) -> None:
    decision = fold(fixed_by_hand(fleet))
    change = decision.change
    change.refresh_from_db()
    finding, scan = decision.findings.get(), Scan.objects.first()
    assert scan is not None
    for text, where in (
        (finding.reference, f"/findings/{finding.reference}/"),
        (finding.reference.lower(), f"/findings/{finding.reference}/"),
        (f" {change.reference} ", f"/changes/{change.reference}/"),
        (decision.reference, f"/changes/{change.reference}/"),
        (scan.reference, f"/scans/{scan.reference}/"),
        ("WEB-1", "/hosts/web-1/"),
    ):
        response = window("dee").get("/search/", {"q": text})
        assert response.status_code == 302 and response.headers["Location"] == where, text


def test_parts_of_names_paths_and_titles_are_found(fleet: GitFleet) -> None:
    fixed_by_hand(fleet)
    logged("ana", title="raised the limit of the app", resources=["file:/srv/x"])
    text = page(window("dee"), "/search/?q=app")
    assert "0 hosts, 1 finding and 1 change fit “app”." in text
    assert "file:/etc/app.conf" in text and "raised the limit of the app" in text
    assert "3 hosts, 0 findings and 0 changes fit “web-”." in page(window("dee"), "/search/?q=web-")
    assert "1 change fit" in page(window("dee"), "/search/?q=%2Fsrv%2Fx")


def test_more_than_a_page_of_hits_is_said() -> None:
    for number in range(25):
        host(f"web-{number:02}")
    text = page(window("dee"), "/search/?q=web")
    assert "the first 20" in text and "web-19" in text and "web-20" not in text


@pytest.mark.parametrize("query", ["", "%00", "DRF-99999999999999999999", "DRF-x", "x" * 5000, "%25", "<b>"])
def test_odd_queries_are_answered_calmly(fleet: GitFleet, query: str) -> None:
    response = window("dee").get(f"/search/?q={query}")
    assert response.status_code == 200 and b"<b>x" not in response.content


def test_a_percent_sign_is_a_percent_sign(fleet: GitFleet) -> None:
    logged("ana", title="at 90% now")
    assert "Nothing fits" in page(window("dee"), "/search/?q=_eb") and "at 90% now" in page(
        window("dee"), "/search/?q=90%25"
    )


def test_the_definition_is_read_by_revision_and_file(fleet: GitFleet) -> None:
    head = fleet.repository.commit(
        {TEMPLATE: "# <b>\nlimit 11\n"}, "Say less\n\nIt was too much.\n\nFinding: DRF-7\n"
    )
    mine = window("dee")
    assert "Say less" in page(mine, "/definition/") and head[:12] in page(mine, "/definition/")
    response = mine.get(f"/definition/revisions/{head}/")
    text = read(response)
    assert "Say less" in text and "It was too much." in text and "added: limit 11" in text
    assert 'href="/findings/DRF-7/"' in response.content.decode()
    shown = mine.get(f"/definition/revisions/{head}/files/{TEMPLATE}")
    assert "limit 11" in read(shown) and "# <b>" in read(shown) and "# &lt;b&gt;" in shown.content.decode()
    assert "There is no file nope" in page(mine, f"/definition/revisions/{head}/files/nope", 404)


def test_a_secret_in_the_definition_is_blacked_out_on_its_pages(fleet: GitFleet) -> None:
    secret = "AKIA" + "ABCDEFGHIJKLMNOP"
    head = fleet.repository.commit({"base/files/issue": f"aws_access_key_id = {secret}\n"})
    for path in ("", "files/base/files/issue"):
        assert secret not in page(window("cy"), f"/definition/revisions/{head}/{path}")


def test_a_revision_that_is_none_is_told(fleet: GitFleet) -> None:
    text = page(window("dee"), "/definition/revisions/0000000000/", 422)
    assert "is not a revision of the definition" in text and "Nothing was changed." in text


def test_without_a_definition_its_pages_say_what_to_do(settings: Any, tmp_path: Path) -> None:
    settings.DEFINITION_PATH = tmp_path / "none.git"
    assert "manage.py init_definition" in page(window("dee"), "/definition/", 503)


def test_a_page_that_is_not_there_is_told_in_words_and_an_api_address_in_json() -> None:
    assert "Not here" in page(window("ana"), "/no/such/page/", 404)
    assert window("ana").get("/api/v1/no/such/").headers["Content-Type"] == "application/problem+json"


def test_a_fault_of_ours_names_the_request_and_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.DEBUG = False
    monkeypatch.setattr("web.views.search.find", lambda text: 1 / 0)
    mine = window("ana", raise_request_exception=False)
    response = mine.get("/search/?q=zzz", headers={"X-Request-Id": "abcdef123456"})
    assert response.status_code == 500
    assert "That is our fault" in read(response) and "abcdef123456" in read(response)
    assert "ZeroDivision" not in response.content.decode()
