"""Changes of every kind in the console: planned, approved, carried out, corrected, accepted afterwards, handed over."""

from datetime import timedelta
from typing import Any

import pytest

from changemgmt.models import ApprovalPolicy, Change, ChangeTemplate
from changemgmt.services.approvals import approve_change
from changemgmt.services.policies import create_policy
from common import clock
from tests.factories import CAST, acting, host, logged, person, program
from tests.web.site import field, page, queries, read, window

pytestmark = pytest.mark.django_db

PLAN: dict[str, Any] = {
    "kind": "normal",
    "plan": "1. drain\n2. restart",
    "backout": "the old one",
    "hosts": ["web-1"],
}
TYPED = {
    "title": "Upgrade nginx",
    "where": "web-1",
    "plan": "1. drain\r\n2. restart",
    "backout": "the old one",
}


@pytest.fixture(autouse=True)
def cast(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}
    for name in CAST:
        person(name)
    host("web-1")


def url(change: Change, more: str = "") -> str:
    return f"/changes/{fresh(change).reference}/{more}"


def fresh(change: Change) -> Change:
    return Change.objects.get(pk=change.pk)


def post(who: str, address: str, **body: Any) -> Any:
    response = window(who).post(address, body)
    assert response.status_code in (302, 422, 400, 409, 412), response.status_code
    return response


def approve(change: Change, who: str = "ben") -> None:
    post(who, url(change, "approve/"), digest=fresh(change).digest)


def test_a_change_is_planned_approved_started_completed_and_reviewed() -> None:
    mine = window("ana")
    form = mine.get("/changes/plan/")
    answer = mine.post("/changes/plan/", {**TYPED, "external_id": field(form, "external_id")})
    change = Change.objects.get()
    assert answer.headers["Location"] == url(change)
    assert (change.state, change.plan) == ("proposed", "1. drain\n2. restart")
    text = page(mine, url(change))
    assert "it waits for one approval" in text
    assert "Waits for Ben" in text
    assert "asks for your approval" in page(window("ben"), url(change))
    approve(change)
    assert "Start now" in page(mine, url(change))
    post("ana", url(change, "start/"))
    assert "being carried out since" in page(mine, url(change))
    post("ana", url(change, "fail/"))
    assert fresh(change).state == "started"  # a failure says why
    post("ana", url(change, "complete/"), outcome="all green")
    assert "all green" in page(mine, url(change))
    post("ben", url(change, "review/"), text="drain sooner")
    assert (fresh(change).state, fresh(change).reviewed_by) == ("reviewed", person("ben"))


def test_pressing_the_button_twice_plans_once() -> None:
    mine = window("ana")
    body = {**TYPED, "external_id": field(mine.get("/changes/plan/"), "external_id")}
    assert len({mine.post("/changes/plan/", body).headers["Location"] for _ in range(2)}) == 1
    assert Change.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("plan", "", "step by step"),
        ("backout", "", "how it is taken back"),
        ("where", "role=[", "role="),
        ("planned_end", "2099-01-01T00:00", "a planned end needs a planned start"),
        ("title", "", "A few words"),
    ],
)
def test_what_is_missing_of_a_plan_is_told_at_its_field_and_nothing_typed_is_lost(
    name: str, value: str, told: str
) -> None:
    response = post("ana", "/changes/plan/", **{**TYPED, "description": "a long story", name: value})
    assert told.lower() in read(response).lower()
    assert field(response, "description") == "a long story"
    assert not Change.objects.exists()


def test_the_page_says_which_approvals_are_missing_and_who_can_give_them() -> None:
    create_policy(actor=acting("cy"), name="prod", environments=["prod"], count=2)
    change = logged("ana", **PLAN)
    assert "2 approvals (policy prod)" in page(window("ana"), url(change))
    approve(change)
    text = page(window("ben"), url(change))
    assert "one approval (policy prod)" in text
    assert "you approved it already" in text
    assert "Nothing waits for you" in page(window("ben"), "/")
    assert fresh(change).state == "proposed"
    approve(change, "cy")
    assert fresh(change).state == "approved"


