"""Celery spreads work over machines; what there is to do stands in PostgreSQL (see common.services.jobs)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("foldback")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
