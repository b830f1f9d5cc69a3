"""Scan policies: made and changed with a preview, switched, run and deleted; when they are due, and whom they leave out."""

from datetime import timedelta
from typing import Any

import pytest

from common import clock
from drift.models import Scan, ScanPolicy
from drift.services.scan_policies import create_scan_policy, update_scan_policy
from drift.services.schedules import start_due_scans
from tests.factories import acting, host
from tests.web.site import field, fragment, page, queries, read, window

pytestmark = pytest.mark.django_db
DAY = 86_400
FORM = {
    "name": "production",
    "selector": "role=web",
    "quick_every": "5 min",
    "deep_every": "1 day",
    "note": "",
}


@pytest.fixture(autouse=True)
def hosts() -> None:
    for name in ("web-1", "web-2", "web-3"):
        host(name)
    host("db-1", host_roles=["db"])


def policy(name: str = "production", selector: str = "role=web", **fields: Any) -> ScanPolicy:
    fields = {"quick_every": 60, "deep_every": DAY} | fields
    return create_scan_policy(actor=acting("ben"), name=name, selector=selector, **fields)


def in_a_minute() -> Any:
    return clock.now() + timedelta(seconds=60)


def test_the_empty_page_teaches_and_says_that_nobody_is_looked_at() -> None:
    text = page(window("ben"), "/scans/policies/")
    assert "Nobody looks by itself at any of 4 hosts yet." in text
    assert "Make one" in text and "/api/v1/scan-policies/" in text
    told = page(window("dee"), "/scans/policies/")
    assert "A release manager or an admin makes one." in told and "Make one" not in told


def test_a_policy_is_made_with_a_form_and_leads_to_its_page() -> None:
    ben = window("ben")
    assert field(ben.get("/scans/policies/new/?hosts=role%3Dweb"), "selector") == "role=web"
    response = ben.post("/scans/policies/new/", FORM)
    assert response.headers["Location"] == "/scans/policies/production/"
    made = ScanPolicy.objects.get()
    assert (made.selector, made.quick_every, made.deep_every) == ("role=web", 300, DAY)
    text = page(ben, "/scans/policies/production/")
    assert "3 of 4 hosts: a quick look every 5 min and a deep one every day." in text
    assert "None yet." in text and "Made lately by Ben" in text


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"name": ""}, "Give it a name"),
        ({"name": "two words"}, "can't be named"),
        ({"selector": ""}, "Say which hosts"),
        ({"selector": "role="}, "needs a value"),
        ({"quick_every": "soon"}, "Say a length of time: 30 s, 5 min, 2 h, 1 day."),
        ({"quick_every": "1 s"}, "Between 10 s and 366 days"),
        ({"quick_every": "", "deep_every": ""}, "Say how often to look"),
        ({"deep_every": "1 min"}, "Longer than between quick looks"),
    ],
)
def test_what_can_not_be_kept_is_told_and_what_was_typed_stays(typed: dict[str, str], told: str) -> None:
    response = window("ben").post("/scans/policies/new/", FORM | typed)
    assert response.status_code in (400, 422) and told in read(response), read(response)
    for name, text in (FORM | typed).items():
        assert field(response, name) == text
    assert not ScanPolicy.objects.exists()


def test_a_name_that_is_taken_is_told() -> None:
    policy()
    response = window("ben").post("/scans/policies/new/", FORM)
    assert response.status_code == 409 and "There is a scan policy production already" in read(response)


def test_what_it_would_mean_is_shown_before_it_is_made_with_and_without_script() -> None:
    ben = window("ben")
    seen = read(ben.post("/scans/policies/new/", FORM | {"action": "preview"}))
    assert "3 of 4 hosts: web-1, web-2 and web-3" in seen
    assert "A quick look every 5 min and a deep one every day: about 867 looks a day." in seen
    assert not ScanPolicy.objects.exists()
    typing = "/scans/policies/preview/?selector={}&quick_every={}&deep_every="
    assert "about 8,640 looks a day" in read(fragment(ben, typing.format("web-[1-3]", "30s")))
    assert "nothing matches" in read(fragment(ben, typing.format("nobody", "30s")))
    assert "can't be read" in read(fragment(ben, typing.format("role%3D", "5")))
    assert read(fragment(ben, typing.format("", "5 min"))) == ""


def test_a_policy_is_changed_and_a_form_that_lay_open_too_long_is_refused() -> None:
    made = policy()
    ben = window("ben")
    form = ben.get("/scans/policies/production/edit/")
    assert (field(form, "quick_every"), field(form, "deep_every")) == ("1 min", "1 day")
    typed = {"selector": "*", "quick_every": "10 min", "deep_every": "", "note": "", "version": "1"}
    assert (
        ben.post("/scans/policies/production/edit/", typed).headers["Location"]
        == "/scans/policies/production/"
    )
    made.refresh_from_db()
    assert (made.selector, made.quick_every, made.deep_every) == ("*", 600, None)
    late = window("cy").post("/scans/policies/production/edit/", typed | {"note": "mine"})
    assert late.status_code == 409 and "has changed since you read it" in read(late)


def test_a_policy_is_switched_off_and_on() -> None:
    policy()
    ben = window("ben")
    ben.post("/scans/policies/production/switch/", {"enabled": "no"})
    text = page(ben, "/scans/policies/production/")
    assert "production off" in text and "Off: nothing is due." in text and "Switch on" in text
    ben.post("/scans/policies/production/switch/", {"enabled": "yes"})
    assert "Switch off" in page(ben, "/scans/policies/production/")


