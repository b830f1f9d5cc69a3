"""Is the change of a rendered text nothing but another value of one variable? Found by trying, proved by rendering."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.core.definition.template_align import hunks_of, split_lines
from deployments.core.definition.template_mapping import lines_of
from deployments.core.definition.template_trace import Run

_NAMED = re.compile(r"([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)\s*(?:\|.*)?", re.DOTALL)
MOST_TRIES = 40


@dataclass(frozen=True)
class NewValue:
    """Variable `name` (or an entry of it, by `path`) should be `value`. `seen` tells that the new value stood in
    the live text; otherwise it was guessed (a switch turned over)."""

    name: str
    path: tuple[str, ...]
    value: Any
    seen: bool = True

    def in_context(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """The template's context with the new value in it."""
        return {**context, self.name: _replaced(context[self.name], self.path, self.value)}


def candidates(runs: Sequence[Run], wanted: str, variables: Mapping[str, Any]) -> Iterator[NewValue]:
    """Values worth trying, seen ones first. `variables` are those that the template uses, by name."""
    lines, target = lines_of(runs), split_lines(wanted)
    rendered = ["".join(run.text for run in line) for line in lines]
    found: dict[tuple[Any, ...], NewValue] = {}
    for i1, i2, j1, j2 in hunks_of(rendered, target):
        for line in lines[i1:i2]:
            for new in target[j1:j2]:
                for value in _seen_in(line, new, variables):
                    found.setdefault((value.name, value.path, repr(value.value)), value)
                    if len(found) >= MOST_TRIES:
                        yield from found.values()
                        return
    yield from found.values()
    yield from _lists(lines, target, variables)
    for name, value in variables.items():
        if isinstance(value, bool):
            yield NewValue(name, (), not value, seen=False)
        elif isinstance(value, Mapping):
            for entry, item in value.items():
                if isinstance(item, bool):
                    yield NewValue(name, (entry,), not item, seen=False)


def _seen_in(line: list[Run], new: str, variables: Mapping[str, Any]) -> Iterator[NewValue]:
    for name, path in dict.fromkeys(_named(run) for run in line):
        if name not in variables:
            continue
        old = _entry(variables[name], path)
        pattern = ""
        for run in line:
            if _named(run) != (name, path):
                pattern += re.escape(run.text)
            else:
                pattern += "(?P=v)" if "(?P<v>" in pattern else "(?P<v>[^\n]*?)"
        match = re.fullmatch(pattern, new)
        if match is not None and match["v"] != str(old):
            value = _typed(match["v"], old)
            if value is not None:
                yield NewValue(name, path, value)


def _lists(lines: list[list[Run]], target: list[str], variables: Mapping[str, Any]) -> Iterator[NewValue]:
    """Lists whose items each stand in a line of their own: all lines of the wanted text that look like those."""
    shapes: dict[str, None] = {}
    for line in lines:
        items = [run for run in line if _named(run)[0] and not _named(run)[1]]
        if len(items) == 1 and items[0].piece is not None and items[0].piece.depth:
            before, after = ("".join(run.text for run in part) for part in _around(line, items[0]))
            shapes.setdefault(f"{re.escape(before)}(?P<v>[^\n]*?){re.escape(after)}", None)
    for shape in shapes:
        seen = [match["v"] for text in target if (match := re.fullmatch(shape, text))]
        for name, old in variables.items():
            if isinstance(old, list) and old and all(isinstance(item, str | int | float) for item in old):
                new = [_typed(text, _like(old, text)) for text in seen]
                if None not in new and new != old:
                    yield NewValue(name, (), new)


def _around(line: list[Run], item: Run) -> tuple[list[Run], list[Run]]:
    index = next(number for number, run in enumerate(line) if run is item)
    return line[:index], line[index + 1 :]


def _like(old: list[Any], text: str) -> Any:
    """An item of the list that tells which type `text` has in it: the same item, or else any."""
    return next((item for item in old if str(item) == text), old[0])


def _named(run: Run) -> tuple[str, tuple[str, ...]]:
    """The variable that a value shows as it is, with the entries taken of it; ("", ()) for anything else."""
    if run.piece is None or not run.piece.is_value:
        return "", ()
    match = _NAMED.fullmatch(run.piece.expression)
    return (match[1], tuple(match[2].split(".")[1:])) if match else ("", ())


def _typed(text: str, old: Any) -> Any:
    """`text` as a value of the type that the variable has; None where it is no such value."""
    match old:
        case bool():
            return {"True": True, "False": False, "true": True, "false": False}.get(text)
        case int():
            return int(text) if re.fullmatch(r"-?(?:0|[1-9][0-9]{0,30})", text) else None
        case float():
            return float(text) if re.fullmatch(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?", text) else None
        case str():
            return text
    return None


def _entry(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def _replaced(value: Any, path: tuple[str, ...], new: Any) -> Any:
    if not path:
        return new
    return {**value, path[0]: _replaced(value[path[0]], path[1:], new)}
