"""JSON: `[{"name": "web-1", "environment": "prod", "roles": ["web"], …}]`, or the same under "hosts"."""

import json
from collections.abc import Iterator
from typing import Any

from inventory.core.imports.csv_rows import COLUMNS
from inventory.core.imports.fields import RowBuilder, check_rows
from inventory.core.imports.groups import Located
from inventory.core.imports.plan import MAX_HOSTS, Findings, HostRow
from inventory.core.names import shown

_KEYS = (*COLUMNS, "variables")
_SPACE = " \t\r\n"


def read_json(text: str, findings: Findings) -> list[HostRow]:
    """One row for each object, located by the line on which the object begins."""
    builder = RowBuilder(findings)
    lines: dict[str, int] = {}
    rows: list[HostRow] = []
    try:
        for line, value in _objects(text):
            if len(rows) >= MAX_HOSTS:
                findings.problem(line, f"there are more than {MAX_HOSTS:,} hosts", "Import them in parts.")
                break
            row = _row(value, line, builder, findings)
            if row is None:
                continue
            if row.name in lines:
                findings.problem(
                    line, f"{row.name} is already on line {lines[row.name]}", "Keep one object for each host."
                )
            lines.setdefault(row.name, line)
            rows.append(row)
    except _NotJson as error:
        findings.problem(error.line, error.message, error.remedy)
        return []
    check_rows(rows, findings)
    return rows


class _NotJson(ValueError):
    def __init__(
        self, message: str, line: int, remedy: str = "Check commas, quotes and brackets there."
    ) -> None:
        super().__init__(message)
        self.message, self.line, self.remedy = message, line, remedy


def _objects(text: str) -> Iterator[tuple[int, Any]]:
    """Decode the items of the list one by one, so that each is known by its line."""
    whole = _decode(text, _skip(text, 0))[0]
    if isinstance(whole, dict) and isinstance(whole.get("hosts"), list) and len(whole) == 1:
        start = text.index("[", text.index('"hosts"') + len('"hosts"'))
    elif isinstance(whole, list):
        start = text.index("[")
    else:
        raise _NotJson(
            "this is not a list of hosts",
            1,
            'Write [{"name": …, "environment": …}], or the same under "hosts".',
        )
    index, line, counted = _skip(text, start + 1), 1, 0
    while text[index] != "]":
        line += text.count("\n", counted, index)
        counted = index
        value, index = _decode(text, index)
        yield line, value
        index = _skip(text, index)
        if text[index] == ",":
            index = _skip(text, index + 1)


def _decode(text: str, index: int) -> tuple[Any, int]:
    try:
        value, end = _DECODER.raw_decode(text, index)
    except json.JSONDecodeError as error:
        raise _NotJson(f"this is not JSON: {error.msg}", error.lineno) from None
    except RecursionError:
        raise _NotJson("this is nested too deeply", 0) from None
    except ValueError as error:
        raise _NotJson(f"this is not JSON: {error}", text.count("\n", 0, index) + 1) from None
    rest = _skip(text, end)
    if index == _skip(text, 0) and rest < len(text):
        raise _NotJson("something follows the end of the JSON", text.count("\n", 0, rest) + 1)
    return value, end


def _skip(text: str, index: int) -> int:
    while index < len(text) and text[index] in _SPACE:
        index += 1
    return index


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) < len(pairs):
        twice = next(key for key, _ in pairs if [other for other, _ in pairs].count(key) > 1)
        raise ValueError(f"{shown(twice)} is there twice in one object")
    return keys


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _row(value: Any, line: int, builder: RowBuilder, findings: Findings) -> HostRow | None:
    if not isinstance(value, dict):
        findings.problem(line, "a host is not an object", 'Write it as {"name": …, "environment": …}.')
        return None
    for key in value:
        if key not in _KEYS:
            findings.problem(line, f"{shown(key)} is not known", f"A host has {', '.join(_KEYS)}.")
    said = {key: Located(value[key], line) for key in _KEYS if value.get(key) is not None}
    name = builder.text("name", said.get("name")) or ""
    if not builder.name(name, line):
        return None
    environment = builder.word("environment", said.get("environment"))
    if environment is None:
        findings.problem(line, f"{name} has no environment", 'Add it, for instance "environment": "prod".')
    roles, variables = value.get("roles") or [], value.get("variables")
    if not isinstance(roles, list):
        findings.problem(line, "roles is not a list", 'Write "roles": ["web", "cache"], in order.')
        roles = []
    if variables is not None and not isinstance(variables, dict):
        findings.problem(line, "variables is not an object", 'Write "variables": {"name": "value"}.')
        variables = None
    transport, root = builder.transport(said.get("transport"), said.get("root"))
    return HostRow(
        name=name,
        environment=environment or "",
        roles=tuple(
            dict.fromkeys(filter(None, (builder.word("role", Located(role, line)) for role in roles)))
        ),
        line=line,
        team=builder.word("team", said.get("team")),
        address=builder.address(said.get("address")),
        port=builder.port(said.get("port")),
        user=builder.user(said.get("user")),
        transport=transport,
        root=root,
        credential=builder.text("credential", said.get("credential")),
        jump_host=builder.jump_host(name, transport, said.get("jump_host")),
        site=builder.word("site", said.get("site")),
        variables=None
        if variables is None
        else builder.variables({key: Located(item, line) for key, item in variables.items()}, line),
    )
