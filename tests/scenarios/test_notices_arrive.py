"""From a request to a mailbox and a chat, with real processes: what only they have together is the serving role's rights,
beat's schedule, the worker's key that opens the webhook, and EMAIL_URL."""

import json

import pytest

from tests.factories import host, person, team, token
from tests.mailbox import mailbox
from tests.receiver import receiver
from tests.scenarios.stack import Stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_an_incident_that_is_opened_reaches_the_people_of_its_hosts_once(stack: Stack) -> None:
    payments = team("payments", "ben")
    host("web-1", owned_by=payments)
    tokens = {who: token(who, role=person(who).role)[1] for who in ("ana", "ben")}
    with mailbox() as post, receiver() as there:
        stack.environment["EMAIL_URL"] = f"smtp://127.0.0.1:{post.port}"
        stack.environment["FOLDBACK_OUTBOUND_ALLOWED"] = "localhost"
        stack.start("valkey", "web", "worker", "relay", "beat")
        with stack.client(tokens["ben"]) as ben, stack.client(tokens["ana"]) as ana:
            chat = {"kind": "slack", "address": there.url, "team": "payments"}
            mail = {"kind": "email", "address": "ben@example.org", "topics": ["incidents"]}
            channels = [ben.post("/channels/", json=body) for body in (chat, mail)]
            assert [answer.status_code for answer in channels] == [201, 201], channels[0].text
            opened = ana.post("/incidents/", json={"title": "checkout down", "hosts": ["web-1"]})
            assert opened.status_code == 201, opened.text
            reference = opened.json()["reference"]
            wait_until(lambda: post.got and there.got, what="the message")
            paths = [f"/channels/{answer.json()['id']}/notices/" for answer in channels]

            def all_sent() -> bool:
                states = [one["state"] for path in paths for one in ben.get(path).json()["results"]]
                return states == ["sent", "sent"]

            wait_until(all_sent, what="that it is written down as sent")
        assert [message["Subject"] for message in post.got] == [
            f"[Foldback] {reference} opened: checkout down"
        ]
        assert [json.loads(got.body)["text"].splitlines()[0] for got in there.got] == [
            f"*{reference} opened: checkout down*"
        ]
        assert f"{stack.url}/incidents/{reference}/" in post.got[0].get_content()
        assert "secret-part" not in stack.log("worker") + stack.log("web")
