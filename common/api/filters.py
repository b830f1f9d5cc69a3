"""Filters that every list has: by time."""

from datetime import UTC, datetime
from typing import Any

import django_filters

from common.core.errors import FieldError, Invalid


class TimeFilter(django_filters.IsoDateTimeFilter):
    """A moment, asked for in UTC: the database takes no offset beyond 16 hours, nor years beyond 1 to 9999."""

    def filter(self, queryset: Any, value: datetime | None) -> Any:
        if value is None:
            return queryset
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            raise Invalid("This moment is out of range.", errors=[FieldError("?", str(value))]) from None
        return super().filter(queryset, value)


class TimeFilterSet(django_filters.FilterSet):
    created_at__gte = TimeFilter("created_at", lookup_expr="gte")
    created_at__lt = TimeFilter("created_at", lookup_expr="lt")


class TextInFilter(django_filters.BaseInFilter, django_filters.CharFilter):
    """`state__in=open,decided`"""
