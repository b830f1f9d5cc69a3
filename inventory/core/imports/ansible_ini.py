"""Ansible's INI inventory, read line by line as Ansible does, but telling every problem and not the first."""

import ast
import re
import shlex
import warnings
from typing import Any

from inventory.core.imports.groups import GroupTree, Located
from inventory.core.imports.host_ranges import HostPatternError, expand_hosts
from inventory.core.imports.plan import Findings
from inventory.core.names import shown

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_GROUP_NAME = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
_MAX_VALUE = 64 * 1024


def read_ini(text: str, findings: Findings) -> GroupTree:
    """The tree of a whole file; problems go to `findings`, and the line they are on is left out."""
    return _Reader(findings).read(text)


class _Reader:
    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._tree = GroupTree()
        self._group = "ungrouped"
        self._kind = "hosts"
        self._declared: set[str] = {"all", "ungrouped"}
        self._wanted: dict[
            str, tuple[int, str]
        ] = {}  # group → where it was first used without being declared

    def read(self, text: str) -> GroupTree:
        self._tree.group("all", 1)
        self._tree.group("ungrouped", 1)
        for number, raw in enumerate(text.splitlines(), 1):
            line = raw.strip()
            if line and line[0] not in "#;":
                self._line(line, number)
            if self._tree.overflow:
                return self._tree
        for name, (number, use) in self._wanted.items():
            if name not in self._declared:
                self._findings.problem(
                    number,
                    f"{use} the group {name}, which is nowhere declared",
                    f"Add a section [{name}], or mend the name.",
                )
        return self._tree

    def _line(self, line: str, number: int) -> None:
        section = _SECTION.fullmatch(line)
        if section:
            self._start_section(section[1], section[2] or "hosts", number)
        elif line.startswith("[") and line.endswith("]"):
            self._findings.problem(
                number,
                f"{shown(line)} is not a section",
                "Write [group], [group:vars] or [group:children], without spaces.",
            )
            self._kind = "unknown"
        elif self._kind == "hosts":
            self._host_line(line, number)
        elif self._kind == "vars":
            self._variable_line(line, number)
        elif self._kind == "children":
            self._child_line(line, number)

    def _start_section(self, group: str, kind: str, number: int) -> None:
        self._group, self._kind = group, kind
        if kind not in {"hosts", "vars", "children"}:
            self._findings.problem(
                number,
                f"[{group}:{kind}] is not a kind of section",
                "Write [group], [group:vars] or [group:children].",
            )
            self._kind = "unknown"
            return
        self._tree.group(group, number)
        if kind == "vars":
            self._wanted.setdefault(group, (number, f"[{group}:vars] belongs to"))
        else:
            self._declared.add(group)

    def _host_line(self, line: str, number: int) -> None:
        try:
            tokens = shlex.split(line, comments=True)
        except ValueError as error:
            self._findings.problem(
                number,
                f"the quotes don't match ({error})",
                "Close the quote, or put the whole value into quotes.",
            )
            return
        if tokens[0] == "---":
            self._findings.problem(number, "this is a YAML file", "Import it with the format ansible-yaml.")
            self._kind = "unknown"
            return
        try:
            names, port = expand_hosts(tokens[0])
        except HostPatternError as error:
            self._findings.problem(number, error.message, error.remedy)
            return
        values = {} if port is None else {"ansible_port": Located(port, number)}
        for token in tokens[1:]:
            name, equals, value = token.partition("=")
            if not (equals and name):
                self._findings.problem(
                    number,
                    f"{shown(token)} is not a variable",
                    "Write name=value after the host, with quotes around spaces.",
                )
                continue
            values[name] = Located(self._value(value, number), number)
        self._tree.add_hosts(names, self._group, number, values)

    def _variable_line(self, line: str, number: int) -> None:
        name, equals, value = (part.strip() for part in line.partition("="))
        if not (equals and name):
            self._findings.problem(
                number,
                f"{shown(line)} is not a variable",
                f"Under [{self._group}:vars] write name=value, one a line.",
            )
            return
        self._tree.group(self._group, number).variables[name] = Located(self._value(value, number), number)

    def _child_line(self, line: str, number: int) -> None:
        match = _GROUP_NAME.fullmatch(line)
        if not match:
            self._findings.problem(
                number,
                f"{shown(line)} is not a group",
                f"Under [{self._group}:children] write one group a line.",
            )
            return
        self._wanted.setdefault(match[1], (number, f"[{self._group}:children] has"))
        self._tree.group(match[1], number).parents.setdefault(self._group, number)

    def _value(self, text: str, number: int) -> Any:
        """A Python literal where it is one (8080, True, "a b", [1, 2]), the text itself otherwise, as Ansible reads it."""
        if len(text) > _MAX_VALUE:
            self._findings.problem(
                number,
                f"a value is longer than {_MAX_VALUE:,} characters",
                "Move it into a file of the definition.",
            )
            return ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                value = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return text
        return _plain(value, text)


def _plain(value: Any, text: str) -> Any:
    """JSON in place of Python's other literals; what JSON has no word for stays the text that was written."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case set():
            return sorted((_plain(item, str(item)) for item in value), key=str)
        case list() | tuple():
            return [_plain(item, str(item)) for item in value]
        case dict():
            return {str(key): _plain(item, str(item)) for key, item in value.items()}
    return text
