"""The calendar's pages: the month, windows made and changed with a form, called off, and feeds."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from changemgmt.models import FeedToken, Window
from common import clock
from tests.api.client import Caller
from tests.factories import host
from tests.services.test_windows import freeze, planned, soon
from tests.web.site import field, page, queries, read, window
from tests.web.test_commands import sent
from web.core import commands

pytestmark = pytest.mark.django_db

YEAR = clock.now().year + 1
FORM = {
    "kind": "freeze", "title": "Weekend", "selector": "role=web", "starts_at": f"{YEAR}-03-05T18:00",
    "ends_at": f"{YEAR}-03-08T08:00", "timezone": "Europe/Berlin", "repeats": "FREQ=WEEKLY", "last_day": "", "rule": "",
    "excluded": "", "description": "",
}  # fmt: skip


@pytest.fixture(autouse=True)
def hosts() -> None:
    host("web-1")
    host("web-2")
    host("db-1", host_roles=["db"])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


def month_of(when: datetime) -> str:
    return f"/calendar/?month={when:%Y-%m}"


# ---- the month


def test_an_empty_month_teaches_and_says_that_no_freeze_is_to_come() -> None:
    text = page(window("ben"), "/calendar/?month=2026-11")
    assert (
        "November 2026 0 freezes, 0 maintenance periods and 0 planned changes; no freeze is to come." in text
    )
    assert "Make a freeze or a maintenance period" in text
    assert "Release managers and admins make freezes" in page(window("dee"), "/calendar/")


def test_a_month_shows_windows_and_planned_changes_in_the_grid_and_in_the_list() -> None:
    made = freeze("role=web", title="Peak <b>week</b>")
    change = planned("web-1", at=1)
    gone = planned("web-1", at=2, state="withdrawn")
    response = window("dee").get(month_of(soon()))
    text = read(response)
    assert response.content.count(f'href="/calendar/windows/{made.reference}/"'.encode()) >= 2
    assert response.content.count(f'href="/changes/{change.reference}/"'.encode()) == 2
    assert gone.reference not in text and b"<b>week</b>" not in response.content
    assert f"{soon():%H:%M}" in text and "role=web" in text
    assert f"the next freeze begins {soon():%Y-%m-%d %H:%M} UTC" in text


def test_a_month_says_that_a_freeze_holds_now() -> None:
    freeze(starts_at=soon(-4), ends_at=soon(4))
    text = page(window("ana"), "/calendar/")
    assert f"a freeze holds until {soon(4):%Y-%m-%d %H:%M} UTC" in text


@pytest.mark.parametrize("month", ["", "0000-00", "9999-12", "x", "%00", "2026-11-23"])
def test_any_month_that_is_asked_for_is_answered(month: str) -> None:
    assert f"{clock.now():%B %Y}" in page(window("ana"), f"/calendar/?month={month}")


def test_a_month_takes_as_many_queries_for_any_number_of_windows_and_changes() -> None:
    freeze(rule="FREQ=DAILY")
    planned("web-1")
    few = queries(window("dee"), month_of(soon()))
    for number in range(8):
        freeze(f"web-{number}", rule="FREQ=DAILY")
        planned(f"web-{number}", at=number)
    assert queries(window("dee"), month_of(soon())) == few


# ---- windows


def test_a_window_is_made_with_a_form_on_the_clocks_of_its_zone() -> None:
    ben = window("ben")
    assert field(ben.get("/calendar/windows/new/?hosts=role%3Dweb"), "selector") == "role=web"
    response = ben.post(
        "/calendar/windows/new/", FORM | {"last_day": f"{YEAR}-12-31", "excluded": f"{YEAR}-03-12"}
    )
    made = Window.objects.get()
    assert response.headers["Location"] == f"/calendar/windows/{made.reference}/"
    assert (made.starts_at, made.ends_at) == (at(f"{YEAR}-03-05T18:00"), at(f"{YEAR}-03-08T08:00"))
    assert made.rule == f"FREQ=WEEKLY;UNTIL={YEAR}1231T225959Z" and f"{made.excluded[0]}" == f"{YEAR}-03-12"
    text = page(ben, f"/calendar/windows/{made.reference}/")
    assert f"every week, on the same day, until {YEAR}-12-31" in text
    assert "it means 2 of 3 hosts now" in text and "web-1 and web-2" in text


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"title": ""}, "will understand"),
        ({"selector": "role="}, "needs a value"),
        ({"starts_at": "soon"}, "A day and a time, such as"),
        ({"starts_at": ""}, "Say when it begins"),
        ({"ends_at": f"{YEAR}-03-05T17:00"}, "It ends before it begins"),
        ({"timezone": "Mars"}, "There is no such time zone"),
        ({"repeats": "rule"}, "Write the rule"),
        ({"rule": "FREQ=DAILY"}, "by a rule of its own"),
        ({"repeats": "rule", "rule": "FREQ=HOURLY"}, "begins with FREQ="),
        (
            {"repeats": "rule", "rule": "FREQ=DAILY;COUNT=3", "last_day": f"{YEAR}-12-31"},
            "says already when it ends",
        ),
        ({"repeats": "", "last_day": f"{YEAR}-12-31"}, "It doesn’t repeat"),
        ({"last_day": f"{YEAR}-03-01"}, "before the first time"),
        ({"excluded": "christmas"}, "Days such as"),
        ({"repeats": "", "excluded": f"{YEAR}-03-12"}, "only what recurs"),
    ],
)
def test_what_can_not_be_kept_is_told_and_what_was_typed_stays(typed: dict[str, str], told: str) -> None:
    response = window("ben").post("/calendar/windows/new/", FORM | typed)
    assert response.status_code in (400, 422) and told.lower() in read(response).lower(), read(response)
    for name in ("title", "selector", "starts_at", "ends_at", "timezone", "rule", "excluded", "last_day"):
        assert field(response, name) == (FORM | typed)[name]
    assert not Window.objects.exists()


def test_a_time_that_clocks_never_show_is_refused() -> None:
    spring = {"starts_at": "2026-03-29T02:30", "ends_at": "2026-03-29T04:00"}
    response = window("ben").post("/calendar/windows/new/", FORM | spring)
    assert response.status_code == 422 and "never show 02:30 on that day" in read(response)


def test_what_it_would_mean_is_shown_before_it_is_made_with_and_without_script() -> None:
    change = planned("web-1", at=1)
    typed = FORM | {
        "starts_at": f"{soon():%Y-%m-%dT%H:%M}",
        "ends_at": f"{soon(4):%Y-%m-%dT%H:%M}",
        "timezone": "UTC",
    }
    ben = window("ben")
    for response in (
        ben.post("/calendar/windows/new/", typed | {"action": "preview"}),
        ben.get("/calendar/windows/preview/", typed, headers={"HX-Request": "true"}),
    ):
        text = read(response)
        assert "2 of 3 hosts: web-1 and web-2" in text and "And so on." in text
        assert "1 change is planned for these hosts meanwhile" in text and change.reference in text
    assert not Window.objects.exists()
    unread = ben.get(
        "/calendar/windows/preview/", typed | {"selector": "role="}, headers={"HX-Request": "true"}
    )
    assert "needs a value" in read(unread)
    assert read(ben.get("/calendar/windows/preview/", {}, headers={"HX-Request": "true"})) == ""


def test_a_window_is_changed_and_a_form_that_lay_open_too_long_is_refused() -> None:
    ben = window("ben")
    ben.post("/calendar/windows/new/", FORM | {"last_day": f"{YEAR}-12-31"})
    made = Window.objects.get()
    path = f"/calendar/windows/{made.reference}/edit/"
    form = ben.get(path)
    for name in ("title", "selector", "starts_at", "ends_at", "timezone", "last_day"):
        assert field(form, name) == (FORM | {"last_day": f"{YEAR}-12-31"})[name]
    assert 'value="FREQ=WEEKLY" selected' in form.content.decode()
    typed = {name: text for name, text in FORM.items() if name != "kind"} | {
        "title": "Longer",
        "version": "1",
    }
    assert ben.post(path, typed).headers["Location"] == f"/calendar/windows/{made.reference}/"
    made.refresh_from_db()
    assert (made.title, made.rule, made.version) == ("Longer", "FREQ=WEEKLY", 2)
    late = window("cy").post(path, typed | {"title": "Mine"})
    assert late.status_code == 412 and "Somebody else changed it since you read it" in read(late)
    assert field(late, "title") == "Mine"
    again = window("cy").post(path, typed | {"title": "Mine", "version": field(late, "version")})
    assert again.status_code == 302 and Window.objects.get().title == "Mine"


def test_a_form_that_is_saved_as_it_is_changes_nothing() -> None:
    """Also where the first time is the second of two hours that clocks show alike."""
    second = datetime(2027, 10, 31, 1, 30, 20, tzinfo=UTC)
    made = freeze(
        starts_at=second, ends_at=second + timedelta(hours=3), timezone="Europe/Berlin",
        rule="FREQ=MONTHLY;BYDAY=-1SU;UNTIL=20281231T120000Z", excluded=[datetime(2027, 11, 28, tzinfo=UTC).date()],
    )  # fmt: skip
    ben = window("ben")
    path = f"/calendar/windows/{made.reference}/edit/"
    form = ben.get(path)
    names = (
        "title",
        "selector",
        "starts_at",
        "ends_at",
        "timezone",
        "rule",
        "excluded",
        "last_day",
        "version",
    )
    typed = {name: field(form, name) for name in names}
    assert ben.post(path, typed | {"repeats": "rule", "description": ""}).status_code == 302
    unchanged = Window.objects.get()
    assert (unchanged.version, unchanged.starts_at, unchanged.rule) == (1, second, made.rule)


def test_a_window_is_called_off_after_a_page_that_says_what_happens() -> None:
    made = freeze(rule="FREQ=DAILY")
    ben = window("ben")
    path = f"/calendar/windows/{made.reference}/cancel/"
    text = page(ben, path)
    assert "Changes that wait for its end may go on at once." in text and "To leave out one day" in text
    assert ben.post(path, {"reason": "no peak"}).headers["Location"] == f"/calendar/windows/{made.reference}/"
    text = page(ben, f"/calendar/windows/{made.reference}/")
    assert "is called off." in text and "A freeze that was called off" in text and "Never again." in text
    assert "Call it off" not in text
    ben.post(path)
    assert "is cancelled already: window.cancelled by ben" in page(
        ben, f"/calendar/windows/{made.reference}/"
    )


def test_why_it_is_called_off_stays_where_it_was_typed_when_it_is_refused() -> None:
    made = freeze()
    response = window("ben").post(f"/calendar/windows/{made.reference}/cancel/", {"reason": "x" * 20_001})
    assert response.status_code == 422 and "at most 20000 characters" in read(response)
    assert f'value="{"x" * 20_001}"' in response.content.decode()
    made.refresh_from_db()
    assert made.state == "active"


def test_a_freeze_says_what_is_planned_meanwhile_and_when_it_holds() -> None:
    change = planned("web-1", at=25)
    made = freeze("role=web", rule="FREQ=DAILY", timezone="Asia/Kolkata", description="stock\ntaking")
    text = page(window("dee"), f"/calendar/windows/{made.reference}/")
    assert f"it next holds from {soon():%Y-%m-%d %H:%M} UTC" in text
    assert change.reference in text and "On clocks in Asia/Kolkata" in text
    local = soon().astimezone(ZoneInfo("Asia/Kolkata"))
    assert f"{local:%a} {local.day} {local:%b %Y %H:%M}" in text
    assert "No host is meant now" in page(
        window("dee"), f"/calendar/windows/{freeze('role=none').reference}/"
    )


def test_windows_are_listed_with_when_each_holds_next() -> None:
    freeze(title="Now", starts_at=soon(-3), ends_at=soon(3))
    freeze(title="Over", starts_at=soon(-9), ends_at=soon(-8))
    freeze(title="Monthly", rule="FREQ=MONTHLY")
    text = page(window("dee"), "/calendar/windows/")
    assert re.search(r"Now freeze \* once holds now", text) and re.search(r"Over freeze \* once over", text)
    assert "every month, on the same date" in text and "New window" not in text


def test_the_empty_list_teaches_a_command_that_works() -> None:
    text = page(window("ben"), "/calendar/windows/")
    assert "No window yet" in text and "Make one" in text and "/api/v1/windows/" in text
    address, body = sent(commands.freeze(soon(200).date()))
    response = Caller.person("ben").post(address.removeprefix("/api/v1/"), body)
    assert response.status_code == 201, response.content


# ---- feeds


def test_a_feed_is_made_shown_once_and_revoked() -> None:
    ana = window("ana")
    assert "You have none yet." in page(ana, "/calendar/feeds/")
    text = read(ana.post("/calendar/feeds/", {"label": "my phone"}))
    found = re.search(r"calendar\.ics\?token=(fbcal_\S+)", text)
    assert found and ana.get(f"/api/v1/calendar.ics?token={found[1]}").status_code == 200
    later = page(ana, "/calendar/feeds/")
    assert "my phone" in later and "fbcal_" not in later and "lately" in later
    token = FeedToken.objects.get()
    window("ben").post(f"/calendar/feeds/{token.pk}/revoke/")
    assert FeedToken.objects.filter(revoked_at=None).exists()
    ana.post(f"/calendar/feeds/{token.pk}/revoke/")
    text = page(ana, "/calendar/feeds/")
    assert "its address opens nothing any more" in text and "1 feed of yours is revoked." in text
    assert ana.get(f"/api/v1/calendar.ics?token={found[1]}").status_code == 401
    for nobody in (token.pk, "x", "%00"):
        assert ana.post(f"/calendar/feeds/{nobody}/revoke/").status_code == 302


def test_a_label_that_is_too_long_is_told(settings: Any) -> None:
    response = window("ana").post("/calendar/feeds/", {"label": "x" * 200})
    assert response.status_code == 422 and "at most 100 characters" in read(response)
    assert f'value="{"x" * 200}"' in response.content.decode()


# ---- home


def test_home_says_when_the_next_freeze_is_and_that_one_holds() -> None:
    assert "Next freeze" in page(window("ana"), "/") and "None is to come." in page(window("ana"), "/")
    freeze("role=web", title="Christmas", starts_at=soon(46), ends_at=soon(60))
    text = page(window("ana"), "/")
    assert "Next freeze" in text and "Christmas begins in 47 h, on 2 of 3 hosts." in text
    freeze("*", title="Stocktaking", starts_at=soon(-4), ends_at=soon(1))
    text = page(window("ana"), "/")
    assert "Frozen now" in text and re.search(r"Stocktaking ends in \d+ \w+, on 3 of 3 hosts\.", text)


# ---- planning


def test_whoever_plans_a_change_is_told_what_it_meets_while_they_type() -> None:
    ana = window("ana")
    assert b'hx-get="/calendar/meets/"' in ana.get("/changes/plan/").content

    def told(**typed: str) -> str:
        return read(ana.get("/calendar/meets/", typed, headers={"HX-Request": "true"}))

    start, end = (f"{soon(hours):%Y-%m-%dT%H:%M}" for hours in (1, 2))
    assert "No freeze then, and no other plan for these hosts." in told(where="role=web", planned_start=start)
    made, change = freeze("role=web", title="Peak"), planned("web-2", at=1)
    text = told(where="role=web", planned_start=start, planned_end=end)
    assert f"Peak {made.reference} freeze" in text and "on web-1 and web-2" in text
    assert change.reference in text
    assert "No freeze then" in told(where="db-1", planned_start=start, planned_end=end)
    for typed in ({}, {"where": "role=", "planned_start": start}, {"where": "*", "planned_start": "soon"},
                  {"where": "*", "planned_start": "0001-01-01T00:00"}, {"where": "*"}, {"where": "nobody", "planned_start": start}):  # fmt: skip
        assert told(**typed) == ""
