"""Which character of a rendered file came from which place in which template.

The templates are rendered a second time with marks around every stretch of plain text and every `{{ … }}` of
their source. Marks are private characters that configuration does not hold. When the marked rendering without
its marks is not exactly the real one (a filter that counts, a comparison), the trace is given up.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jinja2 import Environment, TemplateSyntaxError

from deployments.core.definition.layout import split_layer
from deployments.core.definition.sandbox import RenderError, TemplateStore

BOM = "\ufeff"
_START, _END, _CLOSE = "\ue000", "\ue001", "\ue002"
_MARK = re.compile(f"([{_START}{_END}])([0-9]{{1,9}}){_CLOSE}")
_ANY_MARK = re.compile(f"[{_START}{_END}{_CLOSE}]")
_LEXER = Environment(keep_trailing_newline=True)
_OPENS = frozenset(("if", "for", "macro", "call", "filter", "block", "with", "autoescape"))
_REPEATS = frozenset(("for", "macro", "call"))


@dataclass(frozen=True)
class Piece:
    """A stretch of a template's source: plain text, or one `{{ expression }}`.

    Positions are in the text as `TemplateText` holds it. `depth` counts the blocks around it, `loops` those
    that may render it more than once.
    """

    path: str
    start: int
    end: int
    source: str
    is_value: bool
    depth: int = 0
    loops: int = 0
    raw: bool = False
    resume: int = 0
    """Where the text after it begins: behind whitespace that a `-}}` takes away."""

    @property
    def expression(self) -> str:
        return self.source[2:-2].strip("-+ \t\n")


@dataclass(frozen=True)
class Run:
    """A stretch of the output. `piece` is None where its origin is not known.

    For plain text `start` is where it stands in the source. A value is `whole` when this is all of it.
    """

    text: str
    piece: Piece | None
    start: int = 0
    whole: bool = True

    @property
    def is_literal(self) -> bool:
        return self.piece is not None and not self.piece.is_value

    @property
    def end(self) -> int:
        """Where it ends in the source."""
        if self.piece is None:
            return self.start
        return self.piece.end if self.piece.is_value else self.start + len(self.text)


@dataclass(frozen=True)
class TemplateText:
    """A template's source as Jinja reads it: without byte order mark, lines ended by line feeds."""

    path: str
    text: str
    bom: bool = False
    crlf: bool = False

    def encode(self, text: str) -> bytes:
        """The file's bytes for a new text, in the file's own convention."""
        text = text.replace("\n", "\r\n") if self.crlf else text
        return ((BOM if self.bom else "") + text).encode("utf-8")

    def line_of(self, position: int) -> int:
        return self.text.count("\n", 0, position) + 1


def read_template(path: str, content: bytes) -> TemplateText | None:
    """None for what can't be traced: mixed line endings, private characters that serve as marks."""
    text = content.decode("utf-8")
    bom, text = text.startswith(BOM), text.removeprefix(BOM)
    crlf = "\r\n" in text
    plain = text.replace("\r\n", "\n")
    if "\r" in plain or (crlf and plain.count("\n") != text.count("\r\n")) or _ANY_MARK.search(plain):
        return None
    return TemplateText(path, plain, bom, crlf)


