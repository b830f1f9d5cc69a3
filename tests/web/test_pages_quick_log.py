"""The quick log as a form, and as what a phone sends that kept a record."""

import re
from datetime import timedelta
from typing import Any

import pytest

from changemgmt.models import Change
from changemgmt.services.incidents import close_incident, open_incident
from common import clock
from tests.factories import acting, host, logged, person
from tests.web.site import field, page, queries, read, window

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def hosts() -> None:
    for name in ("web-1", "web-3", "db-1"):
        host(name)


def send(who: str, text: str, **more: Any) -> Any:
    """As the script on the page sends a record."""
    data = {"text": text, "external_id": "phone-1", "person": str(person(who).pk), "ago": "0"} | more
    return window(who).post("/log/", data, headers={"Accept": "application/json"})


def test_one_field_is_enough_and_says_whose_it_is() -> None:
    ana = window("ana")
    made: Any = ana.post(
        "/log/", {"text": "restarted nginx", "external_id": field(ana.get("/log/"), "external_id")}
    )
    assert (made.status_code, made.url) == (302, "/log/")
    change = Change.objects.get()
    assert (change.title, change.owner.username, change.kind, change.state) == (
        "restarted nginx", "ana", "emergency", "logged",
    )  # fmt: skip
    assert f"Logged as {change.reference}, and yours." in page(ana, "/log/")


def test_hosts_and_files_that_the_text_names_are_the_changes() -> None:
    answer = send("ana", "raised it in /etc/nginx/nginx.conf on WEB-3.", hosts=["db-1"])
    assert answer.json()["hosts"] == ["db-1", "web-3"]
    change = Change.objects.get()
    assert (change.hosts, change.resources) == (["db-1", "web-3"], ["file:/etc/nginx/nginx.conf"])


def test_what_was_kept_on_a_phone_is_recorded_once_with_when_it_happened() -> None:
    first, again = (send("ana", "restarted nginx", ago=str(ago)) for ago in (7200, 7230))
    assert first.json()["reference"] == again.json()["reference"]
    change = Change.objects.get()
    assert abs(clock.now() - timedelta(hours=2) - change.happened_at) < timedelta(minutes=1)


def test_who_signs_in_next_does_not_send_it_as_theirs() -> None:
    refused = send("ben", "restarted nginx", person=str(person("ana").pk))
    assert refused.status_code == 409 and "Somebody else typed this" in refused.json()["detail"]
    assert not Change.objects.exists()


def test_what_is_not_taken_says_why_and_what_was_typed_stays() -> None:
    assert "still make sense" in send("ana", "  ").json()["detail"]
    assert "INC-99" in send("ana", "restarted nginx", incident="INC-99").json()["detail"]
    shown = window("ana").post("/log/", {"text": "restarted nginx", "incident": "INC-99", "hosts": ["web-1"]})
    assert shown.status_code == 404
    assert 'value="web-1" checked' in shown.content.decode()
    assert ">restarted nginx</textarea>" in shown.content.decode()


def test_the_open_incident_is_there_to_be_tapped() -> None:
    incident, _ = open_incident(actor=acting("ben"), title="checkout <is> down", hosts=["web-1"])
    assert f"{incident.reference} checkout <is> down" in page(window("ana"), "/log/")
    send("ana", "moved traffic away", incident=incident.reference)
    assert Change.objects.get().incident == incident
    close_incident(actor=acting("ben"), incident=incident)
    assert incident.reference not in page(window("ana"), "/log/")


def test_hosts_of_what_one_did_last_come_first() -> None:
    logged("ben", hosts=["db-1"])
    logged("ana", hosts=["web-3"])
    logged("ben", hosts=[f"many-{n}" for n in range(20)])
    text = read(window("ana").get("/log/"))
    assert "On web-3 db-1 Log it" in text


def test_it_weighs_under_thirty_kilobytes_with_all_its_parts() -> None:
    ana = window("ana")
    for number in range(1, 20):
        logged("ana", hosts=[f"web-{number}.shop.example"])
    response = ana.get("/log/")
    parts = re.findall(r'(?:href|src)="(/static/[^"]+)"', response.content.decode())
    assert len(parts) == 4
    sizes = [len(response.content), len(ana.get("/log/worker.js").content)]
    served: list[Any] = [ana.get(part) for part in parts]
    sizes += [len(b"".join(part.streaming_content)) for part in served]
    assert sum(sizes) < 30_000


def test_the_worker_may_act_on_this_page_alone() -> None:
    response = window().get("/log/worker.js")
    assert response.headers["Content-Type"].startswith("text/javascript")
    assert "Service-Worker-Allowed" not in response.headers


def test_a_page_takes_few_queries() -> None:
    logged("ana", hosts=["web-3"])
    assert queries(window("ana"), "/log/") <= 6
