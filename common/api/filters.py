"""Filters that every list has: by time."""

from collections.abc import Iterable
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


class WordFilter(django_filters.ChoiceFilter):
    """One of the words that there are; another is an error that names them, not an empty list."""

    def __init__(self, words: Iterable[str], field_name: str | None = None, **kwargs: Any) -> None:
        words = list(words)
        said = f"%(value)s is not one of these: {', '.join(words)}."
        kwargs |= {"choices": [(word, word) for word in words], "error_messages": {"invalid_choice": said}}
        super().__init__(field_name, **kwargs)


class WordsInFilter(TextInFilter):
    """`state__in=open,decided`, each one of the words that there are."""

    def __init__(self, words: Iterable[str], field_name: str, **kwargs: Any) -> None:
        self.words = list(words)
        super().__init__(field_name, lookup_expr="in", **kwargs)

    def filter(self, queryset: Any, value: Any) -> Any:
        for word in value or ():
            if word not in self.words:
                detail = f"{word!r} is not one of these: {', '.join(self.words)}"
                raise Invalid(f"{detail}.", errors=[FieldError(f"?{self.field_name}__in", detail)])
        return super().filter(queryset, value)
