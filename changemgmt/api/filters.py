"""What a list of changes can be narrowed to. Each filter has an index: the table grows for ever."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import django_filters
from django.core.validators import EMPTY_VALUES
from django.db.models import Q, QuerySet

from changemgmt.core import words
from changemgmt.core.lifecycles import CHANGE
from changemgmt.models import Change, ChangeTemplate, Incident
from changemgmt.queries.search import changes_saying
from common import clock
from common.api.filters import TimeFilter, TimeFilterSet, WordFilter, WordsInFilter
from common.api.views import find_by_reference
from common.core.errors import FieldError, Invalid, NotFound
from common.models import Person

OVERDUE_STATES = ("logged", "drafted", "disputed")
# Each has an index that goes on by when a change was filed, or means a handful of changes.
_IN_ORDER = {"kind", "state", "risk", "owner", "requested_by", "external_id"}
_FINDABLE = re.compile(r"[^\W_]{3}")


class ChangeFilterSet(TimeFilterSet):
    """Who or what a filter names is looked up first: with its id, the database knows how many rows to expect."""

    q = django_filters.CharFilter(
        method="by_words",
        max_length=500,
        help_text="words of the title, description, reason, plan, hosts, resources, links; all of them, or words "
        "that begin so",
    )
    kind = WordFilter(words.KINDS)
    kind__in = WordsInFilter(words.KINDS, "kind")
    state = WordFilter(CHANGE.meaning)
    state__in = WordsInFilter(CHANGE.meaning, "state")
    risk = WordFilter(words.RISKS)
    risk__in = WordsInFilter(words.RISKS, "risk")
    owner = django_filters.CharFilter(method="by_person", help_text="username or id")
    requested_by = django_filters.CharFilter(method="by_person", help_text="username or id")
    host = django_filters.CharFilter(method="by_element", help_text="a host's name")
    resource = django_filters.CharFilter(method="by_element", help_text="such as `file:/etc/motd`")
    environment = django_filters.CharFilter(
        method="by_element", help_text="of one of its hosts, when it was filed"
    )
    incident = django_filters.CharFilter(method="by_incident", help_text="`INC-7` or an id")
    template = django_filters.CharFilter(method="by_template", help_text="a template's name or id")
    external_id = django_filters.CharFilter()
    title__contains = django_filters.CharFilter(
        method="by_title", help_text="in any case; three letters or digits in a row at least"
    )
    overdue = WordFilter(
        ["true", "false"], method="by_overdue", help_text="done first, and not approved by anybody in time"
    )
    happened_at__gte = TimeFilter("happened_at", lookup_expr="gte")
    happened_at__lt = TimeFilter("happened_at", lookup_expr="lt")
    planned_start__gte = TimeFilter("planned_start", lookup_expr="gte")
    planned_start__lt = TimeFilter("planned_start", lookup_expr="lt")

    def among(self, column: str) -> QuerySet[Change] | None:
        """The changes of the time that was asked for, without all else that was, to look along them in the order of
        `column`; None where an index has those that are wanted in this order."""
        asked = {name for name, value in self.form.cleaned_data.items() if value not in EMPTY_VALUES}
        times = asked & {f"{column}__gte", f"{column}__lt"}
        others = asked - times
        if not others or (column == "created_at" and len(others) == 1 and others <= _IN_ORDER):
            return None
        found: QuerySet[Change] = self.queryset
        for name in times:
            found = self.filters[name].filter(found, self.form.cleaned_data[name])
        return found

    def by_words(self, queryset: QuerySet[Change], name: str, value: str) -> QuerySet[Change]:
        return changes_saying(queryset, value)

    def by_title(self, queryset: QuerySet[Change], name: str, value: str) -> QuerySet[Change]:
        if not _FINDABLE.search(value):
            problem = "say three letters or digits in a row: the index knows nothing shorter"
            raise Invalid(f"?{name}: {problem}.", errors=[FieldError(f"?{name}", problem)])
        return queryset.filter(title__icontains=value)

    def by_person(self, queryset: QuerySet[Change], name: str, value: str) -> QuerySet[Change]:
        person = _found(lambda: find_by_reference(Person.objects.all(), value, name_field="username"))
        return queryset.filter(**{name: person}) if person else queryset.none()

    def by_element(self, queryset: QuerySet[Change], name: str, value: str) -> QuerySet[Change]:
        return queryset.filter(**{f"{name}s__contains": [value]})

    def by_incident(self, queryset: QuerySet[Change], name: str, value: str) -> QuerySet[Change]:
        incident = _found(lambda: find_by_reference(Incident.objects.all(), value))
        return queryset.filter(incident=incident) if incident else queryset.none()

    def by_template(self, queryset: QuerySet[Change], name: str, value: str) -> QuerySet[Change]:
        """Of every version of it."""
        one = _found(lambda: find_by_reference(ChangeTemplate.objects.all(), value, name_field="name"))
        versions: Iterable[Any] = ChangeTemplate.objects.filter(name__iexact=value).values_list(
            "pk", flat=True
        )
        ids = {*versions, one.pk} if one else set(versions)
        return queryset.filter(template__in=ids) if ids else queryset.none()

    def by_overdue(self, queryset: QuerySet[Change], name: str, value: str) -> QuerySet[Change]:
        late = Q(state__in=OVERDUE_STATES, due_at__lt=clock.now())
        return queryset.filter(late) if value == "true" else queryset.exclude(late)


def _found(find: Callable[[], Any]) -> Any:
    """The record that a filter names, or None: there may be one tomorrow, so it is an empty list and not an error."""
    try:
        return find()
    except NotFound:
        return None


def natural_sort(parameters: Iterable[str]) -> str:
    """The order of a list that was asked for without one: a list of a time goes by that time."""
    asked = set(parameters)
    if asked & {"planned_start__gte", "planned_start__lt"}:
        return "planned_start"
    if asked & {"happened_at__gte", "happened_at__lt"}:
        return "-happened_at"
    return "-created_at"
