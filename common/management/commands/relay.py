"""`manage.py relay`: waits for NOTIFY (and polls), and publishes pending work to Celery."""

import select
import signal
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, connection
from django.utils.module_loading import import_string

from common.services.outbox import CHANNEL
from common.services.relay import announce_pending

log = structlog.get_logger()


class Command(BaseCommand):
    help = "Announce pending work to the workers: the only publisher to Celery. Run one; two do no harm."

    def handle(self, *args: Any, **options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _stop)
        try:
            self._run()
        except Stopping:
            log.info("relay stopped")

    def _run(self) -> None:
        pause = 0.2
        while True:
            try:
                self._listen()
                pause = 0.2
            except (DatabaseError, InterfaceError):
                log.warning("relay lost the database, trying again", exc_info=True)
                connection.close()
                select.select([], [], [], pause)
                pause = min(pause * 2, 5)

    def _listen(self) -> None:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        raw = connection.connection
        while True:
            self._announce()
            if select.select([raw], [], [], settings.RELAY_POLL_SECONDS)[0]:
                raw.poll()
                raw.notifies.clear()

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
