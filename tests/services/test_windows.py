"""Windows: made by those who may, changed and called off with a trace, and met by plans."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from changemgmt.core.gates import ALLOWED, AWAITING, PREVENTED
from changemgmt.models import Change, Window
from changemgmt.queries.windows import (
    changes_within,
    conflicts_of,
    freeze_gate,
    next_freeze,
    windows_between,
)
from changemgmt.services.windows import cancel_window, create_window, update_window
from common import clock
from common.core.errors import Conflict, Invalid, NotPermitted, PreconditionFailed
from common.models import LedgerEntry, OutboxEvent
from inventory.models import Host
from inventory.services.hosts import decommission_host
from tests.factories import acting, host, logged, team

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def soon(hours: float = 0) -> datetime:
    """The next full hour but one, so that nothing ends while a test runs."""
    return clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=2 + hours)


def freeze(selector: str = "*", who: str = "ben", **fields: Any) -> Window:
    values: dict[str, Any] = {"kind": "freeze", "title": "Peak", "starts_at": soon(), "ends_at": soon(4)}
    return create_window(actor=acting(who), selector=selector, **(values | fields))


def planned(*hosts: str, at: float = 1, hours: float = 1, **fields: Any) -> Change:
    """A change that is planned for some hours from `soon()` on."""
    change = logged("ana", hosts=list(hosts))
    values = {
        "kind": "normal", "state": "proposed", "planned_start": soon(at), "planned_end": soon(at + hours),
    } | fields  # fmt: skip
    Change.objects.filter(pk=change.pk).update(**values)
    change.refresh_from_db()
    return change


def acts(window: Window) -> list[str]:
    entries = LedgerEntry.objects.filter(subject_id=window.pk).order_by("created_at")
    return list(entries.values_list("action", flat=True))


# ---- making, changing, calling off


def test_a_release_manager_makes_a_window_and_ledger_and_events_say_so() -> None:
    made = freeze("role=web env=prod", title=" Peak\nweek ", rule="freq=weekly", timezone="Europe/Berlin")
    assert (made.state, made.title, made.rule, made.version) == ("active", "Peak week", "FREQ=WEEKLY", 1)
    assert made.selector == "role=web env=prod" and made.created_by.username == "ben"
    assert acts(made) == ["window.created"]
    assert OutboxEvent.objects.filter(type="window.created", subject_id=made.pk).count() == 1


@pytest.mark.parametrize("who", ["ana", "dee"])
def test_others_make_none(who: str) -> None:
    made = freeze()
    with pytest.raises(NotPermitted, match="Roles that may: release-manager, admin"):
        freeze(who=who)
    with pytest.raises(NotPermitted):
        update_window(actor=acting(who), window=made, fields={"title": "mine"})
    with pytest.raises(NotPermitted):
        cancel_window(actor=acting(who), window=made)
    assert acts(made) == ["window.created"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"kind": "holiday"}, "/kind"),
        ({"title": " "}, "/title"),
        ({"selector": "role="}, "/selector"),
        ({"ends_at": datetime(2020, 1, 1, tzinfo=UTC)}, "/ends_at"),
        ({"rule": "FREQ=SECONDLY"}, "/rule"),
        ({"timezone": "Nowhere"}, "/timezone"),
    ],
)
def test_what_can_not_be_kept_is_refused_with_the_field(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as told:
        freeze(**fields)
    assert [error.pointer for error in told.value.errors] == [pointer]
    assert not Window.objects.exists()


def test_an_edit_keeps_in_the_ledger_what_it_said_before() -> None:
    made = freeze()
    changed = update_window(
        actor=acting("cy"), window=made, fields={"title": "Later", "ends_at": soon(8), "selector": "web-1"}
    )
    assert (changed.title, changed.ends_at, changed.selector, changed.version) == (
        "Later",
        soon(8),
        "name=web-1",
        2,
    )
    [entry] = LedgerEntry.objects.filter(subject_id=made.pk, action="window.updated")
    assert entry.data["from"] == {"title": "Peak", "ends_at": soon(4).isoformat(), "selector": "*"}
    assert entry.data["to"]["title"] == "Later"


def test_an_edit_that_changes_nothing_writes_nothing() -> None:
    made = freeze()
    update_window(actor=acting("ben"), window=made, fields={"title": "Peak", "starts_at": made.starts_at})
    assert acts(made) == ["window.created"]


def test_an_edit_of_one_time_is_checked_with_the_others() -> None:
    made = freeze(rule="FREQ=DAILY")
    with pytest.raises(Invalid, match="ends before it begins"):
        update_window(actor=acting("ben"), window=made, fields={"starts_at": soon(5)})
    with pytest.raises(Invalid, match="a time zone"):
        update_window(actor=acting("ben"), window=made, fields={"timezone": "Nowhere"})
    left_out = soon(24).date()
    changed = update_window(actor=acting("ben"), window=made, fields={"excluded": [left_out]})
    assert changed.excluded == [left_out]


def test_a_window_that_began_years_ago_can_still_be_changed() -> None:
    made = freeze(rule="FREQ=DAILY")
    with clock.shifted(timedelta(days=900)):
        changed = update_window(actor=acting("ben"), window=made, fields={"rule": "FREQ=DAILY;INTERVAL=2"})
    assert changed.rule == "FREQ=DAILY;INTERVAL=2"


def test_an_edit_of_what_somebody_else_changed_meanwhile_is_refused() -> None:
    made = freeze()
    update_window(actor=acting("cy"), window=made, fields={"title": "first"}, expected_version=1)
    with pytest.raises(PreconditionFailed, match="changed since you read it"):
        update_window(actor=acting("ben"), window=made, fields={"title": "second"}, expected_version=1)


def test_a_window_is_called_off_once_and_stays_as_it_was() -> None:
    made = freeze()
    cancel_window(actor=acting("ben"), window=Window.objects.get(pk=made.pk), reason="no peak this year")
    assert acts(made) == ["window.created", "window.cancelled"]
    with pytest.raises(Conflict, match=r"window\.cancelled by ben"):
        cancel_window(actor=acting("cy"), window=made)
    with pytest.raises(Conflict, match="stays as it was"):
        update_window(actor=acting("ben"), window=made, fields={"title": "x"})
    assert windows_between(soon(), soon(4)) == []


def test_a_window_that_is_changed_meanwhile_is_called_off_as_it_is_then() -> None:
    made = freeze()
    read = Window.objects.get(pk=made.pk)
    update_window(actor=acting("cy"), window=made, fields={"title": "Later"})
    off = cancel_window(actor=acting("ben"), window=read)
    assert (off.state, off.title, off.version) == ("cancelled", "Later", 3)


def test_the_database_refuses_a_window_that_ends_before_it_begins() -> None:
    made = freeze()
    with pytest.raises(IntegrityError), transaction.atomic():
        Window.objects.filter(pk=made.pk).update(ends_at=made.starts_at)


# ---- when


def test_the_next_freeze_is_the_one_that_holds_longest_else_the_next_to_come() -> None:
    assert next_freeze(clock.now()) is None
    later = freeze(title="later", starts_at=soon(48), ends_at=soon(50))
    freeze(kind="maintenance", title="maintenance", starts_at=soon(1), ends_at=soon(2))
    found = next_freeze(clock.now())
    assert found is not None and found.window == later
    short = freeze(title="short", starts_at=soon(-4), ends_at=soon(1))
    long = freeze(title="long", starts_at=soon(-3), ends_at=soon(2))
    found = next_freeze(clock.now())
    assert found is not None and found.window == long != short


def test_times_between_two_moments_are_those_of_all_windows_in_order() -> None:
    daily = freeze(title="daily", rule="FREQ=DAILY")
    once = freeze(kind="maintenance", title="once", starts_at=soon(30), ends_at=soon(31))
    found = windows_between(soon(), soon(51))
    assert [one.window for one in found] == [daily, daily, once, daily]
    assert [one.window for one in windows_between(soon(), soon(51), kind="maintenance")] == [once]


# ---- what a plan meets


def test_a_plan_is_told_of_freezes_that_mean_its_hosts_at_its_time() -> None:
    host("web-1", owned_by=team())
    host("db-1", host_roles=["db"])
    made = freeze("role=web")
    [met] = conflicts_of(["db-1", "web-1"], soon(1), soon(2))
    assert (met.kind, met.reference, met.hosts) == ("freeze", made.reference, ("web-1",))
    assert (met.starts_at, met.ends_at, met.state) == (made.starts_at, made.ends_at, "active")
    assert conflicts_of(["db-1"], soon(1), soon(2)) == []
    assert conflicts_of(["web-1"], soon(4), soon(5)) == []  # it begins when the freeze ends
    assert conflicts_of(["web-1"], soon(-1), soon(0)) == []
    assert conflicts_of(["web-1"], None) == []


def test_maintenance_is_nothing_that_a_plan_meets() -> None:
    freeze(kind="maintenance")
    assert conflicts_of(["web-1"], soon(1)) == []


@pytest.mark.parametrize(
    ("selector", "met"),
    [
        ("*", True),
        ("web-*", True),
        ("web-[1-9]", True),
        ("* -web-1", False),
        ("role=web", False),
        ("db-*", False),
    ],
)
def test_of_a_host_that_inventory_does_not_know_the_name_counts(selector: str, met: bool) -> None:
    freeze(selector)
    assert bool(conflicts_of(["web-1"], soon(1))) is met


def test_a_plan_that_names_no_hosts_meets_the_freezes_of_everything() -> None:
    freeze("role=web")
    everything = freeze("*")
    assert [met.reference for met in conflicts_of([], soon(1))] == [everything.reference]


def test_a_host_out_of_service_is_still_meant() -> None:
    host("web-1")
    decommission_host(actor=acting("cy"), host=Host.objects.get())
    freeze("role=web")
    assert conflicts_of(["WEB-1"], soon(1))[0].hosts == ("WEB-1",)


def test_a_plan_is_told_of_other_plans_for_the_same_hosts_and_time() -> None:
    other = planned("web-1", "web-2", at=1, hours=2)
    planned("web-3", at=1)
    planned("web-1", at=9)
    planned("web-1", at=1, state="withdrawn")
    [met] = conflicts_of(["web-2", "web-9"], soon(2), soon(5))
    assert (met.kind, met.reference, met.state, met.hosts) == (
        "change",
        other.reference,
        "proposed",
        ("web-2",),
    )
    assert conflicts_of(["web-2"], soon(2), soon(5), exclude=other) == []


def test_a_plan_without_an_end_is_taken_to_last_an_hour() -> None:
    other = planned("web-1", at=1, planned_end=None)
    assert [met.reference for met in conflicts_of(["web-1"], soon(1.5))] == [other.reference]
    assert conflicts_of(["web-1"], soon(2)) == []
    assert [met.reference for met in conflicts_of(["web-1"], soon(0.5))] == [other.reference]
    assert conflicts_of(["web-1"], soon(0), soon(1)) == []


def test_what_a_plan_meets_takes_as_many_queries_for_any_number_of_hosts_and_windows() -> None:
    def asked(hosts: list[str]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert conflicts_of(hosts, soon(1))
        return len(queries)

    freeze("web-1")
    few = asked(["web-1"])
    for number in range(20):
        freeze(f"web-{number} role=web" if number % 2 else "*")
    assert asked([f"web-{number}" for number in range(200)]) == few == 3


def test_a_freeze_is_told_which_plans_it_stands_in_the_way_of() -> None:
    host("web-1")
    inside = planned("web-1", at=25)
    planned("db-9", at=25)
    planned("web-1", at=10)
    made = freeze("role=web", rule="FREQ=DAILY")
    [met] = changes_within(made, now=clock.now())
    assert (met.reference, met.hosts) == (inside.reference, ("web-1",))
    assert changes_within(freeze("role=web", kind="maintenance", rule="FREQ=DAILY"), now=clock.now()) == []


# ---- the gate


def test_the_gate_is_open_while_no_freeze_holds() -> None:
    change = planned("web-1")
    freeze("web-2", starts_at=soon(-3))
    freeze("web-1")  # in two hours
    assert freeze_gate(change, clock.now()).verdict == ALLOWED


def test_the_gate_waits_for_the_end_of_the_last_freeze_in_a_row() -> None:
    change = planned("web-1")
    freeze("web-1", starts_at=soon(-3), ends_at=soon(1), title="one")
    freeze("*", starts_at=soon(1), ends_at=soon(3), title="two")
    freeze("*", starts_at=soon(9), ends_at=soon(10), title="later")
    answer = freeze_gate(change, clock.now())
    assert (answer.gate, answer.verdict, answer.until) == ("freeze", AWAITING, soon(3))
    assert "one, freezes web-1 until" in answer.reason and "later" not in answer.reason


def test_the_gate_is_shut_while_no_end_is_in_sight() -> None:
    change = planned("web-1")
    freeze("*", starts_at=soon(-3), ends_at=soon(21), rule="FREQ=DAILY", title="for ever")
    assert freeze_gate(change, clock.now()).verdict == PREVENTED


def test_a_day_that_is_left_out_opens_the_gate() -> None:
    change = planned("web-1")
    now = clock.now()
    freeze("*", starts_at=soon(-3), ends_at=soon(-2) + DAY, rule="FREQ=DAILY", excluded=[soon(-3).date()])
    assert freeze_gate(change, now).verdict == ALLOWED
    assert freeze_gate(change, now + DAY).verdict == PREVENTED


def test_days_are_days_of_the_windows_time_zone() -> None:
    # 22:30 UTC is the next day in Berlin, winter and summer.
    begins = datetime(clock.now().year + 1, 2, 1, 23, 30, tzinfo=UTC)
    made = freeze(
        starts_at=begins, ends_at=begins + HOUR, timezone="Europe/Berlin", rule="FREQ=DAILY",
        excluded=[date(begins.year, 2, 3)],
    )  # fmt: skip
    found = windows_between(begins, begins + 3 * DAY)
    assert [one.span.starts_at for one in found] == [begins, begins + 2 * DAY]
    assert {one.window for one in found} == {made}
