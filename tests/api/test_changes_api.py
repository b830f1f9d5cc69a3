"""`changes/`: log, list, read, correct, claim, approve, withdraw."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test.utils import CaptureQueriesContext

from changemgmt.models import Approval, Change
from changemgmt.services.approvals import approve_change
from common import clock
from common.core.roles import RELEASE_MANAGER
from tests.api.client import Caller, problem
from tests.factories import DIGEST, OTHER_DIGEST, acting, host, logged, person, program, proposed, team

pytestmark = pytest.mark.django_db

NO_SUCH_ID = "00000000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


@pytest.fixture
def ana() -> Caller:
    return Caller.person("ana")


@pytest.fixture
def ben() -> Caller:
    return Caller.person("ben")


# ---- logging


def test_a_title_is_enough(ana: Caller) -> None:
    response = ana.post("changes/", {"title": "raised worker_connections to 4096"})
    assert response.status_code == 201
    body = response.json()
    assert response.headers["Location"] == body["url"] == f"/api/v1/changes/{body['id']}/"
    assert response.headers["ETag"] == f'"{body["id"]}.1"'
    assert body["html_url"] == f"/changes/{body['reference']}/"
    assert UUID(body["id"]).version == 7
    assert datetime.fromisoformat(body["created_at"]).utcoffset() == timedelta(0)
    assert body["created_at"].endswith("Z")
    assert body["owner"] == {"id": str(person("ana").pk), "username": "ana", "name": "Ana"}
    assert (body["owner_source"], body["kind"], body["state"]) == ("recorder", "emergency", "logged")
    assert (body["hosts"], body["resources"], body["links"], body["approvals"]) == ([], [], {}, [])


def test_everything_that_can_be_said_is_kept(ana: Caller) -> None:
    host("web-1")
    person("ben")
    body = {
        "title": "raised worker_connections",
        "description": "queues were full\nsince 3 a.m.",
        "kind": "normal",
        "owner": "ben",
        "hosts": ["db-7"],
        "selector": "role=web",
        "resources": ["file:/etc/nginx/nginx.conf"],
        "happened_at": "2026-03-01T03:12:00+01:00",
        "external_id": "pager-77",
        "links": {"ticket": "https://tickets.example/OPS-7", "incident": ["INC-7"]},
    }
    answer = ana.post("changes/", body).json()
    assert answer["owner"]["username"] == "ben"
    assert answer["owner_source"] == "named"
    assert answer["requested_by"]["username"] == "ana"
    assert answer["hosts"] == ["db-7", "web-1"]
    assert answer["happened_at"] == "2026-03-01T02:12:00.000000Z"
    for field in ("title", "description", "kind", "selector", "resources", "external_id", "links"):
        assert answer[field] == body[field]
    assert ana.get(f"changes/{answer['reference']}/").json() == answer


def test_an_owner_can_be_named_by_id(ana: Caller) -> None:
    answer = ana.post("changes/", {"title": "x", "owner": str(person("ben").pk)}).json()
    assert answer["owner"]["username"] == "ben"


def test_a_program_that_names_nobody_gets_the_teams_lead_or_its_sponsor() -> None:
    host("pay-1", owned_by=team("payments", lead="ben"))
    ci = Caller.program("ana", name="jenkins")
    lead = ci.post("changes/", {"title": "deployed", "hosts": ["pay-1"]}).json()
    assert (lead["owner"]["username"], lead["owner_source"]) == ("ben", "team lead")
    sponsor = ci.post("changes/", {"title": "deployed"}).json()
    assert (sponsor["owner"]["username"], sponsor["owner_source"]) == ("ana", "sponsor")
    assert sponsor["recorded_via"] == "jenkins"


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("title", "", "/title"),
        ("title", "x" * 201, "/title"),
        ("title", None, "/title"),
        ("kind", "decision", "/kind"),
        ("owner", "nobody", "/owner"),
        ("owner", NO_SUCH_ID, "/owner"),
        ("hosts", "web-1", "/hosts"),
        ("hosts", ["web 1"], "/hosts/0"),
        ("hosts", [None], "/hosts/0"),
        ("selector", "role==web", "/selector"),
        ("selector", "role=nobody", "/selector"),
        ("resources", ["/etc/motd"], "/resources/0"),
        ("resources", ["file:/" + "x" * 3000], "/resources/0"),
        ("happened_at", "soon", "/happened_at"),
        ("happened_at", "1900-01-01T00:00:00Z", "/happened_at"),
        ("happened_at", "2999-01-01T00:00:00Z", "/happened_at"),
        ("happened_at", "0001-01-01T00:00:00+14:00", "/happened_at"),
        ("links", [], "/links"),
        ("links", {"ticket": "javascript:alert(1)"}, "/links/ticket"),
        ("external_id", "x" * 201, "/external_id"),
    ],
)
def test_a_bad_field_is_400_with_a_pointer_and_nothing_is_recorded(
    ana: Caller, field: str, value: Any, pointer: str
) -> None:
    body = problem(ana.post("changes/", {"title": "x", field: value}), 400)
    assert [error["pointer"] for error in body["errors"]] == [pointer]
    assert not Change.objects.exists()


def test_a_second_post_with_an_external_id_returns_the_first_record(ana: Caller) -> None:
    first = ana.post("changes/", {"title": "first", "external_id": "job-7"})
    again = ana.post("changes/", {"title": "second", "external_id": "job-7"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert Change.objects.count() == 1


def test_an_external_id_is_the_clients_own(ana: Caller) -> None:
    mine = ana.post("changes/", {"title": "x", "external_id": "7"}).json()
    assert (
        Caller.program("ana").post("changes/", {"title": "x", "external_id": "7"}).json()["id"] != mine["id"]
    )


def test_any_offset_of_happened_at_is_taken(ana: Caller) -> None:
    answer = ana.post("changes/", {"title": "x", "happened_at": "2026-03-01T12:00:00+23:59"}).json()
    assert answer["happened_at"] == "2026-02-28T12:01:00.000000Z"


def test_markup_is_kept_as_text(ana: Caller) -> None:
    title = "<script>alert(1)</script> \u202e; DROP TABLE"
    assert ana.post("changes/", {"title": title}).json()["title"] == title


# ---- reading


@pytest.mark.parametrize("name", ["id", "reference"])
def test_a_reference_works_wherever_an_id_does(ana: Caller, name: str) -> None:
    change = logged(program("ben"))
    handle = {"id": str(change.pk), "reference": change.reference}[name]
    assert ana.get(f"changes/{handle}/").json()["reference"] == change.reference
    assert ana.get(f"changes/{handle}/approvals/").json() == []
    assert ana.patch(f"changes/{handle}/", {}).status_code == 403
    assert ana.post(f"changes/{handle}/claim/").status_code == 200


def test_a_reference_is_read_in_any_case(ana: Caller) -> None:
    assert ana.get(f"changes/{logged('ana').reference.lower()}/").status_code == 200


@pytest.mark.parametrize(
    "handle",
    [
        "CHG-1",
        "CHG-",
        "CHG-x",
        "CHG-%C2%B2",
        "CHG-99999999999999999999",
        "JOB-1001",
        "x",
        "%00",
        "CHG-1%00",
        NO_SUCH_ID,
    ],
)
def test_what_is_not_there_is_404(ana: Caller, handle: str) -> None:
    problem(ana.get(f"changes/{handle}/"), 404)
    problem(ana.post(f"changes/{handle}/claim/"), 404)


# ---- listing


def listed(caller: Caller, query: str) -> list[str]:
    response = caller.get(f"changes/?{query}")
    assert response.status_code == 200, response.content
    return [change["title"] for change in response.json()["results"]]


@pytest.fixture
def three() -> None:
    past = clock.now() - timedelta(days=2)
    logged("ana", title="One", hosts=["web-1", "web-2"], resources=["file:/etc/motd"], happened_at=past)
    logged("ben", title="two", kind="standard", hosts=["web-2"], external_id="x-2")
    proposed("ana", title="three", hosts=["db-1"])


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["three", "two", "One"]),
        ("sort=created_at", ["One", "two", "three"]),
        ("sort=happened_at", ["One", "two", "three"]),
        ("kind=standard", ["two"]),
        ("kind__in=standard,decision", ["three", "two"]),
        ("state=proposed", ["three"]),
        ("state__in=logged", ["two", "One"]),
        ("owner=ana", ["three", "One"]),
        ("owner=nobody", []),
        ("host=web-2", ["two", "One"]),
        ("host=web", []),
        ("resource=file:/etc/motd", ["One"]),
        ("external_id=x-2", ["two"]),
        ("title__contains=ONE", ["One"]),
        ("title__contains=one%25", []),
        ("host=web-2&owner=ben", ["two"]),
    ],
)
def test_a_list_is_filtered_and_sorted(three: None, ana: Caller, query: str, titles: list[str]) -> None:
    assert listed(ana, query) == titles


def test_a_list_is_filtered_by_time(three: None, ana: Caller) -> None:
    yesterday = (clock.now() - timedelta(days=1)).isoformat().replace("+", "%2B")
    assert listed(ana, f"happened_at__lt={yesterday}") == ["One"]
    assert listed(ana, f"happened_at__gte={yesterday}") == ["three", "two"]
    assert listed(ana, f"created_at__lt={yesterday}") == []
    assert listed(ana, f"owner={person('ben').pk}&created_at__gte={yesterday}") == ["two"]


def test_a_list_names_the_first_of_many_hosts_and_the_change_all_of_them(ana: Caller) -> None:
    names = [f"web-{number}" for number in range(250)]
    logged("ana", hosts=names, resources=[f"file:/etc/{number}" for number in range(120)])
    [listed] = ana.get("changes/").json()["results"]
    assert (listed["hosts"], listed["hosts_total"]) == (names[:100], 250)
    assert (len(listed["resources"]), listed["resources_total"]) == (100, 120)
    whole = ana.get(f"changes/{listed['reference']}/").json()
    assert (whole["hosts"], len(whole["resources"])) == (names, 120)


def test_a_longer_list_takes_no_more_queries(ana: Caller, django_assert_num_queries: Any) -> None:
    from django.db import connection

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            listed(ana, "")
        return len(captured)

    logged("ana")
    listed(ana, "")  # notes the use of the token
    few = queries()
    for _ in range(20):
        logged(program("ben", name="ci"))
    assert queries() == few


# ---- correcting and claiming


def test_a_record_is_corrected(ana: Caller) -> None:
    change = logged("ana", hosts=["web-1"])
    answer = ana.patch(f"changes/{change.reference}/", {"title": "right", "hosts": ["web-2"]}).json()
    assert (answer["title"], answer["hosts"]) == ("right", ["web-2"])
    assert answer["updated_at"] > answer["created_at"]


@pytest.mark.parametrize(
    "field", ["owner", "state", "kind", "digest", "external_id", "links", "id", "made_by"]
)
def test_what_can_not_be_corrected_is_400(ana: Caller, field: str) -> None:
    change = logged("ana")
    problem(ana.patch(f"changes/{change.reference}/", {field: "x"}), 400)


def test_what_an_approval_binds_can_not_be_corrected(ana: Caller) -> None:
    change = proposed("ana")
    problem(ana.patch(f"changes/{change.reference}/", {"hosts": ["web-9"]}), 409)
    assert ana.patch(f"changes/{change.reference}/", {"description": "why"}).json()["description"] == "why"


def test_a_change_found_first_is_claimed_in_one_call(ana: Caller) -> None:
    change = logged(program("ben"))
    answer = ana.post(f"changes/{change.reference}/claim/").json()
    assert (answer["owner"]["username"], answer["owner_source"]) == ("ana", "claimant")
    body = problem(Caller.person("cy").post(f"changes/{change.reference}/claim/"), 409)
    assert "claimed by ana" in body["detail"]


# ---- deciding


def test_ben_approves_what_ana_proposed(ana: Caller, ben: Caller) -> None:
    change = proposed("ana")
    read = ben.get(f"changes/{change.reference}/").json()
    assert [approver["username"] for approver in read["approvers"]] == ["ben"]
    response = ben.post(
        f"changes/{change.reference}/approvals/",
        {"verdict": "approve", "digest": read["digest"], "comment": "looks right"},
    )
    assert response.status_code == 201
    approval = response.json()
    assert approval["approver"]["username"] == "ben"
    assert (approval["verdict"], approval["four_eyes"], approval["voided_at"]) == ("approved", True, None)
    assert (approval["change"], approval["digest"], approval["reason"]) == (
        change.reference,
        DIGEST,
        "looks right",
    )
    after = ana.get(f"changes/{change.reference}/").json()
    assert (after["state"], after["approvals"], after["approvers"]) == ("approved", [approval], [])
    assert ana.get(f"changes/{change.reference}/approvals/").json() == [approval]


def test_nobody_approves_their_own() -> None:
    person("cy")
    change = proposed("ben")
    body = problem(
        Caller.person("ben").post(
            f"changes/{change.reference}/approvals/", {"verdict": "approve", "digest": DIGEST}
        ),
        403,
    )
    assert "you proposed" in body["detail"]
    assert "cy" in body["detail"]
    assert not Approval.objects.exists()


def test_a_program_approves_nothing_whatever_it_asks_for() -> None:
    change = proposed("ana")
    ci = Caller.program("ben")
    problem(ci.post(f"changes/{change.reference}/approvals/", {"verdict": "approve", "digest": DIGEST}), 403)
    assert not Approval.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"verdict": "maybe"}, 400),
        ({"verdict": "approve"}, 400),
        ({"verdict": "approve", "digest": "abc"}, 400),
        ({"verdict": "approve", "digest": OTHER_DIGEST}, 409),
        ({"verdict": "refuse"}, 400),
        ({"verdict": "refuse", "reason": " "}, 400),
        ({"verdict": "refuse", "reason": "no", "digest": OTHER_DIGEST}, 409),
    ],
)
def test_a_verdict_that_is_none_decides_nothing(ben: Caller, body: dict[str, str], status: int) -> None:
    change = proposed("ana")
    problem(ben.post(f"changes/{change.reference}/approvals/", body), status)
    assert not Approval.objects.exists()
    assert Change.objects.get().state == "proposed"


def test_ben_refuses_with_a_reason(ana: Caller, ben: Caller) -> None:
    change = proposed("ana")
    response = ben.post(
        f"changes/{change.reference}/approvals/", {"verdict": "refuse", "reason": "mend the template instead"}
    )
    assert response.status_code == 201
    after = ana.get(f"changes/{change.reference}/").json()
    assert after["state"] == "rejected"
    assert after["approvals"][0]["reason"] == "mend the template instead"


def test_the_second_verdict_is_409_and_says_who_was_first(ben: Caller) -> None:
    change = proposed("ana")
    approve_change(actor=acting(person("eve", RELEASE_MANAGER)), change=change, digest=DIGEST)
    body = problem(
        ben.post(f"changes/{change.reference}/approvals/", {"verdict": "approve", "digest": DIGEST}), 409
    )
    assert "by eve" in body["detail"]


def test_four_eyes_off_is_told_by_the_approval(settings: Any) -> None:
    settings.FOUR_EYES = False
    change = proposed("cy")
    cy = Caller.person("cy")
    approval = cy.post(
        f"changes/{change.reference}/approvals/", {"verdict": "approve", "digest": DIGEST}
    ).json()
    assert approval["four_eyes"] is False


def test_ana_withdraws_what_she_proposed(ana: Caller, ben: Caller) -> None:
    change = proposed("ana")
    problem(ben.post(f"changes/{change.reference}/withdraw/"), 403)
    answer = ana.post(f"changes/{change.reference}/withdraw/", {"reason": "found a better layer"}).json()
    assert answer["state"] == "withdrawn"
    problem(ana.post(f"changes/{change.reference}/withdraw/"), 409)


def test_a_record_can_not_be_withdrawn(ana: Caller) -> None:
    problem(ana.post(f"changes/{logged('ana').reference}/withdraw/"), 409)
