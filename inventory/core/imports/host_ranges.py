"""Ansible's host patterns: `web[01:12].example`, `db-[a:f]`, `node[1:9:2]`, `edge-1:2222`."""

import re
import string
from itertools import product
from math import prod

from inventory.core.imports.plan import MAX_HOSTS
from inventory.core.names import shown

_WITH_PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])+):([0-9]+)")
_BRACKETED = re.compile(r"\[(.+)\]:([0-9]+)")
_RANGE = re.compile(r"\[([^\]]*)\]")
_MAX_DIGITS = 9


class HostPatternError(ValueError):
    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def expand_hosts(pattern: str) -> tuple[list[str], int | None]:
    """The host names a pattern stands for, in order, and its port if it names one; raises HostPatternError."""
    pattern, port = _split_port(pattern)
    if pattern.endswith(":"):
        raise HostPatternError(
            f"{shown(pattern)} ends with a colon", "Remove the colon, or write a port after it."
        )
    if pattern.count("[") != pattern.count("]"):
        raise HostPatternError(
            f"{shown(pattern)} has a bracket without its partner", "Write ranges as web[01:12]."
        )
    pieces = _RANGE.split(pattern)  # literal, range, literal, range, …, literal
    ranges = [_texts(text, pattern) for text in pieces[1::2]]
    if prod(len(texts) for texts in ranges) > MAX_HOSTS:
        raise HostPatternError(
            f"{shown(pattern)} makes more than {MAX_HOSTS:,} hosts", "Use narrower ranges."
        )
    literals = pieces[0::2]
    names = [
        literals[0] + "".join(text + literal for text, literal in zip(texts, literals[1:], strict=True))
        for texts in product(*ranges)
    ]
    return names, port


def _split_port(pattern: str) -> tuple[str, int | None]:
    match = _BRACKETED.fullmatch(pattern) or _WITH_PORT.fullmatch(pattern)
    if not match:
        return pattern, None
    return match[1], int(match[2][:_MAX_DIGITS])


def _texts(text: str, pattern: str) -> list[str]:
    bounds = text.split(":")
    if len(bounds) not in {2, 3}:
        raise HostPatternError(
            f"[{text}] in {shown(pattern)} is not a range",
            "Write [first:last] or [first:last:step], as in web[01:12].",
        )
    first, last = bounds[0] or "0", bounds[1]
    step = _number(bounds[2], text, pattern) if len(bounds) == 3 else 1
    if not step:
        raise HostPatternError(f"[{text}] in {shown(pattern)} has the step 0", "Use a step of 1 or more.")
    if first in string.ascii_letters and last in string.ascii_letters and first and last:
        low, high = string.ascii_letters.index(first), string.ascii_letters.index(last)
        _check_order(low, high, text, pattern)
        return list(string.ascii_letters[low : high + 1 : step])
    low, high = _number(first, text, pattern), _number(last, text, pattern)
    _check_order(low, high, text, pattern)
    numbers = range(low, high + 1, step)
    if len(numbers) > MAX_HOSTS:
        raise HostPatternError(
            f"[{text}] in {shown(pattern)} makes more than {MAX_HOSTS:,} hosts", "Use a narrower range."
        )
    width = len(first) if len(first) > 1 and first.startswith("0") else 0
    if width and width != len(last):
        raise HostPatternError(
            f"[{text}] in {shown(pattern)} has numbers of different length",
            f"Write [{first}:{last.zfill(width)}].",
        )
    return [str(number).zfill(width) for number in numbers]


def _number(text: str, whole: str, pattern: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise HostPatternError(
            f"[{whole}] in {shown(pattern)} is not a range",
            "Write [first:last], with numbers or single letters.",
        )
    return int(text)


def _check_order(low: int, high: int, text: str, pattern: str) -> None:
    if low > high:
        raise HostPatternError(f"[{text}] in {shown(pattern)} runs backwards", "Write the lower end first.")