@dataclass
class Tracer:
    """Traces renderings of one template of a tree; made once, asked for many hosts."""

    store: TemplateStore
    path: str
    texts: dict[str, TemplateText] = field(default_factory=dict)
    _pieces: list[Piece] = field(default_factory=list)

    def __post_init__(self) -> None:
        marked: dict[str, bytes] = {}
        for path in _reachable(self.store, self.path):
            text = read_template(path, self.store.files[path])
            if text is not None:
                self.texts[path] = text
                marked[path] = self._marked(text).encode("utf-8")
        self._marked_store = TemplateStore({**self.store.files, **marked})

    def trace(self, context: Mapping[str, Any], rendered: str) -> list[Run] | None:
        """The runs that make up `rendered`, the real rendering with `context`; None where it can't be told."""
        if self.path not in self.texts or _ANY_MARK.search(rendered):
            return None
        try:
            runs = self._runs(self._marked_store.render(self.path, context))
        except RenderError:
            return None
        if runs is None or "".join(run.text for run in runs) != rendered:
            return None
        return runs

    def _marked(self, text: TemplateText) -> str:
        parts, at = [], 0
        for piece in pieces_of(text.path, text.text):
            number = len(self._pieces)
            self._pieces.append(piece)
            # Between two pieces stand statements, comments, and whitespace that a `-` takes away. The mark goes
            # before the whitespace that this piece takes, after that which the one before it takes.
            between = text.text[at : piece.start]
            taken = 0
            if piece.source.startswith("{{-") and not between.rstrip().endswith(("-%}", "-#}")):
                taken = len(between) - len(between.rstrip())
            keep = len(between) - taken
            parts += [
                between[:keep],
                _mark(_START, number),
                between[keep:],
                text.text[piece.start : piece.resume],
            ]
            parts.append(_mark(_END, number))
            at = piece.resume
        return "".join(parts) + text.text[at:]

    def _runs(self, marked: str) -> list[Run] | None:
        runs: list[Run] = []
        open_pieces: list[_Open] = []
        at = 0
        for match in _MARK.finditer(marked):
            self._add(runs, marked[at : match.start()], open_pieces, closing=match[1] == _END)
            at, number = match.end(), int(match[2])
            if match[1] == _START:
                open_pieces.append(_Open(number))
            elif not open_pieces or open_pieces.pop().number != number:
                return None
        self._add(runs, marked[at:], open_pieces, closing=True)
        return None if open_pieces else runs

    def _add(self, runs: list[Run], text: str, open_pieces: list["_Open"], *, closing: bool) -> None:
        """Append the text that stands before a mark. A value in which other pieces stand (what a macro gives
        back) is in several runs, none of them whole."""
        if not open_pieces:
            runs += [Run(text, None)] if text else []
            return
        inner = open_pieces[-1]
        piece = self._pieces[inner.number]
        if piece.is_value:
            inner.broken = inner.broken or not closing
            if text or not inner.broken:
                runs.append(Run(text, piece, piece.start, whole=not inner.broken))
        elif text == piece.source:
            runs.append(Run(text, piece, piece.start))
        elif text:
            runs.append(Run(text, None))


@dataclass
class _Open:
    """A piece whose end has not come yet."""

    number: int
    broken: bool = False


def _mark(kind: str, number: int) -> str:
    return f"{kind}{number}{_CLOSE}"


def _reachable(store: TemplateStore, path: str) -> list[str]:
    """The template and what it may include: beside it, or in base."""
    place = split_layer(path)
    layers = (place[0], "base") if place else ("base",)
    try:
        names = {name for _, name, _ in store.uses(path).includes}
    except TemplateSyntaxError:
        names = set()
    included = {f"{layer}/templates/{name}" for layer in layers for name in names}
    return [path, *sorted(name for name in included if name in store.files and name != path)]


@lru_cache(maxsize=256)
def pieces_of(path: str, text: str) -> tuple[Piece, ...]:
    """The pieces of a template in order. Raises TemplateSyntaxError."""
    return tuple(_pieces(path, text))


def _pieces(path: str, text: str) -> Iterator[Piece]:
    at, begun, raw = 0, -1, False
    statement: list[str] = []
    blocks: list[str] = []
    for _, kind, value in _LEXER.lex(text):
        while not text.startswith(value, at):
            at += 1  # whitespace that the lexer took away
        end = at + len(value)
        loops = sum(name in _REPEATS for name in blocks)
        match kind:
            case "data":
                yield Piece(path, at, end, value, False, len(blocks), loops, raw, end)
            case "variable_begin":
                begun = at
            case "variable_end":
                stop = at + 2 if value.startswith("}}") else at + 3
                yield Piece(path, begun, stop, text[begun:stop], True, len(blocks), loops, False, end)
            case "block_begin":
                statement = []
            case "block_end":
                _enter_or_leave(blocks, statement)
            case "raw_begin" | "raw_end":
                raw = kind == "raw_begin"
            case "name" | "operator":
                statement.append(value)
        at = end


def _enter_or_leave(blocks: list[str], statement: list[str]) -> None:
    """Keep account of the blocks that are open after a statement."""
    first = statement[0] if statement else ""
    if first.startswith("end") and blocks:
        blocks.pop()
    elif first in _OPENS or (first == "set" and "=" not in statement):
        blocks.append(first)
