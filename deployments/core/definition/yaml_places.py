"""A YAML text, its tree, and where lines, entries and values begin and end in it."""

import re
from collections.abc import Iterator

from deployments.core.definition.yaml_tree import Alias, CannotEdit, Mapping, Node, Scalar, Sequence

_TAIL = re.compile(r"[ \t]*(?:#[^\n]*)?\r?\n?")
_COLON = re.compile(r"[ \t]*:")
_BLOCK_HEADER = re.compile(r"[^\n|>]*[|>][-+0-9]*")


class Places:
    """One text with its tree, asked about positions."""

    def __init__(self, text: str, root: Node | None) -> None:
        self.text = text
        self.root = None if isinstance(root, Scalar) and root.is_null and root.start == root.end else root
        self.newline = "\r\n" if "\r\n" in text and text.count("\r\n") * 2 >= text.count("\n") else "\n"
        self.step = self._step()

    def refuse_shared(self, path: tuple[str, ...]) -> None:
        """Raise CannotEdit when an anchor, alias, merge key or tag on the way makes the edit reach further."""
        node, where = self.root, ""
        for key in (*path, None):
            here = where.removesuffix(" → ") or "the file"
            if isinstance(node, Alias):
                raise CannotEdit(f"{here} is an alias (*{node.name}) of another place; edit the file by hand")
            if node is not None and node.anchor:
                raise CannotEdit(
                    f"{here} carries the anchor &{node.anchor}, which other places may share; edit the file by hand"
                )
            if isinstance(node, Mapping) and node.has_merge_key:
                raise CannotEdit(
                    f"{here} takes values from another place by a merge key (<<); edit the file by hand"
                )
            found = node.entry(key) if key is not None and isinstance(node, Mapping) else None
            if found is None or key is None:
                return
            if found[0].anchor:
                raise CannotEdit(f"{where}{key} carries an anchor; edit the file by hand")
            node, where = found[1], f"{where}{key} → "

    def lines_of(self, key: Node, value: Node) -> tuple[int, int]:
        """From the start of the key's line to the start of the line after the value's last."""
        start, stop = self.line_start(key.start), max(value.end, self.after_colon(key))
        if self.text[start : key.start].strip(" "):
            raise CannotEdit("the entry does not stand on lines of its own; edit the file by hand")
        tail = _TAIL.match(self.text, stop)
        if tail is None or (tail.end() < len(self.text) and self.text[tail.end() - 1] != "\n"):
            raise CannotEdit("the entry does not stand on lines of its own; edit the file by hand")
        return start, tail.end()

    def after_colon(self, key: Node) -> int:
        colon = self.find_colon(key)
        if colon is None:
            raise CannotEdit(
                "the key is written in a way that can't be edited (`? key`); edit the file by hand"
            )
        return colon

    def find_colon(self, key: Node) -> int | None:
        """The position after the colon of a key; None where a key in `{…}` has none."""
        match = _COLON.match(self.text, key.end)
        return match.end() if match else None

    def header_end(self, scalar: Scalar) -> int:
        match = _BLOCK_HEADER.match(self.text, scalar.start)
        return match.end() if match else scalar.start

    def line_start(self, position: int) -> int:
        return self.text.rfind("\n", 0, position) + 1

    def line_after(self, position: int) -> int:
        end = self.text.find("\n", position)
        return len(self.text) if end < 0 else end + 1

    def column(self, node: Node) -> int:
        return node.start - self.line_start(node.start)

    def is_block_position(self, mapping: Mapping) -> bool:
        return mapping is self.root or not any(
            node.flow and node.start < mapping.start < node.end for node in _collections(self.root)
        )

    def last_is_block(self, mapping: Mapping) -> bool:
        values = [value for _, value in mapping.entries if isinstance(value, Mapping) and value.entries]
        return bool(values) and not (isinstance(values[-1], Mapping) and values[-1].flow)

    def _step(self) -> int:
        """How much deeper a nested key stands, as the file does it; two columns where it doesn't show."""
        if isinstance(self.root, Mapping) and not self.root.flow:
            for _, value in self.root.entries:
                if isinstance(value, Mapping) and not value.flow and value.entries:
                    column = self.column(value.entries[0][0]) - self.column(self.root.entries[0][0])
                    return min(max(column, 1), 8)
        return 2


def _collections(root: Node | None) -> Iterator[Mapping | Sequence]:
    if isinstance(root, Mapping):
        yield root
        for _, value in root.entries:
            yield from _collections(value)
    elif isinstance(root, Sequence):
        yield root
        for item in root.items:
            yield from _collections(item)
