"""Channels over the API: made, changed, tried, deleted; whose they are; and no webhook's address in any answer."""

from typing import Any

import pytest

from changemgmt.models import Channel, Notice
from common.models import IdempotencyKey
from tests.api.client import Caller, problem
from tests.factories import person, team
from tests.telling import allow, chat, mail, notice, team_mail

pytestmark = pytest.mark.django_db
HOOK = "https://hooks.example.com/services/T0001/B0001/very-secret-x9Qz"


@pytest.fixture(autouse=True)
def keys(settings: Any) -> None:
    allow(settings)
    settings.EVENT_CONSUMERS = {}


@pytest.fixture
def ana() -> Caller:
    return Caller.person("ana")


@pytest.fixture
def ben() -> Caller:
    return Caller.person("ben")


def test_a_webhook_is_put_in_and_its_address_is_never_shown_again(ana: Caller) -> None:
    body = {"kind": "slack", "address": HOOK, "topics": ["incidents", "approvals"]}
    made = ana.post("channels/", body, Idempotency_Key="k1")
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["address"], told["topics"]) == ("hooks.example.com/…x9Qz", ["approvals", "incidents"])
    assert told["person"]["username"] == "ana" and told["team"] is None and told["is_active"] is True
    again = ana.post("channels/", body, Idempotency_Key="k1")
    assert again.json() == told and Channel.objects.count() == 1
    everywhere = (
        made.content,
        ana.get("channels/").content,
        ana.get(told["url"].removeprefix("/api/v1/")).content,
    )
    assert not any(b"very-secret" in one for one in everywhere)
    assert "very-secret" not in str(list(IdempotencyKey.objects.values()))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "slack", "address": "http://hooks.example.com/x"}, "/address"),
        ({"kind": "slack", "address": "https://169.254.169.254/latest/"}, "/address"),
        ({"kind": "email", "address": "nobody"}, "/address"),
        ({"kind": "email", "address": "a@b.org\x00"}, "/address"),
        ({"kind": "pigeon", "address": "a@b.org"}, "/kind"),
        ({"kind": "email", "address": "a@b.org", "topics": ["weather"]}, "/topics"),
        ({"kind": "email", "address": "a@b.org", "topics": [7, {}]}, "/topics/1"),
        ({"kind": "email", "address": "a@b.org", "team": "nobodies"}, "/team"),
        ({"kind": "email"}, "/address"),
        ({"kind": "email", "address": "a@b.org", "person": "cy"}, "/person"),
    ],
)
def test_what_can_not_be_a_channel_is_a_400_that_points_at_it(
    ana: Caller, body: dict[str, Any], pointer: str
) -> None:
    told = problem(ana.post("channels/", body), 400)
    assert [error["pointer"] for error in told["errors"]] == [pointer]
    assert not Channel.objects.exists()


def test_a_channel_is_changed_with_an_etag_and_deleted(ana: Caller) -> None:
    made = ana.post("channels/", {"kind": "email", "address": "ana@example.org"})
    path = made.json()["url"].removeprefix("/api/v1/")
    changed = ana.patch(path, {"address": "a@example.org", "is_active": False}, If_Match=made["ETag"])
    assert changed.json()["address"] == "a@example.org" and changed.json()["is_active"] is False
    problem(ana.patch(path, {"is_active": True}, If_Match=made["ETag"]), 412)
    problem(ana.patch(path, {"kind": "slack"}), 400)
    assert ana.send("DELETE", path).status_code == 204
    problem(ana.get(path), 404)


def test_what_is_somebody_elses_is_not_there_for_me_not_even_for_an_admin(ben: Caller) -> None:
    path = f"channels/{mail('ana').pk}/"
    for caller in (ben, Caller.person("cy")):
        assert caller.get("channels/").json()["results"] == []
        for method, body in (("GET", None), ("PATCH", {"is_active": False}), ("DELETE", None)):
            problem(caller.send(method, path, body), 404)
        problem(caller.post(f"{path}test/"), 404)
        problem(caller.get(f"{path}notices/"), 404)


def test_a_teams_channel_is_seen_by_its_members_and_changed_by_its_lead_and_an_admin(
    ana: Caller, ben: Caller
) -> None:
    payments = team("payments", "ben")
    made = ben.post("channels/", {"kind": "email", "address": "p@example.org", "team": "payments"})
    assert made.status_code == 201 and made.json()["team"] == "payments" and made.json()["person"] is None
    path = made.json()["url"].removeprefix("/api/v1/")
    problem(ana.get(path), 404)
    payments.members.add(person("ana"), person("ben"))
    assert [one["id"] for one in ana.get("channels/?team=payments").json()["results"]] == [made.json()["id"]]
    assert len(ben.get("channels/").json()["results"]) == 1  # lead and member: once
    problem(ana.patch(path, {"is_active": False}), 403)
    problem(ana.post("channels/", {"kind": "email", "address": "q@example.org", "team": "payments"}), 403)
    assert Caller.person("cy").patch(path, {"is_active": False}).status_code == 200


def test_a_test_message_is_asked_for_and_what_became_of_it_is_listed(ana: Caller) -> None:
    path = f"channels/{mail('ana').pk}/"
    asked = ana.post(f"{path}test/")
    assert asked.status_code == 202 and asked.json()["state"] == "pending" and asked.json()["topic"] == "test"
    problem(ana.post(f"{path}test/"), 409)
    Notice.objects.update(state="failed", error="The mail server answered 550: no")
    (listed,) = ana.get(f"{path}notices/").json()["results"]
    assert listed["error"] == "The mail server answered 550: no"


def test_notices_are_filtered_and_unknown_words_are_refused(ana: Caller) -> None:
    channel = chat(HOOK)
    notice(channel, state="sent"), notice(channel, "CHG-2", topic="incidents")
    path = f"channels/{channel.pk}/notices/"
    assert [one["title"] for one in ana.get(f"{path}?topic=incidents").json()["results"]] == ["CHG-2"]
    assert len(ana.get(f"{path}?state__in=sent,pending&count=true").json()["results"]) == 2
    problem(ana.get(f"{path}?state=lost"), 400)
    problem(ana.get(f"{path}?colour=red"), 400)


def test_the_list_takes_the_same_number_of_queries_for_any_number_of_channels(
    ana: Caller, django_assert_max_num_queries: Any
) -> None:
    team_mail(team("payments", "ana"), "p@example.org")
    for number in range(10):
        mail("ana", f"ana+{number}@example.org")
    with django_assert_max_num_queries(5):
        assert len(ana.get("channels/").json()["results"]) == 11
