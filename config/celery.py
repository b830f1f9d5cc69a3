"""Celery spreads work over machines; what there is to do stands in PostgreSQL (see common.services.jobs)."""

import os
import signal
from typing import Any
from uuid import UUID

from celery import Celery
from celery.signals import worker_process_init

from config.child import signal_when_parent_dies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("foldback")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def end_with_the_worker(**_: Any) -> None:
    """A pool process ends with a worker that was killed; its lease runs out, and another takes its batch."""
    signal_when_parent_dies(signal.SIGKILL)


def publish(task: str, row_id: UUID) -> None:
    """Hand a task to the broker; the relay is the only caller (settings.WORK_PUBLISHER)."""
    app.send_task(task, args=[str(row_id)], retry=False, ignore_result=True)
