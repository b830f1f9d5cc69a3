"""Celery's beat, which says with each tick that it is alive: one that hangs is missed like one that is gone."""

from typing import Any

from celery.beat import PersistentScheduler
from django.db import connection

from common.services.heartbeats import BEAT, BEAT_SECONDS, Heart


class Scheduler(PersistentScheduler):
    """Looks at its schedule at least every ten seconds."""

    max_interval = BEAT_SECONDS

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if not hasattr(self, "heart"):
            self.heart = Heart(BEAT)
        self.heart.beat_if_due()
        connection.close()
        return float(super().tick(*args, **kwargs))

    def close(self) -> None:
        if hasattr(self, "heart"):
            self.heart.end()
        super().close()
