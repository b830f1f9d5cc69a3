"""Filters of the pages about scan policies."""

from django import template

from drift.core.schedule import OUTCOMES
from web.core import periods

register = template.Library()


@register.filter
def every(seconds: int) -> str:
    """`every 5 min`"""
    return periods.every(seconds)


@register.filter
def outcome_meaning(outcome: str) -> str:
    """What the outcome of a due time means, as a sentence."""
    meaning = OUTCOMES.get(outcome, "")
    return f"{meaning[:1].upper()}{meaning[1:]}." if meaning else ""
