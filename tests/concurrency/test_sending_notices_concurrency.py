"""A worker that is killed while it sends, and two that want to send at once: no message goes out twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection

from changemgmt.models import Notice
from changemgmt.services.sending import LOST_AFTER, send_notices
from common import clock
from tests.factories import in_threads
from tests.mailbox import mailbox
from tests.receiver import Receiver, receiver
from tests.telling import allow, chat, mail, notice

pytestmark = pytest.mark.django_db(transaction=True)
CHECKOUT = Path(__file__).resolve().parents[2]

# It says when the message is handed over, and is killed before it has written that down.
WORKER = """
import sys, time
import django
from django.conf import settings
django.setup()
from tests.telling import allow
from changemgmt.services import sending
allow(settings, mail=int(sys.argv[1]))
settings.SEAL_PRIVATE_KEY = bytes.fromhex(sys.argv[2])
def mark_notice(*, held, outcome, now):
    print(outcome.what, outcome.error, flush=True)
    time.sleep(600)
sending.mark_notice = mark_notice
sending.send_notices()
"""


@pytest.fixture
def there(settings: Any) -> Iterator[Receiver]:
    with receiver() as one:
        allow(settings)
        yield one


def killed_worker(private: bytes, mail_port: int = 0) -> str:
    """What the worker knew when it was killed, between handing over and writing that down."""
    database = connection.settings_dict
    user = f"{quote(database['USER'])}:{quote(database['PASSWORD'] or '')}"
    url = f"postgres://{user}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(mail_port), private.hex()],
        cwd=CHECKOUT,
        env=os.environ
        | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": "."},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        return process.stdout.readline()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()


def after_the_crash(one: Notice) -> str:
    """Nobody sends it again: not at once, not when it is known to be lost, not the day after."""
    one.refresh_from_db()
    assert one.state == "sending"
    for pause in (timedelta(0), LOST_AFTER + timedelta(seconds=30), timedelta(days=1)):
        with clock.shifted(pause):
            assert send_notices() == 0
    one.refresh_from_db()
    return one.state


def test_a_worker_killed_between_the_webhook_and_the_mark_sends_nothing_twice(
    there: Receiver, settings: Any
) -> None:
    one = notice(chat(there.url))
    assert killed_worker(settings.SEAL_PRIVATE_KEY).startswith("sent")
    assert after_the_crash(one) == "uncertain"
    assert len(there.got) == 1


def test_a_worker_killed_between_the_mail_server_and_the_mark_sends_nothing_twice(settings: Any) -> None:
    with mailbox() as post:
        allow(settings, mail=post.port)
        one = notice(mail())
        assert killed_worker(settings.SEAL_PRIVATE_KEY, post.port).startswith("sent")
        assert after_the_crash(one) == "uncertain"
        assert len(post.got) == 1


def test_workers_that_send_at_once_send_each_notice_once(there: Receiver) -> None:
    channels = [chat(there.url, who) for who in ("ana", "ben", "cy")]
    for number in range(4):
        for channel in channels:
            notice(channel, f"CHG-{number}")
    in_threads(send_notices, send_notices, send_notices)
    while send_notices():
        pass
    assert set(Notice.objects.values_list("state", "attempts")) == {("sent", 1)}
    assert len(there.got) == 12
