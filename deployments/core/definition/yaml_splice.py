"""Where in a YAML text an edit goes: every way of writing it, best first, as whole candidate texts.

These are proposals; `edit` parses each and takes the first that says what is meant. So a rare construct costs
an honest refusal, never a wrong file.
"""

from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from typing import Any

from deployments.core.definition import yaml_format as formats
from deployments.core.definition.yaml_items import block_items_replaced, flow_items_replaced
from deployments.core.definition.yaml_places import Places
from deployments.core.definition.yaml_tree import CannotEdit, Mapping, Node, Scalar, Sequence


class Document(Places):
    """One text with its tree, and the candidates for an edit of it."""

    def with_value(self, path: tuple[str, ...], value: Any) -> Iterator[str]:
        """The text with `value` at `path`, keys that are missing on the way made."""
        if self.root is None:
            yield self._appended(_nested(path, value), indent=0)
            return
        container, in_flow, depth = self.root, False, 0
        while isinstance(container, Mapping):
            in_flow = in_flow or container.flow
            found = container.entry(path[depth])
            if found is None:
                yield from self._inserted(container, path[depth], _nested(path[depth + 1 :], value), in_flow)
                return
            key, old = found
            if depth == len(path) - 1 or not isinstance(old, Mapping):
                yield from self._replaced(key, old, path[depth], _nested(path[depth + 1 :], value), in_flow)
                return
            container, depth = old, depth + 1
        raise CannotEdit("the file is not a mapping of sections; edit it by hand")

    def without(self, path: tuple[str, ...]) -> Iterator[str]:
        """The text without the entry at `path`; a mapping that this empties stays as `{}`."""
        container, holder, in_flow = self.root, None, False
        for key in path[:-1]:
            found = container.entry(key) if isinstance(container, Mapping) else None
            if found is None:
                return
            in_flow = in_flow or (isinstance(container, Mapping) and container.flow)
            holder, container = found
        if not isinstance(container, Mapping) or (found := container.entry(path[-1])) is None:
            return
        if container.flow:
            yield from self._removed_from_flow(container, found)
        elif len(container.entries) > 1:
            start, stop = self.lines_of(found[0], found[1])
            yield self.text[:start] + self.text[stop:]
        elif holder is not None:
            colon = self.after_colon(holder)
            start, stop = self.lines_of(found[0], found[1])
            yield self.text[:colon] + " {}" + self.text[colon:start] + self.text[stop:]
        else:
            start, stop = self.lines_of(found[0], found[1])
            yield self.text[:start] + self.text[stop:]

    # --- inserting ---------------------------------------------------------------------------------------------

    def _inserted(self, mapping: Mapping, key: str, value: Any, in_flow: bool) -> Iterator[str]:
        if not in_flow:
            indent = self.column(mapping.entries[0][0])
            at = self.line_after(mapping.end)
            flat = not self.last_is_block(mapping)
            for blocks in (True, False):
                lines = self._entry(key, value, indent=indent, flat=flat, blocks=blocks)
                if mapping is self.root:
                    yield self._appended({key: value}, indent=indent, blocks=blocks)
                yield self._with_lines(at, lines)
            return
        if not mapping.entries and self.is_block_position(mapping):
            yield from self._opened(mapping, key, value)
        pair = f"{formats.inline(key)}: {formats.inline(value, key=key)}"
        if mapping.entries:
            at = mapping.entries[-1][1].end
            yield self.text[:at] + ", " + pair + self.text[at:]
            yield self.text[:at] + " , " + pair + self.text[at:]
        else:
            at = self.text.index("{", mapping.start) + 1
            yield self.text[:at] + pair + self.text[at:]

    def _opened(self, mapping: Mapping, key: str, value: Any) -> Iterator[str]:
        """An empty `{}` that stands in block context becomes a block mapping."""
        if self.text[mapping.start : mapping.end].replace(" ", "") != "{}":
            return
        line_start = self.line_start(mapping.start)
        before, stop = self.text[line_start : mapping.start], self.line_after(mapping.end)
        indent = 0 if mapping is self.root else _spaces(before) + self.step
        tail = self.text[mapping.end : stop]
        head = (before.rstrip() + tail) if before.strip() else tail.lstrip()
        for blocks in (True, False):
            lines = self._entry(key, value, indent=indent, flat=True, blocks=blocks)
            opened = self.text[:line_start] + head
            yield self._joined(opened, lines, self.text[stop:])

    def _appended(self, entries: MappingType[str, Any], *, indent: int, blocks: bool = True) -> str:
        lines: list[str] = []
        for key, value in entries.items():
            lines += self._entry(key, value, indent=indent, flat=True, blocks=blocks)
        return self._joined(self.text, lines, "")

    # --- replacing ---------------------------------------------------------------------------------------------

    def _replaced(self, key: Node, old: Node, name: str, value: Any, in_flow: bool) -> Iterator[str]:
        style = old.style if isinstance(old, Scalar) else ""
        if isinstance(value, list) and isinstance(old, Sequence) and old.flow:
            yield from flow_items_replaced(self.text, old, value)
        if in_flow:
            yield self._with_inline(key, old, formats.inline(value, key=name, style=style))
            yield self._with_inline(key, old, formats.inline(value, key=name, style='"'))
            return
        if isinstance(old, Scalar) and style not in ("|", ">") and not formats.has_multiline(value):
            yield self._with_inline(key, old, formats.inline(value, key=name, style=style))
        if isinstance(value, str):
            if formats.is_multiline(value) or (style in ("|", ">") and "\n" in value):
                block = formats.literal(value, indent=self.column(key), step=self.step)
                if block is not None:
                    yield self._with_body(key, old, block[0], block[1])
            if style in ("|", ">"):
                style = '"'
            yield self._with_body(key, old, formats.inline(value, key=name, style=style), [])
            yield self._with_body(key, old, formats.double_quoted(value), [])
            return
        if isinstance(value, list) and isinstance(old, Sequence) and not old.flow:
            yield from block_items_replaced(self, old, value)
        if isinstance(value, MappingType) and value:
            indent = self.column(key)
            flat = not (isinstance(old, Mapping) and not old.flow)
            for blocks in (True, False):
                first, *rest = self._entry(name, value, indent=indent, flat=flat, blocks=blocks)
                head = first[first.index(":", len(formats.inline(name)) + indent) + 1 :]
                yield self._with_body(key, old, head.strip(), rest)
        yield self._with_body(key, old, formats.inline(value, key=name), [])

    def _with_inline(self, key: Node, old: Node, new: str) -> str:
        """The old value's text replaced in its line."""
        if old.start == old.end:  # nothing was written: `key:`, or in flow only `key`
            colon = self.find_colon(key)
            if colon is None:
                return f"{self.text[: key.end]}: {new}{self.text[key.end :]}"
            return f"{self.text[:colon]} {new}{self.text[colon:]}"
        space = "" if self.text[old.start - 1] in " \t\n" else " "
        return self.text[: old.start] + space + new + self.text[old.end :]

    def _with_body(self, key: Node, old: Node, head: str, body: list[str]) -> str:
        """`head` after the key's colon, `body` as the lines below; the comment on the key's line stays."""
        colon = self.after_colon(key)
        stop = self.line_after(max(old.end, colon))
        if self.line_start(old.start) != self.line_start(colon):  # the old value begins below its key
            line_end = self.line_after(colon)
            tail, start = self.text[colon:line_end], self.line_start(old.start)
            between = self.text[line_end:start]
        else:
            header_end = (
                self.header_end(old) if isinstance(old, Scalar) and old.style in ("|", ">") else old.end
            )
            tail = self.text[max(header_end, colon) : self.line_after(max(header_end, colon))]
            between = ""
        if tail.strip() and not tail.lstrip().startswith("#"):
            raise CannotEdit("the line holds more than this value; edit the file by hand")
        ending = self.newline if tail.endswith("\n") or body else ""
        line = f"{self.text[:colon]} {head}".rstrip(" ") + tail.rstrip("\r\n") + ending
        return line + "".join(text + self.newline for text in body) + between + self.text[stop:]

    # --- removing ----------------------------------------------------------------------------------------------

    def _removed_from_flow(self, mapping: Mapping, found: tuple[Node, Node]) -> Iterator[str]:
        number = mapping.entries.index(found)
        start, stop = found[0].start, max(found[1].end, found[0].end)
        if number + 1 < len(mapping.entries):
            following = mapping.entries[number + 1][0].start
            comma = self.text.find(",", stop, following)
            after = self.blanks_after(comma + 1)
            if comma >= 0 and self.alone_on_lines(start, after):
                yield self.text[: self.line_start(start)] + self.text[self.line_after(after) :]
            yield self.text[:start] + self.text[after:]
            yield self.text[:start] + self.text[following:]
        elif number:
            previous = mapping.entries[number - 1][1].end
            if self.alone_on_lines(start, stop):
                line = self.line_start(start)
                yield self.text[:line] + self.text[self.line_after(stop) :]
            yield self.text[:previous] + self.text[stop:]
        else:
            inside = self.text[stop : mapping.end - 1].strip()
            if inside in ("", ","):
                yield self.text[: self.text.index("{", mapping.start) + 1] + self.text[mapping.end - 1 :]
            yield self.text[:start] + self.text[stop:]

    def blanks_after(self, position: int) -> int:
        while self.text[position : position + 1] in (" ", "\t"):
            position += 1
        return position

    def alone_on_lines(self, start: int, stop: int) -> bool:
        tail = self.text[stop : self.line_after(stop)].strip()
        return not self.text[self.line_start(start) : start].strip() and (not tail or tail.startswith("#"))

    # --- lines -------------------------------------------------------------------------------------------------

    def _entry(self, key: str, value: Any, *, indent: int, flat: bool, blocks: bool) -> list[str]:
        return formats.entry(key, value, indent=indent, step=self.step, flat=flat, blocks=blocks)

    def _with_lines(self, at: int, lines: list[str]) -> str:
        return self._joined(self.text[:at], lines, self.text[at:])

    def _joined(self, before: str, lines: list[str], after: str) -> str:
        if before and not before.endswith("\n"):
            before += self.newline
        return before + "".join(line + self.newline for line in lines) + after


def _nested(path: tuple[str, ...], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _spaces(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
