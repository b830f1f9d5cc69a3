"""The walk along a list ends where it would become long, and what is far is found by the filter's own index."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from changemgmt.api.filters import ChangeFilterSet
from changemgmt.models import Change
from common.queries.near_first import near_first
from tests.factories import logged

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


def asked(most: int) -> tuple[list[str], list[str]]:
    """(titles of the changes of web-1, the plan of each query it took)"""
    with CaptureQueriesContext(connection) as captured:
        found = near_first(
            Change.objects.filter(hosts__contains=["web-1"]).select_related("owner"),
            among=Change.objects.select_related("owner"),
            column="created_at",
            down=True,
            most=most,
        )
    return [change.title for change in found], [explained(one["sql"]) for one in captured.captured_queries]


def explained(query: str) -> str:
    """As with many rows: what is asked for is looked up, not passed over because the table is short."""
    with connection.cursor() as cursor:
        for way in ("seqscan", "indexscan", "indexonlyscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"EXPLAIN {query}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        for way in ("seqscan", "indexscan", "indexonlyscan"):
            cursor.execute(f"SET LOCAL enable_{way} = on")
    return plan


@pytest.fixture
def old_and_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.queries.near_first.NEAR", 3)
    for number in range(2):
        logged("ana", title=f"old {number}", hosts=["web-1"])
    for number in range(4):
        logged("ana", title=f"new {number}", hosts=["web-2"])
    logged("ana", title="last", hosts=["web-1"])


def test_rows_that_are_near_take_one_query_that_looks_no_further(old_and_new: None) -> None:
    titles, (plan,) = asked(1)
    assert titles == ["last"]
    assert "InitPlan" in plan
    assert "created_at >= COALESCE(" in plan


def test_rows_that_are_far_are_found_by_what_was_asked_for(old_and_new: None) -> None:
    """Along the index that has the list's order, every row would be looked at: none has this order."""
    titles, (_, plan) = asked(3)
    assert titles == ["last", "old 1", "old 0"]
    assert "change_hosts" in plan
    assert "created_at + '00:00:00'::interval" in plan.partition("Sort Key:")[2]


@pytest.mark.parametrize(
    ("query", "column", "walks"),
    [
        ({}, "created_at", False),
        ({"created_at__gte": "2026-01-01T00:00:00Z"}, "created_at", False),
        ({"happened_at__lt": "2026-01-01T00:00:00Z"}, "happened_at", False),
        *(({name: "x"}, "created_at", False) for name in ("owner", "requested_by", "external_id")),
        ({"state": "logged", "created_at__lt": "2026-01-01T00:00:00Z"}, "created_at", False),
        ({"state": "logged"}, "happened_at", True),
        ({"state": "logged", "kind": "normal"}, "created_at", True),
        ({"state__in": "logged,failed"}, "created_at", True),
        ({"created_at__lt": "2026-01-01T00:00:00Z"}, "happened_at", True),
        *(({name: "x"}, "created_at", True) for name in ("host", "resource", "environment", "q")),
        ({"title__contains": "nginx"}, "created_at", True),
        ({"overdue": "false"}, "created_at", True),
    ],
)
def test_only_what_no_index_has_in_the_lists_order_is_walked_for(
    query: dict[str, str], column: str, walks: bool
) -> None:
    filterset = ChangeFilterSet(query, queryset=Change.objects.all())
    assert filterset.is_valid()
    assert (filterset.among(column) is not None) == walks


def test_the_walk_is_along_the_time_that_was_asked_for() -> None:
    query = {
        "created_at__lt": "2026-01-01T00:00:00Z",
        "host": "web-1",
        "happened_at__gte": "2025-01-01T00:00:00Z",
    }
    filterset = ChangeFilterSet(query, queryset=Change.objects.all())
    assert filterset.is_valid()
    among = str(filterset.among("created_at").query.where)  # type: ignore[union-attr]
    assert "created_at" in among
    assert "hosts" not in among
    assert "happened_at" not in among
