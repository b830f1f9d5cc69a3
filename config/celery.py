"""Celery spreads work over machines; what there is to do stands in PostgreSQL (see common.services.jobs)."""

import os
import signal
from typing import Any
from uuid import UUID

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown

from config.child import signal_when_parent_dies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Web and `manage.py` check the system; in every worker process that would load all pages, 40 MB of them.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")
hearts: list[Any] = []
app = Celery("foldback")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def end_with_the_worker(**_: Any) -> None:
    """A pool process ends with a worker that was killed; its lease runs out, and another takes its batch."""
    signal_when_parent_dies(signal.SIGKILL)


@worker_process_init.connect
def say_that_it_is_alive(**_: Any) -> None:
    """Each pool process has a heart of its own, since connections are never shared over a fork."""
    from common.services.heartbeats import WORKER, Heart

    hearts.append(Heart(WORKER))
    hearts[-1].keep_beating()


@worker_process_shutdown.connect
def say_farewell(**_: Any) -> None:
    while hearts:
        hearts.pop().end()


def publish(task: str, row_id: UUID) -> None:
    """Hand a task to the broker; the relay is the only caller (settings.WORK_PUBLISHER)."""
    app.send_task(task, args=[str(row_id)], retry=False, ignore_result=True)
