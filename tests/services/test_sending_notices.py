"""Notices handed to a real mail server and a real webhook on loopback: sent once, again only where it was certainly not
delivered, and *uncertain* where nobody can know."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from changemgmt.models import Notice
from changemgmt.queries.notice_metrics import metrics
from changemgmt.services.channels import try_channel, update_channel
from changemgmt.services.handing_over import AGAIN, SENT, Outcome
from changemgmt.services.sending import (
    LOST_AFTER,
    claim_notices,
    forget_old_notices,
    mark_notice,
    send_notices,
)
from changemgmt.tasks import forget_old_notices_task, send_notices_task
from common import clock
from tests.factories import acting, person
from tests.mailbox import Gone, Mailbox, mailbox
from tests.receiver import Receiver, closed_port, drip, hang_up, receiver
from tests.telling import allow, chat, mail, notice

pytestmark = pytest.mark.django_db


@pytest.fixture
def there(settings: Any) -> Iterator[Receiver]:
    with receiver() as one:
        allow(settings)
        yield one


@pytest.fixture
def post(settings: Any) -> Iterator[Mailbox]:
    with mailbox() as one:
        allow(settings, mail=one.port)
        yield one


def state(one: Notice) -> tuple[str, int]:
    one.refresh_from_db()
    return one.state, one.attempts


def later(**by: float) -> Any:
    return clock.shifted(timedelta(**by))


# ---- a webhook


def test_a_webhook_gets_the_message_once(there: Receiver) -> None:
    one = notice(chat(there.url))
    assert send_notices() == 1 and send_notices() == 0
    assert state(one) == ("sent", 1) and one.sent_at is not None
    (got,) = there.got
    assert got.path == "/services/T0/B0/secret-part"
    assert b"*CHG-1 is approved*" in got.body and b"https://foldback.test/changes/CHG-1/" in got.body


def test_where_nobody_listens_it_is_sent_when_somebody_does(there: Receiver) -> None:
    channel = chat(f"http://localhost:{closed_port()}/x")
    one, other = notice(channel), notice(channel, "CHG-2 is approved")
    assert send_notices() == 1  # the second rests with the first: the same door is not knocked at twice
    assert state(one) == ("pending", 1) and "can't be reached" in one.error
    assert state(other) == ("pending", 0)
    assert send_notices() == 0
    update_channel(actor=acting("ana"), channel=channel, changes={"address": there.url})
    with later(seconds=16):
        assert send_notices() == 2
    assert state(one) == ("sent", 2) and state(other) == ("sent", 1)
    assert len(there.got) == 2


def test_a_server_that_says_it_did_not_take_it_is_asked_again_when_it_says(there: Receiver) -> None:
    one = notice(chat(there.url))
    there.answer = (429, {"Retry-After": "120"}, b"slow down")
    send_notices()
    assert state(one) == ("pending", 1) and one.error == "The webhook answered 429: slow down."
    there.answer = (200, {}, b"ok")
    with later(seconds=119):
        assert send_notices() == 0
    with later(seconds=121):
        assert send_notices() == 1
    assert state(one) == ("sent", 2)


def test_after_eight_tries_it_is_failed_and_says_why(there: Receiver) -> None:
    there.answer = (503, {}, b"")
    one = notice(chat(there.url))
    for attempt in range(10):
        with later(hours=2 * attempt):
            send_notices()
    assert state(one) == ("failed", 8) and "503" in one.error and len(there.got) == 8


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((404, {}, b"no_service"), "404: no_service"),
        ((302, {"Location": "http://localhost/"}, b""), "follows no redirect"),
        ((400, {}, b"<b>invalid\npayload</b>"), "400: <b>invalid payload</b>"),
    ],
)
def test_a_refusal_is_final_and_told(there: Receiver, answer: Any, said: str) -> None:
    there.answer = answer
    one = notice(chat(there.url))
    send_notices()
    assert state(one) == ("failed", 1) and said in one.error and len(there.got) == 1


@pytest.mark.parametrize("status", [500, 502, 504])
def test_an_answer_that_something_broke_leaves_it_uncertain(there: Receiver, status: int) -> None:
    there.answer = (status, {}, b"")
    one = notice(chat(there.url))
    send_notices()
    with later(days=1):
        assert send_notices() == 0
    assert state(one) == ("uncertain", 1) and len(there.got) == 1


def test_a_connection_that_breaks_after_the_message_leaves_it_uncertain_and_never_sends_it_twice(
    there: Receiver,
) -> None:
    there.instead = hang_up
    one = notice(chat(there.url))
    send_notices()
    with later(days=1):
        assert send_notices() == 0
    assert state(one) == ("uncertain", 1) and len(there.got) == 1


def test_an_answer_that_never_ends_holds_nothing_up(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("changemgmt.services.handing_over.POST_SECONDS", 1.5)
    there.instead = drip
    channel = chat(there.url)
    one, other = notice(channel), notice(channel)
    send_notices()
    assert state(one) == ("uncertain", 1) and "no whole answer" in one.error
    assert state(other) == ("pending", 0)  # it rests; the next round does not hang there at once
    assert send_notices() == 0


def test_an_address_inside_that_is_no_longer_allowed_is_not_sent_to(there: Receiver, settings: Any) -> None:
    one = notice(chat(there.url))
    settings.OUTBOUND_ALLOWED = []
    send_notices()
    assert state(one) == ("failed", 1) and there.got == []


def test_without_the_key_that_opens_it_says_so(there: Receiver, settings: Any) -> None:
    one = notice(chat(there.url))
    settings.SEAL_PRIVATE_KEY = b""
    send_notices()
    assert state(one)[0] == "failed" and "FOLDBACK_SEAL_PRIVATE" in one.error


# ---- mail


def test_mail_arrives_with_a_link_and_an_id_of_its_own(post: Mailbox) -> None:
    one = notice(mail(), "CHG-1 is approved: größer", text="by Ben\n.\nand a line with a dot")
    assert send_notices() == 1
    assert state(one) == ("sent", 1)
    (got,) = post.got
    assert got["To"] == "ana@example.org" and got["Subject"] == "[Foldback] CHG-1 is approved: größer"
    assert got["Message-ID"] == f"<{one.pk}@foldback.test>" and got["Auto-Submitted"] == "auto-generated"
    text = got.get_content()
    assert "and a line with a dot" in text and "https://foldback.test/changes/CHG-1/" in text
    assert "https://foldback.test/channels/" in text


@pytest.mark.parametrize("word", ["MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize(("reply", "after"), [("451 try later", "pending"), ("550 no such user", "failed")])
def test_what_the_mail_server_says_it_did_not_take_is_not_delivered(
    post: Mailbox, word: str, reply: str, after: str
) -> None:
    post.replies[word] = reply
    one = notice(mail())
    send_notices()
    assert state(one) == (after, 1) and reply[:3] in one.error


def test_a_mail_server_that_is_away_gets_it_later(post: Mailbox, settings: Any) -> None:
    one = notice(mail())
    settings.EMAIL_PORT = closed_port()
    send_notices()
    assert state(one) == ("pending", 1) and "can't be reached" in one.error
    settings.EMAIL_PORT = post.port
    with later(seconds=16):
        send_notices()
    assert state(one) == ("sent", 2) and len(post.got) == 1


def test_a_connection_that_breaks_after_the_text_leaves_it_uncertain(post: Mailbox) -> None:
    def gone(message: Any) -> None:
        raise Gone

    post.before_answer = gone
    one = notice(mail())
    send_notices()
    with later(days=1):
        send_notices()
    assert state(one) == ("uncertain", 1) and len(post.got) == 1


def test_without_a_mail_server_it_says_so(settings: Any) -> None:
    allow(settings)
    one = notice(mail())
    send_notices()
    assert state(one)[0] == "failed" and "EMAIL_URL" in one.error


# ---- rounds


def test_one_channel_that_is_away_does_not_keep_the_others_waiting(there: Receiver) -> None:
    away = chat(f"http://localhost:{closed_port()}/x")
    lost = notice(away)
    mine = [notice(chat(there.url, "ben"), f"CHG-{number}") for number in (1, 2, 3)]
    assert send_notices() == 4
    assert state(lost)[0] == "pending" and [state(one)[0] for one in mine] == ["sent"] * 3


def test_a_channel_gets_what_happened_in_its_order(there: Receiver) -> None:
    channel = chat(there.url)
    for number in range(5):
        notice(channel, f"CHG-{number}")
    send_notices()
    assert [got.body[11:16] for got in there.got] == [f"CHG-{number}".encode() for number in range(5)]


def test_while_a_round_is_under_way_no_second_one_begins() -> None:
    first, second = notice(mail()), notice(mail("ben", "ben@example.org"))
    now = clock.now()
    held = claim_notices(now=now)
    assert {one.notice.pk for one in held} == {first.pk, second.pk}
    third = notice(mail("cy", "cy@example.org"))
    assert claim_notices(now=now) == [] and state(third) == ("pending", 0)


def test_what_a_worker_was_sending_when_it_died_is_uncertain_and_not_sent_again() -> None:
    one = notice(mail())
    claim_notices(now=clock.now())
    assert claim_notices(now=clock.now() + LOST_AFTER - timedelta(seconds=1)) == []
    assert state(one)[0] == "sending"
    assert claim_notices(now=clock.now() + LOST_AFTER) == []
    assert state(one) == ("uncertain", 1) and "not sent again" in one.error


def test_a_worker_that_was_only_slow_says_what_really_became_of_it() -> None:
    one = notice(mail())
    [held] = claim_notices(now=clock.now())
    claim_notices(now=clock.now() + LOST_AFTER)
    assert mark_notice(held=held, outcome=Outcome(SENT), now=clock.now())
    assert state(one) == ("sent", 1)
    assert not mark_notice(held=held, outcome=Outcome(AGAIN), now=clock.now())
    assert state(one) == ("sent", 1)


def test_a_database_that_is_away_for_a_moment_loses_nothing_that_is_known(
    there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Any] = []

    def away_at_first(**more: Any) -> bool:
        tried.append(more["held"])
        if len(tried) == 1:
            raise OperationalError("the server closed the connection")
        return mark_notice(**more)

    monkeypatch.setattr("changemgmt.services.sending.mark_notice", away_at_first)
    monkeypatch.setattr("changemgmt.services.sending.MARK_AGAIN", (0.0, 0.0))
    ones = [notice(chat(there.url)), notice(chat(there.url, "ben"))]
    assert send_notices() == 2
    assert [state(one) for one in ones] == [("sent", 1), ("sent", 1)] and len(there.got) == 2


def test_what_is_for_somebody_who_left_or_a_channel_that_is_off_is_not_sent(post: Mailbox) -> None:
    off, left = mail(), mail("dee", "dee@example.org")
    ones = [notice(off), notice(left)]
    update_channel(actor=acting("ana"), channel=off, changes={"is_active": False})
    dee = person("dee")
    dee.is_active = False
    dee.save()
    assert send_notices() == 0 and post.got == []
    assert [state(one)[0] for one in ones] == ["failed", "failed"]


def test_a_test_message_arrives_like_any_other(post: Mailbox) -> None:
    one = try_channel(actor=acting("ana"), channel=mail())
    send_notices()
    assert state(one) == ("sent", 1) and post.got[0]["Subject"] == "[Foldback] A test message from Foldback"


def test_old_notices_are_forgotten_and_what_is_still_to_be_sent_is_not() -> None:
    sent, waiting = notice(mail(), state="sent"), notice(mail("ben", "ben@example.org"))
    assert forget_old_notices(now=clock.now() + timedelta(days=89)) == 0
    assert forget_old_notices(now=clock.now() + timedelta(days=91)) == 1
    assert list(Notice.objects.all()) == [waiting] and sent.pk != waiting.pk


def test_beat_asks_for_rounds_and_for_forgetting(settings: Any) -> None:
    asked = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert {send_notices_task.name, forget_old_notices_task.name} <= asked


def test_whoever_watches_sees_what_waits_and_what_became_of_the_rest(there: Receiver) -> None:
    def told() -> dict[str, float]:
        families = metrics(clock.now())
        return {
            "/".join([s.name, *s.labels.values()]): s.value for family in families for s in family.samples
        }

    notice(chat(there.url))
    notice(chat(there.url, "ben"), state="sending", sending_since=clock.now() - LOST_AFTER, attempts=1)
    notice(chat(f"http://localhost:{closed_port()}/x", "cy"))
    assert told()["foldback_notices_on_their_way/waiting"] == 3
    send_notices()
    with later(seconds=5):
        now = told()
    assert now["foldback_notices_on_their_way/waiting"] == 0
    assert now["foldback_notices_on_their_way/resting"] == 1 and now["foldback_oldest_notice_seconds"] >= 5
    assert now["foldback_notices_total/sent"] == 1 and now["foldback_notices_total/uncertain"] == 1
    assert now["foldback_notices_total/failed"] == 0
