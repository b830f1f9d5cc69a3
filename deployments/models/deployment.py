"""Another pusher's report: this revision (or these resources of it) went to these hosts."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from common.models import Person
from common.models.base import Referenced, reference_number


class Deployment(Referenced):
    """Hosts and resources are named as text, so that the record outlives inventory."""

    PREFIX: ClassVar[str] = "DPL"

    number = reference_number("deployments_deployment_number")
    revision = models.CharField(max_length=40)
    hosts = ArrayField(models.CharField(max_length=255))
    resources = ArrayField(
        models.CharField(max_length=4200), default=list
    )  # empty: all that the revision says
    deployed_at = models.DateTimeField()
    reported_by = models.CharField(max_length=200)  # the person's or the token's name, as it was then
    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="deployments"
    )  # who answers for it
    token_id = models.UUIDField(null=True)
    client_id = models.UUIDField()  # whose external_id it is: a token's or a person's id
    external_id = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(revision__regex="^[0-9a-f]{40}$"), name="deployment_revision_is_full"
            ),
            models.CheckConstraint(condition=Q(hosts__len__gt=0), name="deployment_names_a_host"),
            models.UniqueConstraint(
                fields=["client_id", "external_id"],
                condition=~Q(external_id=""),
                name="deployment_external_id_once",
            ),
        ]
        indexes = [
            models.Index(fields=["-deployed_at"], name="deployment_time"),
            GinIndex(fields=["hosts"], name="deployment_hosts"),
        ]
