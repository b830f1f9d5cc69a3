"""New items for a list that is there: the text of items that stay is left alone, with its comments.

Proposals like those of `yaml_splice`, which asks for them: each is parsed again before it is taken.
"""

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Any

from deployments.core.definition import yaml_format as formats
from deployments.core.definition.yaml_places import Places
from deployments.core.definition.yaml_tree import Sequence, freeze

_Opcodes = Iterable[tuple[str, int, int, int, int]]


def block_items_replaced(places: Places, old: Sequence, value: list[Any]) -> Iterator[str]:
    """A list of one item a line."""
    text = places.text
    starts = [places.line_start(item.start) for item in old.items]
    if (
        not value
        or len(set(starts)) < len(starts)
        or any("\n" in text[item.start : item.end] for item in old.items)
    ):
        return
    margin = text[starts[0] : old.items[0].start]
    parts, at = [], 0
    for tag, i1, i2, j1, j2 in _opcodes(old, value):
        if tag == "equal":
            continue
        place = starts[i1] if i1 < i2 else places.line_after(old.items[i1 - 1].end) if i1 else starts[0]
        parts.append(text[at:place])
        if parts[-1] and not parts[-1].endswith("\n"):
            parts.append(places.newline)
        parts += [f"{margin}{formats.inline(item)}{places.newline}" for item in value[j1:j2]]
        at = place
        for number in range(i1, i2):
            parts.append(text[at : starts[number]])
            at = places.line_after(old.items[number].end)
    yield "".join(parts) + text[at:]


def flow_items_replaced(text: str, old: Sequence, value: list[Any]) -> Iterator[str]:
    """A list in brackets: on one line or on several, with whatever stands between the items."""
    if not value or not old.items:
        return
    before = [old.start + 1, *(item.end for item in old.items[:-1])]
    leads = [text[end : item.start] for end, item in zip(before, old.items, strict=True)]
    parts: list[str] = []

    def add(lead: str, item: str) -> None:
        parts.append((lead if parts else leads[0]) + item)

    for tag, i1, i2, j1, j2 in _opcodes(old, value):
        if tag == "equal":
            for number in range(i1, i2):
                item = old.items[number]
                add(leads[number] if number else ", ", text[item.start : item.end])
        else:
            for new in value[j1:j2]:
                add(", ", formats.inline(new))
    yield text[: old.start] + "[" + "".join(parts) + text[old.items[-1].end :]


def _opcodes(old: Sequence, value: list[Any]) -> _Opcodes:
    before = [freeze(item) for item in old.items]
    return SequenceMatcher(
        None, before, [formats.frozen(item) for item in value], autojunk=False
    ).get_opcodes()
