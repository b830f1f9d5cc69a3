"""Scan policies: made by those who may, refused when they can't be kept, in the ledger with before and after."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from common import clock
from common.core.errors import Conflict, Invalid, NotPermitted
from common.models import LedgerEntry
from drift.models import Scan, ScanPolicy, ScanSlot
from drift.queries.scan_policies import PolicyCoverage, named_only_by, policy_coverage, standings
from drift.queries.schedule_metrics import metrics
from drift.services.scan_policies import create_scan_policy, delete_scan_policy, update_scan_policy
from drift.services.schedules import start_due_scans
from inventory.models import Host
from inventory.services.hosts import decommission_host
from tests.factories import acting, host, person

pytestmark = pytest.mark.django_db

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def policy(name: str = "production", selector: str = "*", who: str = "ben", **fields: Any) -> ScanPolicy:
    fields = {"quick_every": MINUTE, "deep_every": DAY} | fields
    return create_scan_policy(actor=acting(who), name=name, selector=selector, **fields)


def acts() -> list[str]:
    entries = LedgerEntry.objects.filter(subject_type="drift.scanpolicy").order_by("created_at")
    return list(entries.values_list("action", flat=True))


# ---- making one


def test_a_release_manager_makes_a_policy_and_the_ledger_says_so() -> None:
    made = policy(selector="env=prod role=web", note=" the shop ")
    assert (made.selector, made.note, made.enabled) == ("role=web env=prod", "the shop", True)
    assert made.created_by == person("ben")
    entry = LedgerEntry.objects.get(action="scan-policy.created")
    assert entry.actor_label == "ben" and entry.data["quick_every"] == MINUTE
    assert entry.data["selector"] == "role=web env=prod"


@pytest.mark.parametrize("who", ["ana", "dee"])
def test_those_who_may_not_make_change_or_delete_none(who: str) -> None:
    made = policy()
    for act in (
        lambda: policy("another", who=who),
        lambda: update_scan_policy(actor=acting(who), policy=made, changes={"note": "x"}),
        lambda: delete_scan_policy(actor=acting(who), policy=made),
    ):
        with pytest.raises(NotPermitted, match="Roles that may: release-manager, admin"):
            act()
    assert ScanPolicy.objects.get().note == ""


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "a b"}, "/name"),
        ({"name": "new"}, "/name"),
        ({"name": "Coverage"}, "/name"),
        ({"selector": "role="}, "/selector"),
        ({"selector": ""}, "/selector"),
        ({"quick_every": 3}, "/quick_every"),
        ({"quick_every": None, "deep_every": None}, "/quick_every"),
        ({"quick_every": DAY, "deep_every": HOUR}, "/deep_every"),
    ],
)
def test_what_can_not_be_kept_is_refused_by_field(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        policy(**{"name": "production", "selector": "*"} | fields)
    assert refused.value.errors[0].pointer == pointer
    assert not ScanPolicy.objects.exists()


def test_a_selector_that_names_nobody_yet_is_taken() -> None:
    assert policy(selector="role=to-come").selector == "role=to-come"


def test_a_name_is_taken_once_in_any_case() -> None:
    policy("Production")
    with pytest.raises(Conflict, match="There is a scan policy production already"):
        policy("production")


def test_the_database_itself_refuses_a_policy_that_never_looks() -> None:
    made = policy()
    with pytest.raises(IntegrityError), transaction.atomic():
        ScanPolicy.objects.filter(pk=made.pk).update(quick_every=None, deep_every=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        ScanPolicy.objects.filter(pk=made.pk).update(quick_every=0)


# ---- changing one


def test_a_change_is_in_the_ledger_with_before_and_after() -> None:
    made = policy()
    update_scan_policy(
        actor=acting("cy"),
        policy=made,
        changes={"quick_every": 300, "deep_every": DAY, "selector": "env=prod"},
    )
    assert (made.quick_every, made.selector, made.version) == (300, "env=prod", 2)
    data = LedgerEntry.objects.get(action="scan-policy.updated").data
    assert data == {
        "before": {"quick_every": MINUTE, "selector": "*"},
        "after": {"quick_every": 300, "selector": "env=prod"},
    }


def test_switching_it_off_and_on_are_acts_of_their_own() -> None:
    made = policy()
    update_scan_policy(actor=acting("ben"), policy=made, changes={"enabled": False})
    update_scan_policy(actor=acting("ben"), policy=made, changes={"enabled": False})
    update_scan_policy(actor=acting("ben"), policy=made, changes={"enabled": True})
    assert acts() == ["scan-policy.created", "scan-policy.disabled", "scan-policy.enabled"]


def test_of_two_who_change_it_at_once_one_is_told() -> None:
    made = policy()
    theirs = ScanPolicy.objects.get(pk=made.pk)
    update_scan_policy(actor=acting("ben"), policy=made, changes={"note": "mine"})
    with pytest.raises(Conflict, match="has changed since you read it"):
        update_scan_policy(actor=acting("cy"), policy=theirs, changes={"note": "theirs"})
    with pytest.raises(Conflict, match="has changed since you read it"):
        delete_scan_policy(actor=acting("cy"), policy=theirs)


def test_periods_that_would_not_go_together_are_refused_on_a_change_too() -> None:
    made = policy()
    with pytest.raises(Invalid):
        update_scan_policy(actor=acting("ben"), policy=made, changes={"deep_every": MINUTE})
    with pytest.raises(Invalid):
        update_scan_policy(
            actor=acting("ben"), policy=made, changes={"quick_every": None, "deep_every": None}
        )
    made.refresh_from_db()
    assert (made.deep_every, made.version) == (DAY, 1)


def test_a_deleted_policy_leaves_its_scans_and_an_entry() -> None:
    host("web-1")
    made = policy()
    start_due_scans(now=clock.now() + timedelta(seconds=DAY + MINUTE))
    scan = Scan.objects.get()
    made.refresh_from_db()
    delete_scan_policy(actor=acting("ben"), policy=made)
    scan.refresh_from_db()
    assert (scan.policy, scan.purpose) == (None, "scheduled")
    assert not ScanSlot.objects.exists()
    entry = LedgerEntry.objects.get(action="scan-policy.deleted")
    assert entry.subject_label == "production" and entry.data["selector"] == "*"


# ---- whom they leave out


def test_hosts_that_no_enabled_policy_names_are_counted_and_named() -> None:
    for number in range(1, 8):
        host(f"web-{number}")
    host("db-1", host_roles=["db"])
    decommission_host(actor=acting("ben"), host=Host.objects.get(name="web-7"))
    nobody = policy_coverage()
    assert (nobody.hosts, nobody.uncovered, nobody.without_deep, nobody.enabled) == (7, 7, 7, 0)
    assert nobody.names == ("db-1", "web-1", "web-2", "web-3", "web-4")
    policy("some", "web-[1-3] web-7", deep_every=None)
    policy("more", "web-[3-4]")
    policy("off", "*", enabled=False)
    some = policy_coverage()
    assert (some.covered, some.uncovered, some.without_deep, some.enabled) == (4, 3, 5, 2)
    assert some.names == ("db-1", "web-5", "web-6")
    policy("stars", "web-* -web-5")
    assert policy_coverage(names=1) == PolicyCoverage(7, 2, 2, ("db-1",), 3)
    policy("rest", "*")
    assert policy_coverage().uncovered == policy_coverage().without_deep == 0
    assert [named_only_by(ScanPolicy.objects.get(name=name)) for name in ("rest", "some", "off")] == [2, 0, 0]


def test_a_policy_that_can_not_be_read_any_more_covers_nobody() -> None:
    host("web-1")
    made = policy()
    ScanPolicy.objects.filter(pk=made.pk).update(selector="colour=red")
    assert policy_coverage().uncovered == 1
    [standing] = standings(list(ScanPolicy.objects.all()), now=clock.now())
    assert standing.hosts is None and "'colour' is not a key" in standing.problem


# ---- how it stands


def test_a_disabled_policy_is_never_due_and_a_neglected_one_is_late() -> None:
    host("web-1")
    made = policy(deep_every=None)  # a deep slot may fall on any time of the day
    now = clock.now()
    [new] = standings([made], now=now)
    assert new.quick is not None and new.quick.due_at is not None and not new.is_late
    assert now < new.quick.due_at <= now + timedelta(seconds=MINUTE)
    # Nobody was there for an hour.
    [late] = standings([made], now=now + timedelta(hours=1))
    assert late.is_late is False  # the slot that is due now is seconds old: it may be dealt with any moment
    update_scan_policy(actor=acting("ben"), policy=made, changes={"quick_every": HOUR})
    due = standings([made], now=now)[0].quick.due_at  # type: ignore[union-attr]
    assert due is not None
    assert standings([made], now=due + timedelta(minutes=1))[0].is_late is False
    assert standings([made], now=due + timedelta(minutes=3))[0].is_late is True
    start_due_scans(now=due + timedelta(minutes=3))
    assert standings([made], now=due + timedelta(minutes=3))[0].is_late is False
    update_scan_policy(actor=acting("ben"), policy=made, changes={"enabled": False})
    [off] = standings([made], now=due + timedelta(days=9))
    assert off.quick is not None and off.quick.due_at is None and not off.is_late


def test_standings_of_many_take_as_many_queries_as_of_one(django_assert_num_queries: Any) -> None:
    host("web-1")
    made = [policy(f"p-{number}", "web-1") for number in range(6)]
    later = clock.now() + timedelta(seconds=MINUTE)
    assert start_due_scans(now=later) == len(made)
    for some in (made[:1], made):
        with django_assert_num_queries(2):
            assert all(one.quick and one.quick.last for one in standings(some, now=later, count_hosts=False))


def test_prometheus_is_told_of_late_policies_and_of_hosts_that_nobody_looks_at() -> None:
    host("web-1")
    host("web-2")
    made = policy("one", "web-1", quick_every=HOUR)
    policy("off", "*", enabled=False)

    def told(now: datetime) -> dict[tuple[str, str], float]:
        samples = [sample for family in metrics(now) for sample in family.samples]
        return {(sample.name, sample.labels.get("state", "")): sample.value for sample in samples}

    soon = {("foldback_scan_policies", state): count for state, count in (("on", 1), ("late", 0), ("off", 1))}
    assert told(made.since) == soon | {("foldback_hosts_without_policy", ""): 1}
    neglected = told(made.since + timedelta(days=3, minutes=7))
    assert neglected["foldback_scan_policies", "late"] == 1 and neglected["foldback_scan_policies", "on"] == 0
