"""Tallies: numbers for whoever watches, added to in the transaction of what they count."""

from collections.abc import Mapping

from django.db import connection


def add_to_tally(*, name: str, amounts: Mapping[str, float]) -> None:
    """Add to each label of `name`; rows are taken in the order of their labels, so that two at once don't deadlock."""
    rows = [(name, label, amount) for label, amount in sorted(amounts.items()) if amount > 0]
    with connection.cursor() as cursor:
        for row in rows:
            cursor.execute(
                "INSERT INTO common_tally (name, label, value) VALUES (%s, %s, %s) "
                "ON CONFLICT (name, label) DO UPDATE SET value = common_tally.value + EXCLUDED.value",
                row,
            )
