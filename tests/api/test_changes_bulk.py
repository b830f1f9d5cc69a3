"""`changes/bulk/`: many changes in one call, each with its own answer."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from changemgmt.models import Change
from common.models import LedgerEntry, OutboxEvent
from tests.api.client import Caller, problem
from tests.factories import host, person, team

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


@pytest.fixture
def ci() -> Caller:
    return Caller.program("ana", name="jenkins")


def file_all(caller: Caller, changes: list[Any], **headers: str) -> dict[str, Any]:
    response = caller.post("changes/bulk/", {"changes": changes}, **headers)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def test_each_is_filed_as_it_would_be_alone(ci: Caller) -> None:
    host("pay-1", owned_by=team("payments", lead="ben"))
    person("cy")
    answer = file_all(
        ci,
        [
            {"title": "deployed", "hosts": ["PAY-1"]},
            {"title": "rotated logs", "owner": "cy", "happened_at": "2026-03-01T03:12:00Z"},
            {"title": "raised limits", "links": {"ticket": "OPS-7"}, "resources": ["file:/etc/motd"]},
        ],
    )
    assert (answer["created"], answer["known"], answer["refused"]) == (3, 0, 0)
    assert [one["status"] for one in answer["results"]] == [201, 201, 201]
    filed = [one["change"] for one in answer["results"]]
    assert [(c["owner"]["username"], c["owner_source"]) for c in filed] == [
        ("ben", "team lead"),
        ("cy", "named"),
        ("ana", "sponsor"),
    ]
    whole = ci.get(filed[0]["url"].removeprefix("/api/v1/")).json()
    assert (whole["title"], whole["hosts"], whole["reference"]) == (
        "deployed",
        ["pay-1"],
        filed[0]["reference"],
    )
    assert LedgerEntry.objects.filter(action="change.logged").count() == 3
    assert OutboxEvent.objects.filter(type="change.logged").count() == 3


def test_one_that_can_not_be_taken_does_not_sink_the_others(ci: Caller) -> None:
    bad: list[tuple[Any, str]] = [
        ({"title": ""}, "/title"),
        ({}, "/title"),
        ("a text", ""),
        ({"title": "x", "titel": "x"}, "/titel"),
        ({"title": "x", "owner": "nobody"}, "/owner"),
        ({"title": "x", "hosts": ["web 1"]}, "/hosts/0"),
        ({"title": "x", "hosts": ["\ud800"]}, "/hosts/0"),
        ({"title": "x", "selector": "role=nobody"}, "/selector"),
        ({"title": "x", "happened_at": "2999-01-01T00:00:00Z"}, "/happened_at"),
        ({"title": "x", "kind": "decision"}, "/kind"),
        ({"title": "x", "external_id": "y" * 201}, "/external_id"),
        ({"title": "x", "links": []}, "/links"),
    ]
    items = [{"title": "first"}, *(item for item, _ in bad), {"title": "last"}]
    answer = file_all(ci, items)
    assert (answer["created"], answer["refused"]) == (2, len(bad))
    for index, (item, pointer) in enumerate(bad, start=1):
        result = answer["results"][index]
        assert (result["status"], result["change"]) == (400, None), item
        assert result["problem"]["errors"][0]["pointer"] == f"/changes/{index}{pointer}", item
        assert result["problem"]["detail"]
    assert set(Change.objects.values_list("title", flat=True)) == {"first", "last"}


def test_an_external_id_creates_once_within_one_call_and_over_many(ci: Caller) -> None:
    ci.post("changes/", {"title": "before", "external_id": "a"})
    answer = file_all(
        ci,
        [
            {"title": "again", "external_id": "a"},
            {"title": "new", "external_id": "b"},
            {"title": "twice", "external_id": "b"},
        ],
    )
    assert [one["status"] for one in answer["results"]] == [200, 201, 200]
    assert answer["results"][1]["change"] == answer["results"][2]["change"]
    assert sorted(Change.objects.values_list("title", flat=True)) == ["before", "new"]
    again = file_all(ci, [{"title": "new", "external_id": "b"}])
    assert (again["created"], again["known"]) == (0, 1)


def test_the_same_call_with_its_key_is_answered_and_not_done_again(ci: Caller) -> None:
    first = file_all(ci, [{"title": "one"}], Idempotency_Key="k")
    assert file_all(ci, [{"title": "one"}], Idempotency_Key="k") == first
    assert Change.objects.count() == 1


@pytest.mark.parametrize("changes", [None, {}, [{"title": "x"}] * 1_001])
def test_what_is_no_list_of_a_thousand_is_400(ci: Caller, changes: Any) -> None:
    problem(ci.post("changes/bulk/", {"changes": changes}), 400)
    assert not Change.objects.exists()


def test_nothing_to_file_is_nothing_filed(ci: Caller) -> None:
    assert file_all(ci, []) == {"created": 0, "known": 0, "refused": 0, "results": []}


def test_a_thousand_take_no_more_statements_than_ten(ci: Caller) -> None:
    host("web-1")

    def statements(count: int) -> int:
        changes = [
            {"title": f"change {n}", "hosts": ["web-1"], "external_id": f"{count}-{n}"} for n in range(count)
        ]
        with CaptureQueriesContext(connection) as captured:
            assert file_all(ci, changes)["created"] == count
        return len(captured)

    statements(1)  # notes the use of the token
    assert statements(1_000) <= statements(10) + 12  # as many more as a thousand rows need batches
