"""Sites and their limits."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, Invalid
from common.services.lanes import set_lane_places
from common.services.ledger import record_entry
from inventory.core.names import word_problem
from inventory.models import Host, Site
from inventory.queries.sites import lane_of
from inventory.services.permissions import require


def create_site(*, actor: Actor, name: str, description: str = "", connections: int | None = None) -> Site:
    """A site with a limit (None: without); raises Invalid for a name that is none, or that hosts write in another case,
    and Conflict for a taken one. Work that was split up before knows nothing of it."""
    require(actor, "host.edit")
    other = Host.objects.filter(site__iexact=name).exclude(site=name).first()
    problem = word_problem("site", name) or (f"hosts have it as {other.site}" if other else None)
    if problem:
        raise Invalid(f"name: {problem}", errors=[FieldError("/name", problem)])
    _check(connections)
    try:
        with transaction.atomic():
            site = Site.objects.create(name=name, description=description, connections=connections)
            data = {"connections": connections}
            record_entry(actor=actor, action="site.created", subject=site, data=data)
    except IntegrityError:
        raise Conflict(f"There is a site {name} already.") from None
    return site


def update_site(*, actor: Actor, site: Site, changes: Mapping[str, Any]) -> None:
    """Change `connections` or `description`; raises Conflict if it changed since it was read."""
    require(actor, "host.edit")
    _check(changes.get("connections"))
    before = {name: getattr(site, name) for name in changes}
    if before == dict(changes):
        return
    with transaction.atomic():
        moved = Site.objects.filter(pk=site.pk, version=site.version)
        if not moved.update(version=F("version") + 1, **changes):
            raise Conflict(f"The site {site} has changed since you read it. Read it again.")
        if "connections" in changes:
            set_lane_places(lane=lane_of(site.name), places=changes["connections"])
        data = {"before": before, "after": dict(changes)}
        record_entry(actor=actor, action="site.updated", subject=site, data=data)
    site.refresh_from_db()


def _check(connections: int | None) -> None:
    if connections is not None and connections < 1:
        problem = "a limit lets at least one connection in"
        raise Invalid(f"connections: {problem}", errors=[FieldError("/connections", problem)])
