"""`manage.py relay`: waits for NOTIFY (and polls), and publishes pending work to Celery."""

import select
import signal
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, connection
from django.utils.module_loading import import_string

from common import clock
from common.services.heartbeats import BEAT_SECONDS, RELAY, Heart
from common.services.outbox import CHANNEL
from common.services.relay import announce_pending

log = structlog.get_logger()
FIRST_PAUSE = 0.2


class Command(BaseCommand):
    help = "Announce pending work to the workers: the only publisher to Celery. Run one; two do no harm."

    def handle(self, *args: Any, **options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _stop)
        try:
            self._run()
        except Stopping:
            self.heart.end()
            log.info("relay stopped")

    def _run(self) -> None:
        self.pause = FIRST_PAUSE
        self.heart = Heart(RELAY)
        while True:
            try:
                self._listen()
            except (DatabaseError, InterfaceError):
                log.warning("relay lost the database, trying again", exc_info=True)
                connection.close()
                select.select([], [], [], self.pause)
                self.pause = min(self.pause * 2, 5)

    def _listen(self) -> None:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        self.pause = FIRST_PAUSE
        raw = connection.connection
        while True:
            raw.notifies.clear()
            self._announce()
            with connection.wrap_database_errors:  # a lost connection shows here first, and unwrapped
                raw.poll()
            self._wait(raw)

    def _wait(self, raw: Any) -> None:
        """Until something is notified, or it is time to look anyway; meanwhile it says that it is alive."""
        until = clock.monotonic() + settings.RELAY_POLL_SECONDS
        while (left := until - clock.monotonic()) > 0:
            self.heart.beat_if_due()
            # What came meanwhile has been read from the socket already: select() would not see it.
            if raw.notifies or select.select([raw], [], [], min(left, BEAT_SECONDS))[0]:
                return

    def _announce(self) -> None:
        try:
            announce_pending(publish=import_string(settings.WORK_PUBLISHER))
        except (DatabaseError, InterfaceError):
            raise
        except Exception:  # Redis away or frozen: the rows stay pending, the next round announces them
            log.warning("the broker did not take an announcement, trying again", exc_info=True)


class Stopping(BaseException):
    """Asked to stop. Raised from the signal handler: a flag would wait for select() to time out."""


def _stop(*_: Any) -> None:
    raise Stopping
