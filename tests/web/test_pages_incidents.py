"""Incidents in the console: the list, opening one, the room, and the band above every page."""

from datetime import timedelta
from typing import Any

import pytest

from changemgmt.models import Change, Incident
from changemgmt.services.incidents import close_incident, review_incident
from changemgmt.services.timeline import add_to_timeline
from common import clock
from drift.models import Finding
from tests.definitions import deliver_events
from tests.factories import acting, host, logged, person
from tests.looks import Fleet
from tests.services.incident_fleet import begun, carry_out_all, drafts, fleet_of, scans_of
from tests.web.site import field, fragment, page, queries, read, window

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet() -> Fleet:
    return fleet_of(host("web-1"), host("web-2"), host("db-1"))


def post(path: str, who: str = "ana", **fields: Any) -> Any:
    return window(who).post(path, fields)


def room_of(incident: Incident, who: str = "ana") -> str:
    return page(window(who), f"/incidents/{incident.reference}/")


def test_an_empty_list_teaches_the_command() -> None:
    text = page(window("ana"), "/incidents/")
    assert "None so far." in text and "/api/v1/incidents/" in text and "Open an incident" in text
    assert "Open an incident" not in page(window("dee"), "/incidents/")


def test_the_list_says_how_things_stand_and_is_narrowed(fleet: Fleet) -> None:
    incident = begun(fleet)
    other = begun(fleet, title="search is slow", hosts=["db-1"], severity="minor")
    close_incident(actor=acting("ana"), incident=other)
    text = page(window("ana"), "/incidents/")
    assert "1 of 2 incidents open; 1 closed one waits for a review." in text
    assert "checkout is down" in text and "search is slow" in text and "goes on" in text
    assert "search is slow" not in page(window("ana"), "/incidents/?state=open")
    assert (
        incident.reference
        not in page(window("ana"), "/incidents/?state=closed&q=db-1")
        .replace("Open incident", "")
        .partition("Incidents ")[2]
        .partition("Which incidents")[2]
    )
    assert "Nothing fits" in page(window("ana"), "/incidents/?q=zzz")


def test_the_list_takes_as_many_queries_for_fifty_as_for_one(fleet: Fleet) -> None:
    begun(fleet)
    few = queries(window("ana"), "/incidents/")
    for number in range(20):
        begun(fleet, title=f"another {number}")
    assert queries(window("ana"), "/incidents/") == few


def test_opening_takes_a_few_words_and_opens_once(fleet: Fleet) -> None:
    ana = window("ana")
    form = ana.get("/incidents/open/?where=role%3Dweb")
    assert field(form, "where") == "role=web"
    fields = {
        "title": "checkout is down",
        "where": "role=web",
        "severity": "critical",
        "external_id": field(form, "external_id"),
    }
    for _ in range(2):
        response = ana.post("/incidents/open/", fields)
        incident = Incident.objects.get()
        assert response.headers["Location"] == f"/incidents/{incident.reference}/"
    assert (incident.hosts, incident.severity) == (["db-1", "web-1", "web-2"], "critical")
    assert incident.commander.username == "ana"


def test_what_is_wrong_stands_by_its_field_and_nothing_typed_is_lost(fleet: Fleet) -> None:
    response = post("/incidents/open/", title="checkout is down", where="role=nobody", severity="major")
    text = read(response)
    assert response.status_code == 400 and "Matches no host" in text
    assert field(response, "title") == "checkout is down"
    assert post("/incidents/open/", title="", severity="major").status_code == 422
    assert not Incident.objects.exists()


def test_another_may_be_named_to_lead(fleet: Fleet) -> None:
    person("ben")
    post("/incidents/open/", title="checkout is down", severity="major", commander="ben")
    assert Incident.objects.get().commander.username == "ben"


