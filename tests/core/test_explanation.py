"""Which changes explain a finding, and why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from drift.core.explanation import FIRST_LOOK, SLACK, LoggedChange, SeenDrift, reasons

SEEN = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
BEFORE = SEEN - timedelta(hours=6)
DRIFT = SeenDrift("file:/etc/nginx/nginx.conf", {"web-1", "web-2"}, SEEN, BEFORE)


def change(**fields: Any) -> LoggedChange:
    values: dict[str, Any] = {
        "hosts": ["web-1", "web-2"],
        "resources": ["file:/etc/nginx/nginx.conf"],
        "text": "more connections",
        "happened_at": SEEN - timedelta(hours=1),
    }
    return LoggedChange(**(values | fields))


def test_host_resource_and_time_that_agree_explain_and_say_so() -> None:
    assert reasons(change(), DRIFT) == [
        "it names 2 of 2 hosts (web-1, web-2)",
        "it names /etc/nginx/nginx.conf",
        "it happened at 2026-03-02 03:00 UTC, between two looks",
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"hosts": ["db-1"]},
        {"hosts": []},
        {"resources": ["file:/etc/motd"]},
        {"happened_at": SEEN + SLACK + timedelta(seconds=1)},
        {"happened_at": BEFORE - SLACK - timedelta(seconds=1)},
    ],
)
def test_another_host_resource_or_time_explains_nothing(fields: dict[str, Any]) -> None:
    assert reasons(change(**fields), DRIFT) == []


def test_a_clock_that_is_off_by_less_than_an_hour_still_fits() -> None:
    assert reasons(change(happened_at=SEEN + SLACK), DRIFT)
    assert reasons(change(happened_at=BEFORE - SLACK), DRIFT)


def test_a_change_that_mentions_the_path_in_its_text_explains() -> None:
    said = reasons(change(resources=["file:/etc/motd"], text="edited nginx.conf by hand"), DRIFT)
    assert "its text mentions nginx.conf" in said


def test_a_change_that_names_no_file_explains_what_half_of_its_hosts_show() -> None:
    few = change(resources=[], hosts=["web-1", "web-2", "web-3"])
    assert "it names no resource, so any on that host fits" in reasons(few, DRIFT)


def test_a_release_to_all_hosts_does_not_explain_what_two_of_them_show() -> None:
    assert reasons(change(resources=[], hosts=[f"web-{n}" for n in range(1, 25)]), DRIFT) == []


def test_before_the_first_look_a_change_of_the_last_two_weeks_explains() -> None:
    first = SeenDrift(DRIFT.resource, DRIFT.hosts, SEEN, None)
    assert "before the first look" in reasons(change(), first)[2]
    assert reasons(change(happened_at=SEEN - FIRST_LOOK), first)
    assert not reasons(change(happened_at=SEEN - FIRST_LOOK - timedelta(seconds=1)), first)


def test_a_name_that_is_no_path_belongs_to_its_kind() -> None:
    package = replace(DRIFT, resource="package:nginx")
    assert reasons(change(resources=["service:nginx"], text="restarted"), package) == []
    assert "it names nginx" in reasons(change(resources=["package:nginx"], text="newer"), package)
    rules = replace(DRIFT, resource="sudoers:/etc/sudoers.d/deploy")
    named = change(resources=["file:/etc/sudoers.d/deploy"], text="let them restart")
    assert "it names /etc/sudoers.d/deploy" in reasons(named, rules)


ANA = replace(DRIFT, probably={"ana": "high", "ben": "low"})


def test_that_it_was_probably_the_same_person_is_a_reason_more() -> None:
    assert reasons(change(owner="Ana"), ANA)[-1] == (
        "it is Ana's, who probably did it by what the host tells (high confidence)"
    )
    assert len(reasons(change(owner="cy"), ANA)) == len(reasons(change(), ANA)) == 3


def test_whoever_was_merely_logged_in_is_no_reason() -> None:
    assert len(reasons(change(owner="ben"), ANA)) == 3


def test_a_wide_change_that_names_no_file_explains_what_its_owner_probably_did() -> None:
    wide = change(resources=[], hosts=["web-1", *(f"app-{n}" for n in range(50))], owner="ana")
    assert reasons(wide, DRIFT) == []
    assert "it names no resource, so any on that host fits" in reasons(wide, ANA)


def test_the_person_alone_explains_nothing() -> None:
    assert reasons(change(resources=["file:/etc/motd"], owner="ana"), ANA) == []
    assert reasons(change(hosts=["db-1"], owner="ana"), ANA) == []
