"""An adoption driven from a command: its jobs and events done here, where no worker does them first."""

import threading
import time
from collections.abc import Callable
from uuid import UUID

from django.db import connection
from django.db.models import Q

from common.models import EventDelivery, Job, JobBatch
from common.services.deliveries import deliver_event
from common.services.jobs import run_batch
from drift.models import Adoption

POLL_SECONDS = 0.3


def drive(adoption: Adoption, *, until: Callable[[Adoption], bool], tell: Callable[[str], None]) -> Adoption:
    """Work on it until it is where it should be, telling about progress; leases let workers take part."""
    told = ""
    while True:
        found = Adoption.objects.select_related("change", "job").get(pk=adoption.pk)
        if until(found):
            return found
        progress = _progress(found)
        if progress != told:
            told = progress
            tell(progress)
        if not _deliver(found) and not _work(found, tell):
            time.sleep(POLL_SECONDS)


def _progress(adoption: Adoption) -> str:
    job = adoption.job
    if job is None or adoption.state != "looking":
        return adoption.state
    return f"{adoption.state}: {job.items_done} of {job.items_total} hosts"


def _deliver(adoption: Adoption) -> bool:
    subjects = [adoption.pk, *Job.objects.filter(subject_id=adoption.pk).values_list("pk", flat=True)]
    due = EventDelivery.objects.filter(done_at=None, set_aside_at=None).filter(
        Q(event__subject_id__in=subjects) | Q(event__subject_id=adoption.change_id)
    )
    return sum(deliver_event(delivery_id=pk) for pk in due.values_list("pk", flat=True)) > 0


def _work(adoption: Adoption, tell: Callable[[str], None]) -> bool:
    """Do one batch of it, in a thread, so that its progress can be told meanwhile."""
    batch = (
        JobBatch.objects.filter(job__subject_id=adoption.pk, state="pending").order_by("created_at").first()
    )
    if batch is None:
        return False
    worker = threading.Thread(target=_run, args=(batch.pk,), daemon=True)
    worker.start()
    told = ""
    while worker.is_alive():
        worker.join(POLL_SECONDS)
        found = Adoption.objects.select_related("job").get(pk=adoption.pk)
        if worker.is_alive() and (progress := _progress(found)) != told:
            told = progress
            tell(progress)
    return JobBatch.objects.get(pk=batch.pk).state != "pending"  # given back: it rests


def _run(batch: UUID) -> None:
    try:
        run_batch(batch_id=batch)
    finally:
        connection.close()
