"""How much a template may do: steps, sizes and widths, counted instead of timed.

A template can't be stopped by a clock in pure code. So every loop step, call and filter is counted, and every
value that could grow is measured. What this does not bound: the time of one built-in operation on values within
these sizes (sorting 100,000 items), and memory to more than a small multiple of MAX_SIZE. The process that
renders has its own limits for that.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from jinja2.exceptions import TemplateRuntimeError

MAX_STEPS = 200_000
"""One for each turn of a loop and each piece of output, CALL_STEPS for each call and filter."""
CALL_STEPS = 4
MAX_SIZE = 4 * 1024 * 1024
"""Characters of one text, or items of one list, and the characters of the whole output."""
MAX_WIDTH = 1_000
"""Columns of padding, and other small numbers that built-ins multiply by."""
MAX_DIGITS = 4_096

_WIDE_FORMAT = re.compile(r"[0-9]{5,}|\*|\{[^{}]*\{")
_PADDING_FILTERS = frozenset(
    ("center", "indent", "wordwrap", "batch", "slice", "tojson", "round", "truncate")
)
_PADDING_METHODS = frozenset(("center", "ljust", "rjust", "zfill", "expandtabs", "to_bytes"))


class LimitExceeded(TemplateRuntimeError):
    """The template does more than a configuration file needs."""


class Budget:
    def __init__(self) -> None:
        self.steps = MAX_STEPS

    def charge(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise LimitExceeded(f"the template takes more than {MAX_STEPS:,} steps")


_budget: ContextVar[Budget] = ContextVar("foldback_template_budget")


@contextmanager
def limited() -> Iterator[None]:
    """Everything a template does inside counts against one fresh budget."""
    token = _budget.set(Budget())
    try:
        yield
    finally:
        _budget.reset(token)


def charge(steps: int) -> None:
    if (budget := _budget.get(None)) is not None:
        budget.charge(steps)


def sized(value: Any) -> Any:
    """`value` itself, unless it has grown too large."""
    size = _size(value)
    if size > MAX_SIZE:
        raise LimitExceeded(f"a value grows beyond {MAX_SIZE:,} characters or items")
    charge(size >> 8)
    return value


def counted(items: Any) -> Any:
    """What a loop runs over, its steps charged: at once where the number is known, else one by one."""
    if hasattr(items, "__len__"):
        charge(len(items))
        return items
    if isinstance(items, Iterable):
        return _one_by_one(items)
    return items


def _one_by_one(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        charge(1)
        yield item


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes | list | tuple | dict) else 0


def check_binop(operator: str, left: Any, right: Any) -> None:
    """Refuse an operation whose result would be too large, before it is made."""
    charge(1)
    size = 0
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length()
        size = bits * max(right, 0) if operator == "**" else bits + right.bit_length()
        if size > MAX_DIGITS * 3:
            raise LimitExceeded(f"a number grows beyond {MAX_DIGITS:,} digits")
        return
    if operator == "*":
        size = _size(left) * (right if isinstance(right, int) else 0)
        size = max(size, _size(right) * (left if isinstance(left, int) else 0))
    elif operator == "+":
        size = _size(left) + _size(right)
    elif operator == "%" and isinstance(left, str):
        check_format(left)
    if size > MAX_SIZE:
        raise LimitExceeded(f"a value grows beyond {MAX_SIZE:,} characters or items")
    charge(size >> 8)


def check_format(text: str) -> None:
    if _WIDE_FORMAT.search(text):
        raise LimitExceeded("a format asks for a width of more than four digits, or for a computed one")


def check_call(called: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse methods of text and numbers that make something huge of something small."""
    charge(CALL_STEPS)
    method = getattr(called, "__wrapped__", called)
    owner, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
    if name in _PADDING_METHODS:
        _check_widths(args, kwargs)
    elif isinstance(owner, str) and name in ("format", "format_map"):
        check_format(owner)
    elif isinstance(owner, str) and name == "replace" and len(args) > 1:
        _check_replace(owner, *args[:2])
    elif isinstance(owner, str) and name == "join" and args:
        _check_product(len(owner), args[0])


def bounded_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter with its work charged and its result measured; how Jinja passes arguments stays the same."""
    first = 1 if getattr(function, "jinja_pass_arg", None) is not None else 0

    @wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        value, rest = (args[first] if len(args) > first else None), args[first + 1 :]
        charge(CALL_STEPS + (_size(value) >> 4))
        if name in _PADDING_FILTERS:
            _check_widths(rest, kwargs)
        elif name == "format":
            check_format(str(value))
        elif name == "replace":
            _check_replace(str(value), *[*rest, *kwargs.values()][:2])
        elif name == "join":
            separator = rest[0] if rest else kwargs.get("d", "")
            _check_product(len(str(separator)), value)
        return sized(function(*args, **kwargs))

    return bounded


def _check_widths(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    for value in (*args, *kwargs.values()):
        width = abs(value) if isinstance(value, int) else len(value) if isinstance(value, str) else 0
        if width > MAX_WIDTH:
            raise LimitExceeded(f"a width is more than {MAX_WIDTH:,}")


def _check_replace(text: str, old: Any = "", new: Any = "", *_: Any) -> None:
    places = text.count(str(old)) if str(old) else len(text) + 1
    _check_product(len(str(new)), None, places)


def _check_product(each: int, items: Any, count: int | None = None) -> None:
    count = _size(items) if count is None else count
    if each * count > MAX_SIZE:
        raise LimitExceeded(f"a value grows beyond {MAX_SIZE:,} characters or items")
    charge(each * count >> 8)