def test_the_room_says_first_how_things_stand(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    assert "nothing out of band so far on the 2 of 2 hosts looked at" in room_of(incident)
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    carry_out_all(fleet, incident)
    fleet.look("web-1")
    text = room_of(incident)
    assert "Goes on for 1 h" in text and "1 finding on 1 of 2 hosts; 1 nobody has explained" in text
    assert "/etc/motd" in text and "Nobody has explained it." in text
    assert text.index("What did you do, or see?") < text.index("Drift, as it is found")


def test_what_could_not_be_looked_at_is_named(fleet: Fleet) -> None:
    incident = begun(fleet, hosts=["web-1", "web-2", "lb-9"])
    carry_out_all(fleet, incident, unreachable=("web-2",))
    text = room_of(incident)
    assert "2 hosts not looked at since it began, so nothing is known of them: web-2 and lb-9" in text


def test_without_a_scope_the_room_asks_for_one(fleet: Fleet) -> None:
    incident = begun(fleet, hosts=[])
    assert "Nobody has said where." in room_of(incident)
    assert "Say where" not in room_of(incident, "dee")


def test_what_one_did_is_logged_as_a_change_of_the_incident(fleet: Fleet) -> None:
    incident = begun(fleet)
    response = post(
        f"/incidents/{incident.reference}/log/",
        text="raised the limit",
        where="web-1",
        paths="/etc/app.conf",
        external_id="console-1",
    )
    assert response.status_code == 302
    change = Change.objects.get()
    assert (change.incident_id, change.hosts, change.resources) == (
        incident.pk,
        ["web-1"],
        ["file:/etc/app.conf"],
    )
    assert change.owner.username == "ana"
    assert f"{change.reference} was logged: raised the limit" in room_of(incident)


def test_what_one_only_saw_is_a_line_also_for_earlier(fleet: Fleet) -> None:
    incident = begun(fleet)
    path = f"/incidents/{incident.reference}/note/"
    post(path, text="first alert", when="2026-03-02T03:00")
    assert "Ana first alert" in room_of(incident) and "written down lately" in room_of(incident)
    response = post(path, text="", where="typed")
    assert response.status_code == 422 and field(response, "where") == "typed"
    assert not Change.objects.exists()


def test_a_scope_that_can_not_be_read_keeps_what_was_typed(fleet: Fleet) -> None:
    incident = begun(fleet)
    response = post(f"/incidents/{incident.reference}/log/", text="raised the limit", where="role=")
    assert response.status_code == 400
    assert (field(response, "text"), field(response, "where")) == ("raised the limit", "role=")


def test_dee_looks_and_writes_nothing(fleet: Fleet) -> None:
    text = room_of(begun(fleet), "dee")
    for said in ("What did you do", "Hand over", "Close it", "That was me"):
        assert said not in text


def test_it_is_handed_over_and_its_scope_said_anew(fleet: Fleet) -> None:
    incident = begun(fleet)
    person("ben")
    path = f"/incidents/{incident.reference}"
    assert post(f"{path}/hand-over/", commander="ben", note="the db").status_code == 302
    assert post(f"{path}/hand-over/", commander="nobody").status_code == 422
    form = window("ana").get(f"{path}/edit/")
    assert field(form, "where") == "web-1 web-2"
    version = field(form, "version")
    fields = {"title": "checkout is down", "where": "role=web", "severity": "critical", "version": version}
    assert post(f"{path}/edit/", **fields).status_code == 302
    incident.refresh_from_db()
    assert incident.commander.username == "ben"
    assert (incident.hosts, incident.severity) == (["db-1", "web-1", "web-2"], "critical")
    late = window("ana").post(f"{path}/edit/", fields | {"title": "another"})
    assert late.status_code == 412 and field(late, "title") == "another"
    assert (
        post(f"{path}/edit/", **(fields | {"title": "again", "version": field(late, "version")})).status_code
        == 302
    )


def test_saving_the_form_as_it_is_changes_nothing(fleet: Fleet) -> None:
    incident = begun(fleet, hosts=["web-1", "lb-9"])
    path = f"/incidents/{incident.reference}/edit/"
    form = window("ana").get(path)
    names = ("title", "where", "started_at", "version")
    fields = {name: field(form, name) for name in names} | {"severity": "major"}
    assert post(path, **fields).status_code == 302
    before = incident.version
    incident.refresh_from_db()
    assert (incident.version, incident.hosts) == (before, ["web-1", "lb-9"])


def test_closing_leads_to_the_question_whose_it_was_and_on_to_the_review(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    path = f"/incidents/{incident.reference}"
    assert post(f"{path}/close/", summary="workers").status_code == 302
    carry_out_all(fleet, incident)
    [draft] = drafts(incident)
    text = room_of(incident)
    assert "Was it you?" in text and "1 change that nobody had logged" in text
    assert f"Drafted as {draft.reference}." in text and "Still to reconcile" in text
    assert post(f"/changes/{draft.reference}/claim/", "ben").status_code == 302
    assert "Was it you?" not in room_of(incident)
    assert post(f"{path}/review/", text=" ").status_code == 422
    assert post(f"{path}/review/", text="alert on the queue").status_code == 302
    assert "alert on the queue" in room_of(incident)
    refused = post(
        f"{path}/reopen/", reason="it is back"
    )  # too late: its text is shown, to be kept elsewhere
    assert refused.status_code == 409 and "it is back" in read(refused)
    incident.refresh_from_db()
    assert incident.state == "reviewed"


def test_who_closes_what_somebody_else_closed_is_told(fleet: Fleet) -> None:
    incident = begun(fleet)
    path = f"/incidents/{incident.reference}/close/"
    post(path, "ben")
    response = post(path, summary="typed at length")
    text = read(response)
    assert response.status_code == 409 and "by ben at" in text and "typed at length" in text


def test_a_closed_one_opens_again_with_a_reason(fleet: Fleet) -> None:
    incident = close_incident(actor=acting("ana"), incident=begun(fleet))
    post(f"/incidents/{incident.reference}/reopen/", reason="it is back")
    assert "Reopened: it is back" in room_of(incident)


def test_the_changes_before_are_ranked_with_their_reasons(fleet: Fleet) -> None:
    began = clock.now() - timedelta(hours=1)
    logged(hosts=["web-1"], happened_at=began - timedelta(minutes=22), title="new kernel")
    text = room_of(begun(fleet))
    assert (
        "new kernel" in text
        and "21 min before it began; on 1 of the 2 hosts in the scope" in text.replace("22 min", "21 min")
    )


def test_the_live_part_answers_only_when_something_is_new(fleet: Fleet) -> None:
    ana, incident = window("ana"), begun(fleet)
    path = f"/incidents/{incident.reference}"
    with clock.shifted(timedelta(seconds=-clock.now().second)):  # a minute is new, too
        whole = ana.get(f"{path}/").content.decode()
        seen = whole.partition("?seen=")[2][:16]
        assert ana.get(f"{path}/live/?seen={seen}").status_code == 204
        add_to_timeline(actor=acting("ben"), incident=incident, text="db is slow")
        assert "db is slow" in read(fragment(ana, f"{path}/live/?seen={seen}"))


def test_a_closed_one_is_followed_until_what_nobody_logged_is_drafted(fleet: Fleet) -> None:
    ana, incident = window("ana"), begun(fleet)
    carry_out_all(fleet, incident)
    close_incident(actor=acting("ana"), incident=incident)
    path = f"/incidents/{incident.reference}/"
    polled = f"{path}live/?seen="
    assert polled in ana.get(path).content.decode()
    carry_out_all(fleet, incident)
    assert polled in ana.get(path).content.decode()
    with clock.shifted(timedelta(minutes=5)):
        assert polled not in ana.get(path).content.decode()


def test_the_scan_of_the_scope_is_a_bar_while_it_runs(fleet: Fleet) -> None:

    incident = begun(fleet)
    deliver_events()
    [scan] = scans_of(incident)
    text = room_of(incident)
    assert f"Incident scan {scan.reference}" in text and "0 of 2 hosts" in text


def test_what_people_and_hosts_wrote_is_shown_as_text(fleet: Fleet) -> None:
    incident = begun(fleet, title="<script>alert(1)</script>")
    add_to_timeline(actor=acting("ana"), incident=incident, text="<b>x</b>\nsecond", link="javascript:1")
    whole = window("ana").get(f"/incidents/{incident.reference}/").content.decode()
    assert "<script>alert" not in whole and "<b>x</b>" not in whole and "javascript:1" not in whole


def test_the_open_incident_is_a_band_above_every_page(fleet: Fleet) -> None:
    assert "Commander:" not in page(window("dee"), "/hosts/")
    begun(fleet, title="search is slow", severity="minor")
    incident = begun(fleet, severity="critical")
    for path in ("/hosts/", "/changes/", "/incidents/", f"/incidents/{incident.reference}/"):
        text = page(window("dee"), path)
        assert f"{incident.reference} checkout is down · critical, began" in text, path
        assert "1 more open" in text
    for one in Incident.objects.all():
        close_incident(actor=acting("ana"), incident=one)
    assert "1 more open" not in page(window("dee"), "/hosts/")


def test_the_room_takes_as_many_queries_for_many_findings_as_for_few(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    fleet.look("web-1")
    logged("ana", incident=incident, hosts=["web-1"])
    path = f"/incidents/{incident.reference}/"
    few = queries(window("ana"), path)
    fleet.live["web-2"]["/etc/motd"] = "by hand too\n"
    fleet.live["web-2"]["/etc/issue"] = "two\n"
    fleet.look("web-2")
    for number in range(5):
        logged("ben", incident=incident, hosts=["web-1"], title=f"another {number}")
    assert Finding.objects.count() == 3
    assert queries(window("ana"), path) == few


def test_a_reviewed_one_shows_who_learnt_what(fleet: Fleet) -> None:
    incident = close_incident(actor=acting("ana"), incident=begun(fleet))
    review_incident(actor=acting("ben"), incident=incident, text="alert on the queue")
    text = room_of(incident)
    assert "alert on the queue" in text and "Scope and severity" not in text


def test_its_reference_is_found_by_searching(fleet: Fleet) -> None:
    incident = begun(fleet)
    response = window("dee").get(f"/search/?q={incident.reference.lower()}")
    assert response.headers["Location"] == f"/incidents/{incident.reference}/"


def test_an_incident_that_is_not_there_is_a_page_that_says_so() -> None:
    assert "There is no incident INC-99." in page(window("ana"), "/incidents/INC-99/", 404)
