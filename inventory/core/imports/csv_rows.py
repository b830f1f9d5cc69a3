"""CSV with a header line: `name,environment,roles,team,address,port,user,transport,root,credential,jump_host,
site,var:…`."""

import csv
import io

from inventory.core.imports.fields import RowBuilder, check_rows
from inventory.core.imports.groups import Located
from inventory.core.imports.plan import MAX_HOSTS, Findings, HostRow
from inventory.core.names import shown

COLUMNS = (
    "name",
    "environment",
    "roles",
    "team",
    "address",
    "port",
    "user",
    "transport",
    "root",
    "credential",
    "jump_host",
    "site",
)
_NEEDED = ("name", "environment")
_VARIABLE = "var:"


def read_csv(text: str, findings: Findings) -> list[HostRow]:
    """One row a line. An empty cell says nothing; roles are separated by spaces or semicolons, in order."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [column.strip() for column in next(reader, [])]
        if not _check_header(header, findings):
            return []
        rows = _rows(reader, header, findings)
    except csv.Error as error:
        findings.problem(
            reader.line_num,
            f"this is not CSV: {error}",
            'Put quotes around a value with a comma, "" for a quote.',
        )
        return []
    check_rows(rows, findings)
    return rows


def _check_header(header: list[str], findings: Findings) -> bool:
    if len(header) == 1 and ";" in header[0]:
        findings.problem(1, "the columns are separated by semicolons", "Save the file with commas.")
        return False
    known = True
    for column in header:
        if column not in COLUMNS and not column.startswith(_VARIABLE):
            findings.problem(
                1,
                f"the column {shown(column)} is not known",
                f"The columns are {', '.join(COLUMNS)}; a variable's column is called var:NAME.",
            )
            known = False
    for column in sorted({column for column in header if header.count(column) > 1}):
        findings.problem(1, f"the column {shown(column)} is there twice", "Remove one of them.")
        known = False
    for column in _NEEDED:
        if column not in header:
            findings.problem(
                1,
                f"there is no column {column!r}",
                f"Begin the file with a line such as {','.join(COLUMNS[:4])}.",
            )
            known = False
    return known


def _rows(reader: "csv._reader", header: list[str], findings: Findings) -> list[HostRow]:  # type: ignore[name-defined]
    builder = RowBuilder(findings)
    lines: dict[str, int] = {}
    rows: list[HostRow] = []
    before = reader.line_num
    for cells in reader:
        line, before = before + 1, reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            findings.problem(
                line,
                f"this line has {len(cells)} cells, and the header {len(header)}",
                "Check its commas and quotes.",
            )
            continue
        if len(rows) >= MAX_HOSTS:
            findings.problem(line, f"there are more than {MAX_HOSTS:,} hosts", "Import them in parts.")
            break
        said = {
            column: Located(cell.strip(), line)
            for column, cell in zip(header, cells, strict=True)
            if cell.strip()
        }
        row = _row(said, line, builder, findings, any(column.startswith(_VARIABLE) for column in header))
        if row is None:
            continue
        if row.name in lines:
            findings.problem(
                line, f"{row.name} is already on line {lines[row.name]}", "Keep one line for each host."
            )
        lines.setdefault(row.name, line)
        rows.append(row)
    return rows


def _row(
    said: dict[str, Located], line: int, builder: RowBuilder, findings: Findings, has_variables: bool
) -> HostRow | None:
    name = said["name"].value if "name" in said else ""
    if not builder.name(name, line):
        return None
    environment = builder.word("environment", said.get("environment"))
    if environment is None:
        findings.problem(line, f"{name} has no environment", "Fill in its cell, for instance with prod.")
    roles = said["roles"].value.replace(";", " ").split() if "roles" in said else []
    transport, root = builder.transport(said.get("transport"), said.get("root"))
    variables = {
        column.removeprefix(_VARIABLE): located
        for column, located in said.items()
        if column.startswith(_VARIABLE)
    }
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
        variables=builder.variables(variables, line) if has_variables else None,
    )