def test_a_policy_is_deleted_after_a_page_that_says_what_happens() -> None:
    policy()
    ben = window("ben")
    text = page(ben, "/scans/policies/production/delete/")
    assert "Its scans stay" in text and "3 of 4 hosts are named by no other policy that is on" in text
    policy("all", "*")
    assert "No host is left without a policy" in page(ben, "/scans/policies/production/delete/")
    assert ScanPolicy.objects.exists()
    response = ben.post("/scans/policies/production/delete/")
    assert response.headers["Location"] == "/scans/policies/" and ScanPolicy.objects.get().name == "all"
    assert "production is deleted. Its scans stay." in page(ben, "/scans/policies/")


def test_whoever_may_scan_runs_it_now_and_is_told_when_it_runs_already() -> None:
    policy()
    ana = window("ana")
    response = ana.post("/scans/policies/production/run/", {"mode": "deep"})
    scan = Scan.objects.get()
    assert response.headers["Location"] == f"/scans/{scan.reference}/" and scan.mode == "deep"
    ana.post("/scans/policies/production/run/", {"mode": "deep"})
    assert f"{scan.reference}, a deep look of production, is still running" in page(
        ana, "/scans/policies/production/"
    )
    assert "Quick look now" not in page(window("dee"), "/scans/policies/production/")


def test_each_due_time_says_what_came_of_it() -> None:
    policy(deep_every=None)
    policy("nobody", "role=to-come", deep_every=None)
    for minute in (1, 2, 9):
        start_due_scans(now=clock.now() + timedelta(minutes=minute))
    scan = Scan.objects.get()
    with clock.shifted(timedelta(minutes=9)):
        text = page(window("dee"), "/scans/policies/production/")
        assert f"quick skipped {scan.reference} was still running." in text
        assert "made up for 6 missed ones" in text
        assert f"waiting {scan.reference} 0 of 3" in text
        text = page(window("dee"), "/scans/policies/nobody/")
        assert "No host is named now." in text and "failed No active host matches role=to-come" in text
        listed = page(window("dee"), "/scans/policies/")
        assert (
            "nobody 0 role=to-come every minute" in listed and "production 3 role=web every minute" in listed
        )


def test_the_list_says_how_many_hosts_nobody_looks_at_and_which() -> None:
    policy("some", "web-1 web-2", deep_every=None)
    policy("off", "*", enabled=False)
    text = page(window("dee"), "/scans/policies/")
    assert "1 policy at work; 2 of 4 hosts are looked at by none." in text
    assert "2 hosts are looked at by no policy that is on: db-1 and web-3." in text
    assert "2 hosts are never looked at deeply" in text
    policy("all", "*")
    text = page(window("dee"), "/scans/policies/")
    assert "2 policies at work; all 4 hosts are looked at." in text and "by no policy" not in text


def test_a_policy_that_can_not_be_read_any_more_says_so() -> None:
    made = policy()
    ScanPolicy.objects.filter(pk=made.pk).update(selector="colour=<red>")
    for path in ("/scans/policies/", "/scans/policies/production/"):
        response = window("dee").get(path)
        assert "'colour' is not a key" in read(response) and b"<red>" not in response.content


def test_a_policy_that_nobody_starts_says_what_may_be_wrong() -> None:
    made = policy(quick_every=3_600)
    with clock.shifted(timedelta(days=2)):
        text = page(window("dee"), "/scans/policies/production/")
        assert "It is late." in text and "Are beat, a worker and Redis running?" in text
        assert "not started" in page(window("dee"), "/scans/policies/")
        start_due_scans(now=clock.now())
        assert "It is late." not in page(window("dee"), "/scans/policies/production/")
        update_scan_policy(
            actor=acting("ben"), policy=ScanPolicy.objects.get(pk=made.pk), changes={"enabled": False}
        )
    with clock.shifted(timedelta(days=9)):
        assert "It is late." not in page(window("dee"), "/scans/policies/production/")


def test_scans_lead_to_the_policies_and_say_whose_they_are() -> None:
    policy(deep_every=None)
    start_due_scans(now=in_a_minute())
    ana = window("ana")
    ana.post("/scans/", {"selector": "db-1"})
    everything = ana.get("/scans/")
    assert b'href="/scans/policies/"' in everything.content
    assert b'href="/scans/policies/production/"' in everything.content
    asked, scheduled = (page(ana, f"/scans/?purpose={purpose}") for purpose in ("requested", "scheduled"))
    assert "db-1 waiting" in asked and "role=web production" not in asked
    assert "role=web production waiting" in scheduled and "db-1" not in scheduled
    assert "role=web production" in page(ana, "/scans/?policy=production")
    assert "None of these." in page(ana, "/scans/?policy=other")
    assert "role=web production" in page(ana, "/scans/?purpose=zzz")


def test_the_page_of_a_policy_takes_the_same_number_of_queries_for_any_number_of_due_times() -> None:
    policy(deep_every=None)
    start_due_scans(now=in_a_minute())
    few = queries(window("dee"), "/scans/policies/production/")
    for minute in range(2, 30):
        start_due_scans(now=clock.now() + timedelta(minutes=minute))
    assert queries(window("dee"), "/scans/policies/production/") == few


def test_home_says_how_many_hosts_no_policy_looks_at_and_is_not_flooded_by_quick_looks() -> None:
    Scan.objects.create(selector="*", hosts=[], requested_by="ana", finished_at=clock.now())
    assert "No scan policy is at work: hosts are looked at only when somebody scans." in page(
        window("ana"), "/"
    )
    policy()
    start_due_scans(now=in_a_minute())
    scheduled = Scan.objects.get(purpose="scheduled")
    text = page(window("ana"), "/").partition("Last scans")[2]
    assert scheduled.reference not in text
    assert "Quick looks of 1 scan policy are not listed here. 1 of 4 hosts is looked at by none." in text
