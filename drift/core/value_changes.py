"""What changed in the attributes of a resource, said so that hosts with different values share it.

A value is told as [base, live]; a list by the items that were taken out and put in, so that adding `docker` to the
groups of a user is one change whatever other groups the user has; a mapping of texts by its keys, each with the
lines that changed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from deployments.core.line_opcodes import opcodes

Told = Callable[[str], str]
"""A text with the host's own values replaced."""
Hunks = Callable[[str, str], list[dict[str, list[str]]]]


def value_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Iterable[str], *, told: Told, hunks: Hunks
) -> dict[str, Any]:
    """`{"attributes": {name: [base, live]}}`, with `items` {name: {removed, added}} for lists and `texts`
    {name: {key: {kind, hunks}}} for mappings where there are any. Only what differs; names in order."""
    found: dict[str, dict[str, Any]] = {"attributes": {}, "items": {}, "texts": {}}
    for name in sorted(names):
        old, new = before.get(name), after.get(name)
        if old == new or (not old and not new and _are(_is_listing, old, new)):
            continue  # none of it is none of it, whether a state says so or not
        if _are(_is_list, old, new):
            found["items"][name] = _items(old or (), new or (), told)
        elif _are(_is_texts, old, new):
            found["texts"][name] = _texts(old or {}, new or {}, hunks)
        else:
            found["attributes"][name] = [_scalar(old, told), _scalar(new, told)]
    return {key: value for key, value in found.items() if value or key == "attributes"}


def _are(test: Callable[[Any], bool], *values: Any) -> bool:
    """Whether those that are there are all of that shape, and one is there."""
    given = [value for value in values if value is not None]
    return bool(given) and all(test(value) for value in given)


def _is_listing(value: Any) -> bool:
    return isinstance(value, list | tuple | Mapping)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values())


def _scalar(value: Any, told: Told) -> Any:
    return told(value) if isinstance(value, str) else value


def _items(before: Sequence[str], after: Sequence[str], told: Told) -> dict[str, list[str]]:
    old, new = [told(item) for item in before], [told(item) for item in after]
    if sorted(before) == list(before) and sorted(after) == list(
        after
    ):  # as sets are kept: where does not matter
        gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
        return {"removed": sorted(gone.elements()), "added": sorted(come.elements())}
    changed = [code for code in opcodes(old, new) if code[0] != "equal"]
    return {
        "removed": [item for _, i1, i2, _, _ in changed for item in old[i1:i2]],
        "added": [item for _, _, _, j1, j2 in changed for item in new[j1:j2]],
    }


def _texts(before: Mapping[str, str], after: Mapping[str, str], hunks: Hunks) -> dict[str, dict[str, Any]]:
    return {
        key: {
            "kind": "created" if key not in before else "deleted" if key not in after else "edited",
            "hunks": hunks(before.get(key, ""), after.get(key, "")),
        }
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    }
