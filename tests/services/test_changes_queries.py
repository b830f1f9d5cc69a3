"""Changes by host and time: what a finding is matched to, and what a host's page shows."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from changemgmt.queries.changes import changes_for_host, changes_matching
from common import clock
from tests.factories import host, logged

pytestmark = pytest.mark.django_db

MOTD, NGINX = "file:/etc/motd", "file:/etc/nginx/nginx.conf"


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


def titles(changes: Any) -> list[str]:
    return [change.title for change in changes]


@pytest.fixture
def history() -> None:
    now = clock.now()
    logged("ana", title="old", hosts=["web-1"], resources=[NGINX], happened_at=now - timedelta(days=9))
    logged(
        "ana",
        title="late",
        hosts=["web-1", "web-2"],
        resources=[NGINX, MOTD],
        happened_at=now - timedelta(hours=2),
    )
    logged("ana", title="elsewhere", hosts=["db-1"], resources=[NGINX], happened_at=now - timedelta(hours=1))
    logged("ana", title="everywhere and nothing", happened_at=now - timedelta(hours=1))


def test_a_hosts_changes_come_latest_first(history: None) -> None:
    assert titles(changes_for_host(host("web-1"))) == ["late", "old"]
    assert titles(changes_for_host(host("web"))) == []


def test_changes_match_by_any_of_the_hosts(history: None) -> None:
    assert titles(changes_matching(hosts=["web-2", "db-1"])) == ["elsewhere", "late"]
    assert titles(changes_matching(hosts=[])) == []


def test_changes_match_by_resource(history: None) -> None:
    assert titles(changes_matching(hosts=["web-1"], resource=MOTD)) == ["late"]


def test_changes_match_from_a_time_until_before_another(history: None) -> None:
    late = changes_for_host(host("web-2")).get().happened_at
    assert titles(changes_matching(hosts=["web-1"], since=late)) == ["late"]
    assert titles(changes_matching(hosts=["web-1"], until=late)) == ["old"]
    assert titles(changes_matching(hosts=["web-1"], since=late, until=late + timedelta(seconds=1))) == [
        "late"
    ]


@pytest.mark.parametrize("index", ["change_hosts", "change_resources", "change_created", "change_happened"])
def test_the_indexes_that_keep_a_million_changes_fast_can_be_used(index: str, history: None) -> None:
    """With sequential scans off, the planner must find a way through the index; without one it can't."""
    query = {
        "change_hosts": "SELECT 1 FROM changemgmt_change WHERE hosts @> '{web-1}'",
        "change_resources": "SELECT 1 FROM changemgmt_change WHERE resources @> '{file:/etc/motd}'",
        "change_created": "SELECT 1 FROM changemgmt_change WHERE created_at <= now() AND (created_at < now() OR id < "
        "gen_random_uuid()) ORDER BY created_at DESC, id DESC LIMIT 101",
        "change_happened": "SELECT 1 FROM changemgmt_change ORDER BY happened_at DESC, id DESC LIMIT 101",
    }[index]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {query}")
        plan = "\n".join(row for (row,) in cursor.fetchall())
    assert index in plan
