"""Patterns of host names: `web-3`, `web-[1-37]`, `web-[01-12,20]`, `*.eu.example`.

A pattern is matched by walking the name with the set of positions that are still possible, so neither many
stars nor wide ranges make it slow, and no regular expression is built from what a person typed.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

MAX_NAMES = 100_000
_MAX_DIGITS = 9
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_DIGITS = frozenset("0123456789")


class SelectorError(ValueError):
    """A selector that can't be read. `position` counts characters from 1; `remedy` says what to do."""

    def __init__(self, message: str, position: int, remedy: str) -> None:
        super().__init__(f"{message} (at character {position}). {remedy}")
        self.message = message
        self.position = position
        self.remedy = remedy


@dataclass(frozen=True, order=True)
class Span:
    """The numbers `low` to `high`; `width` is the number of digits kept with zeros, 0 for none."""

    low: int
    high: int
    width: int = 0

    def write(self, number: int) -> str:
        return str(number).zfill(self.width)

    def __str__(self) -> str:
        low = self.write(self.low)
        return low if self.low == self.high else f"{low}-{self.write(self.high)}"


@dataclass(frozen=True)
class Numbers:
    """What stands between brackets: spans, sorted and joined where they touch."""

    spans: tuple[Span, ...]

    @cached_property
    def _by_width(self) -> dict[int, tuple[list[int], list[int]]]:
        """width → (lows, highs), both sorted: spans of one width neither overlap nor touch."""
        found: dict[int, tuple[list[int], list[int]]] = {}
        for span in self.spans:
            lows, highs = found.setdefault(span.width, ([], []))
            lows.append(span.low)
            highs.append(span.high)
        return found

    def contains(self, digits: str) -> bool:
        number = int(digits)
        for width, (lows, highs) in self._by_width.items():
            place = bisect_right(lows, number) - 1
            if place >= 0 and number <= highs[place] and digits == str(number).zfill(width):
                return True
        return False

    def count(self) -> int:
        return sum(span.high - span.low + 1 for span in self.spans)

    def texts(self) -> Iterator[str]:
        for span in self.spans:
            for number in range(span.low, span.high + 1):
                yield span.write(number)

    def __str__(self) -> str:
        return "[" + ",".join(str(span) for span in self.spans) + "]"


@dataclass(frozen=True)
class Star:
    """Any characters, also none."""

    def __str__(self) -> str:
        return "*"


Part = str | Numbers | Star


@dataclass(frozen=True)
class NamePattern:
    """A pattern in normal form: neighbouring literals joined, no two stars in a row."""

    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return "".join(str(part) for part in self.parts)

    @property
    def has_star(self) -> bool:
        return any(isinstance(part, Star) for part in self.parts)

    @property
    def is_everything(self) -> bool:
        return self.parts == (Star(),)

    @property
    def literal(self) -> str | None:
        """The one name that this pattern stands for, or None when it stands for several."""
        if len(self.parts) == 1 and isinstance(self.parts[0], str):
            return self.parts[0]
        return None

    def count(self) -> int:
        """How many names the ranges make; stars count as one."""
        return prod(part.count() for part in self.parts if isinstance(part, Numbers))

    def names(self) -> Iterator[str]:
        """Every name of a pattern without stars, in order; at most MAX_NAMES."""
        if self.has_star:
            raise ValueError(f"{self} stands for names without end")
        choices = [part.texts() if isinstance(part, Numbers) else (str(part),) for part in self.parts]
        return ("".join(texts) for texts in product(*choices))

    def matches(self, name: str) -> bool:
        ends = {0}
        for part in self.parts:
            match part:
                case Star():
                    ends = set(range(min(ends), len(name) + 1))
                case Numbers():
                    ends = {stop for start in ends for stop in _number_ends(name, start, part)}
                case _:
                    ends = {start + len(part) for start in ends if name.startswith(part, start)}
            if not ends:
                return False
        return len(name) in ends


def _number_ends(name: str, start: int, numbers: Numbers) -> Iterator[int]:
    for stop in range(start + 1, min(len(name), start + _MAX_DIGITS) + 1):
        if name[stop - 1] not in _DIGITS:
            return
        if numbers.contains(name[start:stop]):
            yield stop


def parse_pattern(text: str, position: int = 1) -> NamePattern:
    """Read one pattern; `position` is where it stands in the whole selector, for error messages."""
    parts: list[Part] = []
    literal = ""
    index = 0
    while index < len(text):
        character = text[index]
        if character == "[":
            close = text.find("]", index)
            if close < 0:
                raise SelectorError(
                    "this [ is never closed", position + index, "Close it, with no space inside: web-[1-37]."
                )
            numbers = _parse_numbers(text[index + 1 : close], position + index + 1)
            single = numbers.spans[0] if numbers.count() == 1 else None
            if single:
                literal += str(single)
            else:
                parts += [literal, numbers] if literal else [numbers]
                literal = ""
            index = close
        elif character == "*":
            if literal:
                parts.append(literal)
                literal = ""
            if not (parts and isinstance(parts[-1], Star)):
                parts.append(Star())
        elif character in _NAME_CHARACTERS:
            literal += character
        else:
            raise SelectorError(
                f"{character!r} can't be in a host name",
                position + index,
                "Names have letters, digits, dots, dashes and underscores; * stands for any characters, "
                "[1-37] for numbers. Repeat the key to name several: name=web-1 name=db-1.",
            )
        index += 1
    if literal:
        parts.append(literal)
    pattern = NamePattern(tuple(parts))
    if pattern.count() > MAX_NAMES:
        raise SelectorError(
            f"these ranges make more than {MAX_NAMES:,} names",
            position,
            "Use narrower ranges, or * for any name.",
        )
    return pattern


def _parse_numbers(text: str, position: int) -> Numbers:
    spans = []
    for item in text.split(","):
        spans.append(_parse_span(item, position))
        position += len(item) + 1
    return Numbers(_joined(spans))


def _parse_span(text: str, position: int) -> Span:
    low_text, dash, high_text = text.partition("-")
    if not dash:
        high_text = low_text
    if not all(number and set(number) <= _DIGITS for number in (low_text, high_text)):
        raise SelectorError(
            f"[{text}] is not a range of numbers", position, "Write it as [1-37] or [01-12,20]."
        )
    if max(len(low_text), len(high_text)) > _MAX_DIGITS:
        raise SelectorError(
            f"numbers have at most {_MAX_DIGITS} digits", position, "Use * for any characters."
        )
    low, high = int(low_text), int(high_text)
    if low > high:
        raise SelectorError(f"[{text}] runs backwards", position, f"Write [{high_text}-{low_text}].")
    width = len(low_text) if low_text.startswith("0") and len(low_text) > 1 else 0
    if not width and len(high_text) > 1 and high_text.startswith("0"):
        raise SelectorError(
            f"[{text}] has zeros only at its end",
            position,
            f"Write [{low_text.zfill(len(high_text))}-{high_text}].",
        )
    return Span(low, high, width)


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    """Sort, and join spans of one width that overlap or touch, so that equal sets read alike."""
    done: list[Span] = []
    for span in sorted(set(spans), key=lambda span: (span.width, span.low, span.high)):
        last = done[-1] if done else None
        if last and last.width == span.width and span.low <= last.high + 1:
            done[-1] = Span(last.low, max(last.high, span.high), span.width)
        else:
            done.append(span)
    return tuple(done)
