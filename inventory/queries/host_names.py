"""Hosts by what they were called when, for records that name them as text."""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from inventory.core.host_names import NameSpan, name_spans, names_at
from inventory.models import FormerName, Host


def spans_of(ids: Iterable[UUID]) -> list[NameSpan]:
    """All names that these hosts bear and bore, in three queries."""
    ids = set(ids)
    current = list(Host.objects.filter(pk__in=ids).values_list("pk", "name"))
    own = list(FormerName.objects.filter(host__in=ids).values_list("name", flat=True))
    names = {name for _, name in current} | set(own)
    former = FormerName.objects.filter(name__in=names).values_list("host_id", "name", "until")
    return [span for span in name_spans(current, former) if span.host_id in ids]


def hosts_called(names: Collection[str], at: datetime) -> QuerySet[Host]:
    """The hosts that were called so at a time, whatever they are called now."""
    names = set(names)
    bearers = Host.objects.filter(Q(name__in=names) | Q(former_names__name__in=names))
    spans = spans_of(bearers.values_list("pk", flat=True))
    return Host.objects.filter(pk__in={s.host_id for s in spans if s.name in names and s.covers(at)})


def naming(spans: Iterable[NameSpan], *, field: str, at: str) -> Q:
    """A condition on records with a list of host names in `field` and a time in `at`: those about these hosts."""
    condition = Q(pk__in=[])
    for span in spans:
        named = Q(**{f"{field}__contains": [span.name]})
        if span.since is not None:
            named &= Q(**{f"{at}__gte": span.since})
        if span.until is not None:
            named &= Q(**{f"{at}__lt": span.until})
        condition |= named
    return condition


__all__ = ["hosts_called", "names_at", "naming", "spans_of"]
