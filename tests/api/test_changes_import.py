"""`changes/import/` and `manage.py import_changes`: the history of another system, everything or nothing."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from changemgmt.models import Change
from common.models import LedgerEntry, OutboxEvent
from common.services.people import deactivate_person
from tests.api.client import Caller, problem
from tests.factories import acting, host, person

pytestmark = pytest.mark.django_db

CSV = """number,title,opened,assignee,hosts,kind,ticket,department
C1,Raised limits,2024-03-01 03:12,ana,"WEB-1, web-9",Emergency,https://tickets.example/C1,IT
C2,Rotated certificates,2024-03-02T10:00:00Z,J. Doe,,standard,,IT
C3,Moved the database,2024-03-03,,db-1,,,IT
"""
COLUMNS = {"number": "external_id", "opened": "happened_at", "assignee": "owner"}


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


@pytest.fixture
def ben() -> Caller:
    person("ana")
    return Caller.person("ben")


def body(text: str = CSV, **more: Any) -> dict[str, Any]:
    return {
        "text": text,
        "source": "servicenow",
        "columns": COLUMNS,
        "owner": "ben",
        "timezone": "Europe/Berlin",
    } | more


def test_a_preview_tells_what_would_be_recorded_and_writes_nothing(ben: Caller) -> None:
    host("web-1")
    answer = ben.post("changes/import/?dry_run=true", body())
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["dry_run"], told["created"], told["known"]) == (True, 3, 0)
    assert [(c["external_id"], c["owner"]["username"], c["kind"]) for c in told["first"]] == [
        ("C1", "ana", "emergency"),
        ("C2", "ben", "standard"),
        ("C3", "ben", "normal"),
    ]
    assert told["first"][0]["hosts"] == ["web-1", "web-9"]
    assert told["first"][0]["happened_at"] == "2024-03-01T02:12:00.000000Z"
    assert (told["stand_ins"], told["ignored_columns"]) == (["J. Doe"], ["department"])
    assert not Change.objects.exists()
    assert not OutboxEvent.objects.exists()


def test_an_import_records_history_that_nobody_has_to_approve(ben: Caller) -> None:
    answer = ben.post("changes/import/", body())
    assert answer.status_code == 201
    first = Change.objects.get(external_id="C1")
    assert answer.json()["first"][0]["reference"] == first.reference
    assert (first.state, first.due_at, first.owner_source) == ("logged", None, "named")
    assert first.links == {"imported-from": "servicenow", "ticket": "https://tickets.example/C1"}
    assert (first.requested_by.username, first.recorded_via) == ("ben", "ben")
    assert "Its owner in servicenow: J. Doe" in Change.objects.get(external_id="C2").description
    assert LedgerEntry.objects.filter(action="change.imported").count() == 3
    assert OutboxEvent.objects.filter(type="change.imported").count() == 3


def test_the_same_file_again_imports_what_is_new_in_it_whoever_sends_it(ben: Caller) -> None:
    ben.post("changes/import/", body())
    more = CSV + "C4,One more,2024-03-04,ana,,,,\n"
    again = Caller.person("cy").post("changes/import/", body(more)).json()
    assert (again["created"], again["known"]) == (1, 3)
    assert [c["external_id"] for c in again["first"]] == ["C4"]
    assert Change.objects.count() == 4
    other = ben.post("changes/import/", body(source="remedy")).json()
    assert other["created"] == 3


def test_one_line_that_can_not_be_taken_and_nothing_is_imported(ben: Caller) -> None:
    bad = (
        CSV
        + "C4,Bad host,2024-03-04,ana,web$1 x\ty,urgent,javascript:alert(1),\nC5,Later,2999-01-01,ana,,,,\n"
    )
    answer = problem(ben.post("changes/import/", body(bad)), 400)
    assert [error["detail"].partition(":")[0] for error in answer["errors"]] == ["line 5", "line 6"]
    assert "Nothing was imported" in answer["detail"]
    assert not Change.objects.exists()


def test_what_is_nobodys_needs_somebody_who_answers(ben: Caller) -> None:
    asked = body()
    del asked["owner"]
    answer = problem(ben.post("changes/import/", asked), 400)
    assert [
        "'J. Doe'" in answer["errors"][0]["detail"],
        "it has no owner" in answer["errors"][1]["detail"],
    ] == [True, True]
    told = ben.post("changes/import/", body(owners={"J. Doe": "ana"})).json()
    assert (told["stand_ins"], told["first"][1]["owner"]["username"]) == ([], "ana")


def test_for_those_who_have_left_somebody_answers(ben: Caller) -> None:
    deactivate_person(actor=acting("cy"), person=person("ana"))
    told = ben.post("changes/import/", body()).json()
    assert told["first"][0]["owner"]["username"] == "ben"
    assert "ana" in told["stand_ins"]


def test_a_file_can_be_uploaded(ben: Caller) -> None:
    upload = io.BytesIO(CSV.encode())
    upload.name = "changes.csv"
    fields = {
        "file": upload,
        "source": "servicenow",
        "owner": "ben",
        "columns": '{"number": "external_id", "opened": "happened_at"}',
    }
    answer = ben.send(
        "POST",
        "changes/import/?dry_run=true",
        encode_multipart(BOUNDARY, fields),
        content_type=MULTIPART_CONTENT,
    )
    assert answer.status_code == 200, answer.content
    assert answer.json()["created"] == 3


@pytest.mark.parametrize(
    "more",
    [
        {"source": "service now"},
        {"source": ""},
        {"text": ""},
        {"owner": "nobody"},
        {"owners": {"J. Doe": "nobody"}},
        {"owners": ["x"]},
        {"columns": {"number": 1}},
        {"columns": "number"},
        {"timezone": "Mars"},
        {"file": "x"},
    ],
)
def test_what_can_not_be_used_is_400(ben: Caller, more: dict[str, Any]) -> None:
    assert problem(ben.post("changes/import/", body(**more)), 400)["errors"]
    assert not Change.objects.exists()


def test_the_command_imports_too(tmp_path: Path) -> None:
    person("ana")
    person("ben")
    path = tmp_path / "history.csv"
    path.write_text(CSV)
    columns = [f"--column={theirs}={ours}" for theirs, ours in COLUMNS.items()]

    def run(*more: str) -> str:
        out = io.StringIO()
        call_command("import_changes", str(path), "--source=old", "--owner=ben", *columns, *more, stdout=out)
        return out.getvalue()

    assert "3 changes, 0 known already (dry run" in run("--dry-run")
    assert not Change.objects.exists()
    assert "3 changes, 0 known already\n" in run("--as=ben")
    assert "0 changes, 3 known already\n" in run()
    with pytest.raises(CommandError, match="may not import"):
        run("--as=ana")
    path.write_text("number,title\n")
    with pytest.raises(CommandError, match="the file has no column"):
        run()