def test_a_correction_of_what_was_approved_is_approved_anew_and_one_of_nothing_is_not() -> None:
    change = logged("ana", **PLAN)
    approve(change)
    mine = window("ana")
    form = mine.get(url(change, "edit/"))
    same = {name: field(form, name) for name in ("version", "title", "plan", "backout")}
    same["plan"] = same["plan"].replace("\n", "\r\n")  # as a browser sends it
    mine.post(url(change, "edit/"), same)
    assert fresh(change).state == "approved"
    mine.post(url(change, "edit/"), same | {"plan": "only restart"})
    assert (fresh(change).state, fresh(change).plan) == ("proposed", "only restart")
    assert "edited plan" in page(mine, url(change))
    stale = mine.post(url(change, "edit/"), same | {"plan": "other"})
    assert stale.status_code == 412
    assert field(stale, "plan") == "other"
    assert fresh(change).plan == "only restart"


def test_a_record_is_shown_to_the_minute_and_its_seconds_stay() -> None:
    change = logged("ana")
    mine = window("ana")
    form = mine.get(url(change, "edit/"))
    names = ("version", "title", "happened_at")
    mine.post(url(change, "edit/"), {name: field(form, name) for name in names} | {"title": "better"})
    assert (fresh(change).title, fresh(change).happened_at) == ("better", change.happened_at)


def test_what_was_done_first_is_accepted_afterwards_or_disputed_and_corrected() -> None:
    change = logged("ana", title="restarted nginx")
    assert "somebody else has to approve it" in page(window("ana"), url(change))
    assert "did it first; was it right?" in page(window("ben"), url(change))
    post("ben", url(change, "refuse/"), digest=change.digest, comment="which one?")
    assert "somebody disputes it" in page(window("ana"), url(change))
    assert "ben refused it as it is" in page(window("cy"), url(change))
    assert "was it right?" in page(window("ben"), url(change))  # who may think better of it
    form = window("ana").get(url(change, "edit/"))
    body = {name: field(form, name) for name in ("version", "title", "happened_at")}
    post("ana", url(change, "edit/"), **body, where="web-1")
    approve(change)
    assert "was approved afterwards" in page(window("ana"), url(change))


def test_what_nobody_approved_in_time_is_told_and_listed() -> None:
    change, other = logged("ana", title="late one"), logged("ana", title="other one")
    Change.objects.filter(pk=change.pk).update(due_at=clock.now() - timedelta(hours=1))
    assert "nobody else approved it in time" in page(window("ana"), url(change))
    listed = page(window("ana"), "/changes/?overdue=on")
    assert "late one" in listed and "overdue" in listed and "other one" not in listed
    assert other.title in page(window("ana"), "/changes/?risk=low")


def test_it_is_handed_over_and_commented() -> None:
    change = logged("ana", **PLAN)
    post("ana", url(change, "transfer/"), to="cy", reason="on leave")
    assert fresh(change).owner == person("cy")
    post("cy", url(change, "transfer/"), to="nobody")
    assert fresh(change).owner == person("cy")
    post("ben", url(change, "comments/"), text="is the backup done?")
    assert "is the backup done?" in page(window("ana"), url(change))


def test_whoever_may_not_is_offered_nothing() -> None:
    change = logged("ana", **PLAN)
    text = page(window("dee"), url(change))
    for offered in ("Correct it", "Hand it over", "Take it back", "Approve</button>"):
        assert offered not in text
    assert window("dee").get("/changes/plan/").status_code == 403


def test_what_is_planned_at_the_same_time_on_its_hosts_is_shown() -> None:
    start = clock.now() + timedelta(hours=5)
    logged("ben", **PLAN, title="Reboot the kernel", planned_start=start)
    change = logged("ana", **PLAN, planned_start=start)
    assert "Reboot the kernel" in page(window("ana"), url(change))


def test_a_template_is_written_approved_and_used_in_the_console() -> None:
    body = {"name": "rotate", "title": "Rotate the logs", "selector": "role=web", "plan": "x", "backout": "y"}
    post("ana", "/changes/templates/", **body)
    written = ChangeTemplate.objects.get()
    assert "it waits for somebody else" in page(window("ben"), "/changes/templates/")
    post("ben", f"/changes/templates/{written.pk}/approve/")
    form = window("ana").get("/changes/plan/?template=rotate")
    typed = {"template": str(written.pk), "where": "web-1", "external_id": field(form, "external_id")}
    post("ana", "/changes/plan/", **typed)
    change = Change.objects.get()
    assert (change.state, change.title) == ("ready", "Rotate the logs")
    assert "it was approved with its template" in page(window("ana"), url(change))
    post("ana", f"/changes/templates/{written.pk}/retire/")
    assert ChangeTemplate.objects.exclude(retired_at=None).count() == 1


