"""Changes by where and when."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from changemgmt.models import Change


def changes_for_host(name: str) -> QuerySet[Change]:
    """Everything that names the host, the latest first."""
    return (
        Change.objects.filter(hosts__contains=[name]).select_related("owner").order_by("-happened_at", "-id")
    )


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
