"""One form for what may be written in several: the definition and what hosts show are both brought to it.

What is compared must not differ by a tab or by the order in which a tool lists group members.
"""

from collections.abc import Iterable


def words(text: str) -> str:
    """Every run of white space as one space, none at the ends: kernel values, lines of a crontab."""
    return " ".join(text.split())


def lines(items: Iterable[str]) -> list[str]:
    """Lines whose order matters, each as `words`; empty ones are nothing."""
    return [line for line in map(words, items) if line]


def unordered(items: Iterable[str]) -> list[str]:
    """A list that is a set: sorted by code point, each once."""
    return sorted(set(items))
