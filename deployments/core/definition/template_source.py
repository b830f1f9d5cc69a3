"""New text for a template's source: placeholders put back, Jinja's own characters made harmless, edits applied."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from deployments.core.definition.template_mapping import CannotMap, SourceEdit
from deployments.core.definition.template_trace import TemplateText
from inventory.core.host_view import HostView

_TOKENS = re.compile(r"\{[{%#]")

Parts = tuple[tuple[bool, str], ...]
"""Source text in parts: `(is code, text)`; what is not code is meant literally."""
Place = tuple[str, int, int]
"""(template path, start, end) of a replaced stretch."""


class Turning(Enum):
    """Which values in new text are turned back into placeholders, besides those of the lines it replaces."""

    OWN = "what can only mean the host: its name, its addresses, values of its inventory that look like such"
    ALL = "every value that the host has of its own"
    NOTHING = "none: all text is meant as it stands"


def own_values(host: HostView, turning: Turning) -> tuple[tuple[str, str], ...]:
    """Values of the host itself, each with what a template writes for it."""
    if turning is Turning.NOTHING:
        return ()
    values = [(host.name, "{{ host.name }}")]
    if host.address:
        values.append((host.address, "{{ host.address }}"))
    everything = turning is Turning.ALL
    values += [
        (text, f"{{{{ {name} }}}}") for name, text in _texts(host.variables) if everything or _distinct(text)
    ]
    if everything:
        values += [(text, f"{{{{ facts.{name} }}}}") for name, text in _texts(host.facts)]
    return tuple(values)


def _texts(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in sorted(values.items()):
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            yield name, str(value)


def _distinct(text: str) -> bool:
    """Text that hardly stands anywhere by chance: an address, a qualified name."""
    return len(text) >= 6 and any(char.isdigit() or char == "." for char in text) and not text.isdigit()


def with_placeholders(
    text: str, values: Iterable[tuple[str, str]], beside: tuple[str, str] = ("", "")
) -> Parts:
    """`text` with each value that stands there as a word of its own turned into its placeholder.

    The longest value wins; the borders of words are those by which findings are told apart. `beside` are the
    characters around the text.
    """
    known: dict[str, str] = {}
    for value, source in values:
        known.setdefault(value, source)
    if not known:
        return ((False, text),)
    pattern = "|".join(re.escape(value) for value in sorted(known, key=len, reverse=True))
    parts: list[tuple[bool, str]] = []
    whole, at, end = "".join((beside[0], text, beside[1])), len(beside[0]), len(beside[0]) + len(text)
    for match in re.finditer(rf"(?<![\w.-])(?:{pattern})(?![\w-]|\.\w)", whole):
        if match.start() >= at and match.end() <= end:
            parts += [(False, whole[at : match.start()]), (True, known[match[0]])]
            at = match.end()
    parts.append((False, whole[at:end]))
    return tuple(part for part in parts if part[1])


def merge_edits(each: Sequence[Mapping[Place, list[Parts]]]) -> dict[Place, list[Parts]]:
    """The edits that several hosts ask for, as one. Raises CannotMap where they ask for different things."""
    merged: dict[Place, list[Parts]] = {}
    for edits in each:
        for place, parts in edits.items():
            if merged.setdefault(place, parts) != parts:
                raise CannotMap(
                    "the hosts have different text here, and no value of theirs explains the difference"
                )
    return merged


def by_place(edits: Iterable[SourceEdit], host: HostView, turning: Turning) -> dict[Place, list[Parts]]:
    """The edits of one host by place, in order where several stand at one place, values turned back."""
    own = own_values(host, turning)
    found: dict[Place, dict[int, list[Parts]]] = {}
    for edit in edits:
        if edit.raw and "endraw" in edit.text:
            raise CannotMap(f"{edit.path}: the new text would end a raw block; edit the template by hand")
        values = (*edit.values, *own) if turning is not Turning.NOTHING else ()
        parts = ((True, edit.text),) if edit.raw else with_placeholders(edit.text, values, edit.beside)
        hunks = found.setdefault((edit.path, edit.start, edit.end), {})
        hunks.setdefault(edit.hunk, []).append(parts)
    for (path, _, _), hunks in found.items():
        if any(parts != next(iter(hunks.values())) for parts in hunks.values()):
            raise CannotMap(
                f"{path}: text that is rendered several times was changed differently; edit it by hand"
            )
    return {place: next(iter(hunks.values())) for place, hunks in found.items()}


def edited_source(template: TemplateText, edits: Mapping[Place, list[Parts]]) -> str:
    """The template's new source. Raises CannotMap for edits that overlap, or text that no template can hold."""
    source, at = [], 0
    places = sorted(place for place in edits if place[0] == template.path)
    for place in places:
        _, start, end = place
        if start < at:
            raise CannotMap(
                f"{template.path}:{template.line_of(start)}: the hosts change overlapping text differently"
            )
        source.append(template.text[at:start])
        parts = tuple(part for together in edits[place] for part in together)
        before = next((text[-1] for text in reversed(source) if text), "")
        source.append(_written(parts, before, template.text[end : end + 1], template))
        at = end
    return "".join(source) + template.text[at:]


def _written(parts: Parts, before: str, after: str, template: TemplateText) -> str:
    written = ""
    for number, (is_code, text) in enumerate(parts):
        if "\r" in text:
            raise CannotMap(
                f"{template.path}: the live text has carriage returns, which a template can't hold"
            )
        if is_code:
            written += text
            continue
        following = parts[number + 1][1][:1] if number + 1 < len(parts) else after
        written += escape(text, (before + written)[-1:], following)
    return written


def escape(text: str, before: str = "", after: str = "") -> str:
    """`text` as template source that renders as it stands, between the characters `before` and `after`."""
    head = tail = ""
    if before == "{" and text[:1] and text[0] in "{%#":
        head, text = f"{{{{ '{text[0]}' }}}}", text[1:]
    escaped = _TOKENS.sub(lambda match: f"{{{{ '{match[0]}' }}}}", text)
    if escaped.endswith("{") and after and after in "{%#":
        escaped, tail = escaped[:-1], "{{ '{' }}"
    return head + escaped + tail
