"""Texts that differ only by what is known of the hosts, as one template; only where that is certain.

The texts are laid beside each other line by line. Where they differ, something known of the hosts has to stand there
on every one of them, as a word of its own: its name, its address, a variable, a fact. It is not certain, and no
template, where two things known would do equally well, where what stands there is so short that it may be chance, or
where anything else differs. The result is rendered for each host before it is believed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_TEXT = 256 * 1024
MOST_LINES = 400
"""Lines that differ. More is not a configuration with a few values in it."""
CERTAIN_LENGTH = 3
CERTAIN_VALUES = 3
_MARKS = ("{{", "{%", "{#", "\r")
_WORD = re.compile(r"\w")
_IDENTITY = ("host.name", "host.name.split('.')[0]", "host.address")
"""What a text means when it holds this, whatever else has the same value."""
_FIRST = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class NoTemplate:
    """Why the texts are no template, for people."""

    reason: str


@dataclass(frozen=True)
class Known:
    """One thing known of all the hosts: how a template says it, and what it is on each."""

    says: str
    values: tuple[str, ...]

    @property
    def is_certain(self) -> bool:
        return min(map(len, self.values)) >= CERTAIN_LENGTH or len(set(self.values)) >= CERTAIN_VALUES


def known_of(contexts: Sequence[Mapping[str, Any]]) -> list[Known]:
    """What can stand in a template, of hosts with these contexts (see `template_context`), identity first.

    Only what every host has and what is not the same on all of them can explain a difference.
    """
    found: dict[str, tuple[str, ...]] = {}
    hosts = [context["host"] for context in contexts]
    found["host.name"] = tuple(host["name"] for host in hosts)
    found["host.name.split('.')[0]"] = tuple(host["name"].partition(".")[0] for host in hosts)
    if found["host.name.split('.')[0]"] == found["host.name"]:
        del found["host.name.split('.')[0]"]
    found["host.address"] = tuple(host["address"] or "" for host in hosts)
    found["host.environment"] = tuple(host["environment"] for host in hosts)
    for name in sorted(set.intersection(*(set(context) for context in contexts)) - {"host", "facts"}):
        if _FIRST.fullmatch(name):
            found[name] = tuple(_printed(context[name]) for context in contexts)
    for name in sorted(set.intersection(*(set(context["facts"]) for context in contexts))):
        if _FIRST.fullmatch(name):
            found[f"facts.{name}"] = tuple(_printed(context["facts"][name]) for context in contexts)
    return [Known(says, values) for says, values in found.items() if all(values) and len(set(values)) > 1]


def _printed(value: Any) -> str:
    """As a template prints it; nothing for what no text of a file would hold."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def template_for(texts: Sequence[str], known: Sequence[Known]) -> str | NoTemplate:
    """One template that renders to each of `texts`, in the order of the hosts of `known`; or why there is none."""
    if any(len(text) > MOST_TEXT for text in texts):
        return NoTemplate("it is too large for a template")
    if any(mark in text for text in texts for mark in _MARKS):
        return NoTemplate("it holds marks that mean something in templates")
    columns = [text.split("\n") for text in texts]
    if len({len(lines) for lines in columns}) > 1:
        return NoTemplate("the hosts have different numbers of lines")
    made: list[str] = []
    differing = 0
    for number, lines in enumerate(zip(*columns, strict=True), start=1):
        if len(set(lines)) == 1:
            made.append(lines[0])
            continue
        differing += 1
        line = _line(lines, known) if differing <= MOST_LINES else NoTemplate("too many lines differ")
        if isinstance(line, NoTemplate):
            return NoTemplate(f"line {number}: {line.reason}")
        made.append(line)
    return "\n".join(made)


def _line(lines: Sequence[str], known: Sequence[Known]) -> str | NoTemplate:
    """One line that differs. `at` is how far each host's line has been read."""
    at = [0] * len(lines)
    made: list[str] = []
    while any(place < len(line) for place, line in zip(at, lines, strict=True)):
        found = [one for one in known if _stands(one, lines, at)]
        if found:
            one = _meant(found)
            if isinstance(one, NoTemplate):
                return one
            made.append("{{ " + one.says + " }}")
            at = [place + len(value) for place, value in zip(at, one.values, strict=True)]
            continue
        here = {line[place : place + 1] for place, line in zip(at, lines, strict=True)}
        if len(here) > 1:
            return NoTemplate("nothing known of the hosts explains how they differ")
        made.append(here.pop())
        at = [place + 1 for place in at]
    return "".join(made)


def _meant(found: Sequence[Known]) -> Known | NoTemplate:
    identity = [one for one in found if one.says in _IDENTITY]
    if not identity and len(found) > 1:
        return NoTemplate(f"{found[0].says} and {found[1].says} would explain it equally well")
    one = (identity or found)[0]
    if not one.is_certain:
        return NoTemplate(f"{one.says} would explain it, but is so short that it may be chance")
    return one


def _stands(one: Known, lines: Sequence[str], at: Sequence[int]) -> bool:
    """Whether on every host its value begins here, as a word of its own."""
    for line, place, value in zip(lines, at, one.values, strict=True):
        if not line.startswith(value, place):
            return False
        end = place + len(value)
        if (_WORD.match(value) and place and _WORD.match(line[place - 1])) or (
            _WORD.match(value[-1]) and end < len(line) and _WORD.match(line[end])
        ):
            return False
    return True
