"""Filters that every list has: by time."""

import django_filters


class TimeFilterSet(django_filters.FilterSet):
    created_at__gte = django_filters.IsoDateTimeFilter("created_at", lookup_expr="gte")
    created_at__lt = django_filters.IsoDateTimeFilter("created_at", lookup_expr="lt")


class TextInFilter(django_filters.BaseInFilter, django_filters.CharFilter):
    """`state__in=open,decided`"""
