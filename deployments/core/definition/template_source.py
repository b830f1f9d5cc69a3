"""New text for a template's source: placeholders put back, Jinja's own characters made harmless, edits applied."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from deployments.core.definition.template_mapping import CannotMap, SourceEdit
from deployments.core.definition.template_trace import TemplateText
from inventory.core.host_view import HostView

_TOKENS = re.compile(r"\{[{%#]")
_WORDS = re.compile(r"[\w.-]+|\s+|[^\w\s]")

Parts = tuple[tuple[str, str], ...]
"""New text in parts: `(text, source)`, the source empty where the text is meant as it stands."""
Place = tuple[str, int, int]
"""(template path, start, end) of a replaced stretch."""


class Turning(Enum):
    """Which values in new text are turned back into placeholders, besides those of the lines it replaces."""

    OWN = "what can only mean the host: its name, its address, and like values of its inventory that the template uses"
    ALL = "every value that the host has of its own"
    NOTHING = "none: all text is meant as it stands"


def own_values(host: HostView, turning: Turning, used: Container[str]) -> tuple[tuple[str, str], ...]:
    """Values of the host itself, each with what a template writes for it. `used` are the names of variables that
    the template takes already, so that every host which renders it has them."""
    if turning is Turning.NOTHING:
        return ()
    values = [(host.name, "{{ host.name }}")]
    if host.address:
        values.append((host.address, "{{ host.address }}"))
    everything = turning is Turning.ALL
    for name, text in _texts(host.variables):
        if everything or (name in used and _distinct(text)):
            values.append((text, f"{{{{ {name} }}}}"))
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
        return ((text, ""),)
    pattern = "|".join(re.escape(value) for value in sorted(known, key=len, reverse=True))
    parts: list[tuple[str, str]] = []
    whole, at, end = "".join((beside[0], text, beside[1])), len(beside[0]), len(beside[0]) + len(text)
    for match in re.finditer(rf"(?<![\w.-])(?:{pattern})(?![\w-]|\.\w)", whole):
        if match.start() >= at and match.end() <= end:
            parts += [(whole[at : match.start()], ""), (match[0], known[match[0]])]
            at = match.end()
    parts.append((whole[at:end], ""))
    return tuple(part for part in parts if part[0])


def by_place(
    edits: Iterable[SourceEdit], host: HostView, turning: Turning, used: Container[str] = ()
) -> dict[Place, Parts]:
    """The edits of one host by place, values turned back; what stands at one place comes one after the other."""
    own = own_values(host, turning, used)
    found: dict[Place, dict[int, Parts]] = {}
    for edit in edits:
        if edit.raw and "endraw" in edit.text:
            raise CannotMap(f"{edit.path}: the new text would end a raw block; edit the template by hand")
        values = (*edit.values, *own) if turning is not Turning.NOTHING else ()
        parts = ((edit.text, edit.text),) if edit.raw else with_placeholders(edit.text, values, edit.beside)
        hunks = found.setdefault((edit.path, edit.start, edit.end), {})
        hunks[edit.hunk] = (*hunks.get(edit.hunk, ()), *parts)
    merged: dict[Place, Parts] = {}
    for place, hunks in found.items():
        first, *others = hunks.values()
        if any(_source(parts) != _source(first) for parts in others):
            raise CannotMap(
                f"{place[0]}: text that is rendered several times was changed differently; edit it by hand"
            )
        merged[place] = first
    return merged


def merge_edits(each: Sequence[Mapping[Place, Parts]]) -> dict[Place, Parts]:
    """The edits that several hosts ask for, as one. Raises CannotMap where they ask for different things."""
    merged: dict[Place, Parts] = {}
    for place in sorted({place for edits in each for place in edits}):
        wanted = [edits[place] for edits in each if place in edits]
        parts = wanted[0] if all(_source(one) == _source(wanted[0]) for one in wanted) else _agreed(wanted)
        if parts is None:
            raise CannotMap(
                "the hosts have different text here, and no value of theirs explains the difference"
            )
        merged[place] = parts
    return merged


def _source(parts: Parts) -> list[tuple[bool, str]]:
    """What would be written, as it compares between hosts."""
    return [(bool(source), source or text) for text, source in parts if text or source]


def _agreed(wanted: list[Parts]) -> Parts | None:
    """Word by word: a placeholder where it stands on all hosts, the text where that is the same on all of them,
    be it by chance the value of one."""
    words = [
        [word for text, source in parts for word in ([(text, source)] if source else _split(text))]
        for parts in wanted
    ]
    if any(len(one) != len(words[0]) for one in words):
        return None
    agreed: list[tuple[str, str]] = []
    for together in zip(*words, strict=True):
        if all(source and source == together[0][1] for _, source in together):
            agreed.append(together[0])
        elif all(text == together[0][0] for text, _ in together):
            agreed.append((together[0][0], ""))
        else:
            return None
    return tuple(agreed)


def _split(text: str) -> list[tuple[str, str]]:
    return [(word, "") for word in _WORDS.findall(text)]


def edited_source(template: TemplateText, edits: Mapping[Place, Parts]) -> str:
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
        before = next((text[-1] for text in reversed(source) if text), "")
        source.append(_written(edits[place], before, template.text[end : end + 1], template))
        at = end
    return "".join(source) + template.text[at:]


def _written(parts: Parts, before: str, after: str, template: TemplateText) -> str:
    """Parts as source. Text in a row is escaped as one, so that a `{` and what follows it are seen together."""
    joined: list[tuple[str, str]] = []
    for text, source in parts:
        if "\r" in text:
            raise CannotMap(
                f"{template.path}: the live text has carriage returns, which a template can't hold"
            )
        if joined and not source and not joined[-1][1]:
            joined[-1] = (joined[-1][0] + text, "")
        else:
            joined.append((text, source))
    written = ""
    for number, (text, source) in enumerate(joined):
        following = joined[number + 1][1][:1] if number + 1 < len(joined) else after
        written += source or escape(text, (before + written)[-1:], following)
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
