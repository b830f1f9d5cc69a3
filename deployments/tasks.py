"""Celery's way in: one service call."""

from celery import shared_task
from django.conf import settings

from deployments.services import definitions


@shared_task(name="deployments.tasks.fetch_definition_task")
def fetch_definition_task() -> None:
    if settings.DEFINITION_URL:
        definitions.fetch_definition()
