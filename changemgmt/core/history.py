"""A table of changes from another system (CSV), read into rows; what can't be used is told with its line."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

COLUMNS = (
    "external_id", "title", "description", "reason", "kind", "owner", "happened_at", "hosts", "resources", "ticket",
    "plan", "backout",
)  # fmt: skip
NEEDED = ("external_id", "title", "happened_at")
MAX_ROWS = 20_000
MAX_BYTES = 9_000_000
MAX_PROBLEMS = 200


@dataclass(frozen=True)
class Problem:
    """`line` counts from 1; 0 is the whole file."""

    line: int
    detail: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.detail}" if self.line else self.detail


@dataclass(frozen=True)
class HistoryRow:
    """One change as it was told: `cells` has the columns that are not empty, but for the time."""

    line: int
    happened_at: datetime  # in UTC
    cells: Mapping[str, str]

    def names(self, column: str) -> list[str]:
        """Of `hosts`: words; of `resources`, which may hold spaces: parts between semicolons or line breaks."""
        text = self.cells.get(column, "")
        if column == "hosts":
            return text.replace(",", " ").replace(";", " ").split()
        return [part.strip() for part in text.replace("\n", ";").split(";") if part.strip()]


@dataclass
class History:
    rows: list[HistoryRow] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)  # columns of the file that mean nothing here
    problems: list[Problem] = field(default_factory=list)

    def problem(self, line: int, detail: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(line, detail))


def read_history(
    content: bytes, *, columns: Mapping[str, str] | None = None, timezone: str = "UTC"
) -> History:
    """Rows of a CSV with a header line, or every problem. Never raises for what a file may hold.

    `columns` says what the file's own columns mean here (`{"number": "external_id"}`); others go by their name, in any
    case, and the rest is left out. A time without an offset is one of `timezone`.
    """
    history = History()
    if timezone not in available_timezones():
        history.problem(0, f"{timezone[:60]!r} is no time zone: say Europe/Berlin, or UTC")
        return history
    if len(content) > MAX_BYTES:
        history.problem(0, f"more than {MAX_BYTES // 1_000_000} MB: import it in parts")
        return history
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        history.problem(content[: error.start].count(b"\n") + 1, "this is not UTF-8: save the file as UTF-8")
        return history
    if "\0" in text:
        history.problem(text[: text.index("\0")].count("\n") + 1, "this holds a NUL character: it is no text")
        return history
    try:
        _read(text, columns or {}, ZoneInfo(timezone), history)
    except csv.Error as error:
        history.problem(0, f'this is not CSV: {error}. A value with a comma is in quotes, "" is a quote')
    return history


def _read(text: str, columns: Mapping[str, str], zone: ZoneInfo, history: History) -> None:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)  # as spreadsheets of different countries write it
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    header = _header([name.strip() for name in next(reader, [])], columns, history)
    if history.problems:
        return
    lines: dict[str, int] = {}
    before = reader.line_num
    for cells in reader:
        line, before = before + 1, reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if len(history.rows) >= MAX_ROWS:
            history.problem(line, f"more than {MAX_ROWS:,} changes: import them in parts")
            return
        if len(cells) != len(header):
            history.problem(line, f"{len(cells)} values in {len(header)} columns")
            continue
        told = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if name and cell.strip()}
        if missing := [name for name in NEEDED if name not in told]:
            history.problem(line, f"no {' and no '.join(missing)}")
            continue
        at = _moment(told.pop("happened_at"), zone)
        if at is None:
            history.problem(line, "happened_at is no time: write 2026-03-01 03:12, or 2026-03-01T03:12:00Z")
            continue
        if (earlier := lines.setdefault(told["external_id"], line)) != line:
            history.problem(
                line, f"the external_id {told['external_id'][:60]!r} is there already, in line {earlier}"
            )
            continue
        history.rows.append(HistoryRow(line, at, told))


def _header(names: list[str], columns: Mapping[str, str], history: History) -> list[str]:
    """What each column means here, "" for what is left out."""
    if wrong := sorted(set(columns.values()) - set(COLUMNS)):
        history.problem(0, f"{', '.join(wrong)[:200]}: no such column here. There are {', '.join(COLUMNS)}")
    if absent := sorted(set(columns) - set(names)):
        history.problem(
            1, f"the file has no column {', '.join(absent)[:200]}; it has {', '.join(names)[:500]}"
        )
    mapped = set(columns.values())
    header = []
    for name in names:
        plain = name.lower()
        meaning = columns.get(name, plain if plain in COLUMNS and plain not in mapped else "")
        if meaning and meaning in header:
            history.problem(1, f"two columns mean {meaning}")
        if not meaning:
            history.ignored.append(name)
        header.append(meaning)
    if missing := [name for name in NEEDED if name not in header]:
        history.problem(
            1, f"no column {' and no column '.join(missing)}: name it so, or say which column means it"
        )
    return header


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)
    except (OverflowError, ValueError):
        return None
