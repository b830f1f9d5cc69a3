"""Changes by where and when."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from changemgmt.models import Change
from inventory.models import Host
from inventory.queries.host_names import naming, spans_of


def changes_for_host(host: Host) -> QuerySet[Change]:
    """Everything that names the host as it was called then, the latest first."""
    about = naming(spans_of([host.pk]), field="hosts", at="happened_at")
    return Change.objects.filter(about).select_related("owner").order_by("-happened_at", "-id")


def changes_matching(
    *,
    hosts: Collection[str],
    resource: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Change]:
    """Changes that name any of `hosts` (and `resource`, when given), with `since` <= happened at < `until`."""
    found = Change.objects.filter(hosts__overlap=list(hosts)).select_related("owner")
    if resource:
        found = found.filter(resources__contains=[resource])
    if since is not None:
        found = found.filter(happened_at__gte=since)
    if until is not None:
        found = found.filter(happened_at__lt=until)
    return found.order_by("-happened_at", "-id")