def test_a_template_is_revised_and_of_two_who_do_the_second_is_told() -> None:
    body = {"name": "rotate", "title": "Rotate the logs", "selector": "role=web", "plan": "x", "backout": "y"}
    post("ana", "/changes/templates/", **body, paths="/etc/logrotate.conf")
    first = ChangeTemplate.objects.get()
    address = f"/changes/templates/{first.pk}/revise/"
    form = window("ana").get(address)
    typed = {name: field(form, name) for name in ("title", "selector", "paths", "plan", "backout")}
    assert typed["paths"] == "file:/etc/logrotate.conf"
    post("ana", address, **typed)
    assert ChangeTemplate.objects.count() == 1
    post("ana", address, **typed | {"plan": "logrotate -f"})
    second = ChangeTemplate.objects.get(retired_at=None)
    assert (second.version, second.plan, second.approved_at) == (2, "logrotate -f", None)
    assert (second.name, second.resources) == ("rotate", ["file:/etc/logrotate.conf"])
    late = post("ben", address, **typed | {"plan": "other"})
    assert late.status_code == 409 and field(late, "plan") == "other" and "is retired" in read(late)
    post("ben", f"/changes/templates/{second.pk}/approve/")
    assert "File a change from it" in page(window("dee"), "/changes/templates/")


def test_a_policy_is_made_and_ended_in_the_console() -> None:
    post("cy", "/changes/policies/", name="prod", count="2", environments="prod, staging", risks=["high"])
    policy = ApprovalPolicy.objects.get()
    assert (policy.environments, policy.risks, policy.count) == (["prod", "staging"], ["high"], 2)
    assert "prod, staging" in page(window("dee"), "/changes/policies/")
    post("cy", f"/changes/policies/{policy.pk}/end/")
    assert not ApprovalPolicy.objects.filter(is_active=True).exists()


def test_a_page_takes_as_many_queries_for_a_thousand_hosts_as_for_one() -> None:
    one = logged("ana", **PLAN)
    many = logged("ana", **{**PLAN, "hosts": [f"web-{n}" for n in range(1000)]})
    mine = window("ana")
    assert queries(mine, url(one)) == queries(mine, url(many))


def test_home_tells_what_somebody_else_did_first_and_what_waits() -> None:
    logged(program("ana"), title="pushed by ci", hosts=["web-1"])
    change = logged("ana", **PLAN)
    text = page(window("ben"), "/")
    assert change.title in text and "pushed by ci" in text
    approve_change(actor=acting("ben"), change=change, digest=change.digest)
    assert change.title not in page(window("ben"), "/")


def test_home_tells_what_of_ones_own_to_go_on_with() -> None:
    refused, going, waiting = (logged("ana", **PLAN, title=title) for title in ("one", "two", "three"))
    post("ben", url(refused, "refuse/"), digest=fresh(refused).digest, comment="which host?")
    approve(going)
    text = page(window("ana"), "/")
    hers = text.partition("Yours to go on with")[2].partition("You wait for others")[0]
    assert "Refused; correct it" in hers and "Approved; start it" in hers and waiting.title not in hers
    assert "Yours to go on with" not in page(window("ben"), "/")
    post("ana", url(going, "start/"))
    assert "Being carried out; say how it went" in page(window("ana"), "/")


def test_home_says_of_how_many_it_shows_the_first_few() -> None:
    for number in range(7):
        logged("ana", title=f"note {number}")
    text = page(window("ben"), "/")
    assert "7 changes wait for you" in text
    assert "The first 5 of 7 to be due" in text


def test_the_list_of_changes_folds_most_fields_away_until_they_are_used() -> None:
    logged("ana", **PLAN)
    plain = window("ana").get("/changes/").content.decode()
    assert '<details class="more">' in plain
    narrowed = window("ana").get("/changes/?host=web-1&overdue=on").content.decode()
    assert '<details class="more" open>' in narrowed
    assert '<input type="hidden" name="overdue" value="on">' in narrowed  # narrowing further keeps it
    mine = window("ana").get("/changes/?owner=ana").content.decode()
    assert 'href="/changes/?owner=ana" aria-current="true">Mine' in mine
