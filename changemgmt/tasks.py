"""Celery's way in: one service call."""

from celery import shared_task

from changemgmt.services import due, sending
from common import clock


@shared_task(name="changemgmt.tasks.send_notices_task")
def send_notices_task() -> None:
    sending.send_notices()


@shared_task(name="changemgmt.tasks.forget_old_notices_task")
def forget_old_notices_task() -> None:
    sending.forget_old_notices(now=clock.now())


@shared_task(name="changemgmt.tasks.remind_of_due_changes_task")
def remind_of_due_changes_task() -> None:
    due.remind_of_due_changes()
    due.end_expired_approvals()
