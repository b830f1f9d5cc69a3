"""Many declarations added to a resources.yaml that exists, leaving everything else in it byte for byte.

`deployments.core.definition.edit` adds one and proves it, by parsing the whole file: too slow for a thousand. So it
adds the first of a section, which shows where the section's lines stand and how deep; the others follow there, and the
whole is proven once. Where that does not work out, they are added one by one.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from deployments.core.definition.edit import SetValue, edit_bytes
from deployments.core.definition.yaml_format import LONGEST_LINE, entry, frozen, inline
from deployments.core.definition.yaml_tree import MAP, STR, Frozen, freeze, read_tree

Resources = Mapping[str, Mapping[str, Any]]
_FEW = 3


def extend_layer(before: bytes, sections: Mapping[str, Resources]) -> bytes:
    """Raises CannotEdit, with the reason, where the file can't be added to without touching what it says."""
    text = before
    for section, resources in sections.items():
        text = _extended(text, section, resources)
    return text


def resource_lines(resources: Resources, *, indent: int = 2, step: int = 2) -> Iterator[str]:
    """One line for each resource where it fits, else one for each of its attributes, or for each item of a long list."""
    for key, attributes in resources.items():
        said = written(attributes)
        lines = entry(key, said, indent=indent, step=step, flat=True, blocks=True)
        if (
            isinstance(said, dict)
            and any(isinstance(value, list) for value in said.values())
            and _is_long(lines)
        ):
            lines = [f"{' ' * indent}{inline(key)}:"]
            for name, value in said.items():
                lines += _attribute_lines(name, value, indent=indent + step, step=step)
        yield from lines


def _attribute_lines(name: str, value: Any, *, indent: int, step: int) -> list[str]:
    lines = entry(name, value, indent=indent, step=step, flat=True, blocks=True)
    if not isinstance(value, list) or not value or not _is_long(lines):
        return lines
    margin = " " * (indent + step)
    return [f"{' ' * indent}{inline(name)}:", *(f"{margin}- {inline(item)}" for item in value)]


def _is_long(lines: list[str]) -> bool:
    return any(len(line) > LONGEST_LINE for line in lines)


def written(attributes: Mapping[str, Any]) -> Any:
    """The attributes as they are written: `net.core.somaxconn: "4096"` where there is nothing but a value."""
    return attributes["value"] if attributes.keys() == {"value"} else dict(attributes)


def _extended(before: bytes, section: str, resources: Resources) -> bytes:
    there = _keys(before, section)
    fresh = {key: said for key, said in resources.items() if key not in there}
    text = before
    if len(fresh) >= _FEW and (together := _together(text, section, fresh)) is not None:
        text, fresh = together, {}
    operations = [SetValue((section, key), written(said), new=True) for key, said in fresh.items()]
    for key in resources.keys() & there:
        operations += [SetValue((section, key, name), value) for name, value in resources[key].items()]
    return edit_bytes(text, operations)


def _together(before: bytes, section: str, fresh: Resources) -> bytes | None:
    """The text with all of them where the first belongs; None where that would not say what is meant."""
    first, *others = fresh
    begun = edit_bytes(before, [SetValue((section, first), written(fresh[first]), new=True)])
    old, new = before.decode().splitlines(keepends=True), begun.decode().splitlines(keepends=True)
    start = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(old))
    end = start + len(new) - len(old)
    added = [line for line in new[start:end] if not line.startswith(f"{section}:")]
    if not added or old[start:] != new[end:] or not all(line.endswith("\n") for line in new):
        return None
    indent = len(added[0]) - len(added[0].lstrip(" "))
    if not indent or "\r" in before.decode():
        return None
    rest = {key: fresh[key] for key in others}
    more = [f"{line}\n" for line in resource_lines(rest, indent=indent, step=indent)]
    text = "".join([*new[:end], *more, *new[end:]]).encode()
    return text if _frozen(text) == _plus(_frozen(begun), section, rest) else None


def _frozen(text: bytes) -> Frozen:
    return freeze(read_tree(text.decode()))


def _plus(whole: Frozen, section: str, resources: Resources) -> Frozen:
    """What the file must say: the same, and these at the end of the section."""
    tag, pairs = whole
    added = tuple(((STR, key), frozen(written(said))) for key, said in resources.items())
    return (
        tag,
        tuple(
            (name, (value[0], (*value[1], *added)) if name == (STR, section) else value)
            for name, value in pairs
        ),
    )


def _keys(text: bytes, section: str) -> set[str]:
    tag, pairs = _frozen(text)
    inner = dict(pairs).get((STR, section)) if tag == MAP else None
    return {name[1] for name, _ in inner[1]} if inner is not None and inner[0] == MAP else set()
