"""The way in: bytes and a format to an ImportPlan, or InventoryError with every problem."""

from collections.abc import Callable, Mapping
from pathlib import PurePath

from inventory.core.imports.ansible_ini import read_ini
from inventory.core.imports.ansible_rows import rows_from
from inventory.core.imports.ansible_yaml import read_yaml
from inventory.core.imports.csv_rows import read_csv
from inventory.core.imports.groups import GroupTree
from inventory.core.imports.json_rows import read_json
from inventory.core.imports.meaning import parse_mapping
from inventory.core.imports.plan import Findings, HostRow, ImportPlan

INI, YAML, CSV, JSON = "ansible-ini", "ansible-yaml", "csv", "json"
FORMATS = (INI, YAML, CSV, JSON)
MAX_BYTES = 8 * 1024 * 1024  # some 100,000 hosts; the YAML of it takes 15 seconds
_BY_SUFFIX = {".yml": YAML, ".yaml": YAML, ".csv": CSV, ".json": JSON}
_TREES: dict[str, Callable[[str, Findings], GroupTree]] = {INI: read_ini, YAML: read_yaml}
_ROWS: dict[str, Callable[[str, Findings], list[HostRow]]] = {CSV: read_csv, JSON: read_json}


def format_of(path: str) -> str:
    """The format that a file's name tells; without a telling suffix it is Ansible's INI, as with Ansible."""
    return _BY_SUFFIX.get(PurePath(path).suffix.lower(), INI)


def read_inventory(
    content: bytes | str, *, path: str, format: str | None = None, mapping: Mapping[str, str] | None = None
) -> ImportPlan:
    """Read one inventory file.

    `path` is only named in problems. `mapping` says what groups mean, {group: "role:web" | "environment:prod" |
    "team:payments" | "ignore" | "skip"}, over the names env_…, role_… and team_…; CSV and JSON have no groups.
    Raises ValueError for a format or mapping that is none, InventoryError for the file's own problems.
    """
    format = format or format_of(path)
    if format not in FORMATS:
        raise ValueError(f"{format!r} is not a format; the formats are {', '.join(FORMATS)}")
    meanings = parse_mapping(mapping or {})
    findings = Findings(path)
    text = _decode(content, findings)
    rows: list[HostRow] = []
    if not findings.problems:
        rows = (
            rows_from(_TREES[format](text, findings), meanings, findings)
            if format in _TREES
            else _ROWS[format](text, findings)
        )
    findings.check()
    return ImportPlan(path=path, format=format, rows=tuple(rows), notes=findings.all_notes())


def _decode(content: bytes | str, findings: Findings) -> str:
    if len(content) > MAX_BYTES:
        findings.problem(
            0, f"an inventory has at most {MAX_BYTES // 1024 // 1024} MiB", "Import it in parts."
        )
        return ""
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        findings.problem(line, "this is not UTF-8 text", "Save the file as UTF-8.")
        return ""
    if "\x00" in text:
        findings.problem(
            text.count("\n", 0, text.index("\x00")) + 1, "there is a NUL byte", "Save the file as plain text."
        )
    if text.lstrip().startswith("$ANSIBLE_VAULT;"):
        findings.problem(
            1,
            "the whole file is encrypted with ansible-vault",
            "Write a readable copy without secrets and import that; Foldback neither stores nor decrypts vault values.",
        )
    return text
