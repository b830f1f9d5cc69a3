"""A month on a calendar: its weeks and days, and what lies on each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

DAY = timedelta(days=1)
SHOWN = 4  # entries of one day; the list below has all
_YEARS_AWAY = 12


@dataclass(frozen=True)
class Entry:
    """A freeze, maintenance or a planned change: `kind` draws it, `hosts` says where."""

    kind: str  # "freeze", "maintenance" or "change"
    reference: str
    title: str
    url: str
    state: str
    hosts: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Piece:
    """The part of an entry that lies on one day; `begins` and `ends` there, or goes on from or to another day."""

    entry: Entry
    begins: bool
    ends: bool

    @property
    def times(self) -> str:
        """When on this day, in a few characters: `18:00–20:00`, `from 18:00`, `to 08:00`, or nothing for all of it."""
        start, end = f"{self.entry.starts_at:%H:%M}", f"{self.entry.ends_at:%H:%M}"
        if self.begins and self.ends:
            return "" if start == end == "00:00" else f"{start}–{'24:00' if end == '00:00' else end}"
        if self.begins:
            return "" if start == "00:00" else f"from {start}"
        return f"to {end}" if self.ends and end != "00:00" else ""


@dataclass(frozen=True)
class Day:
    date: date
    in_month: bool
    is_today: bool
    pieces: list[Piece]

    @property
    def shown(self) -> list[Piece]:
        return self.pieces if len(self.pieces) <= SHOWN else self.pieces[: SHOWN - 1]

    @property
    def more(self) -> int:
        return len(self.pieces) - len(self.shown)

    @property
    def is_frozen(self) -> bool:
        return any(piece.entry.kind == "freeze" for piece in self.pieces)


@dataclass(frozen=True)
class Month:
    """`first` is its first day; days are days of UTC."""

    first: date

    @property
    def starts_at(self) -> datetime:
        return datetime(self.first.year, self.first.month, 1, tzinfo=UTC)

    @property
    def ends_at(self) -> datetime:
        return self.after.starts_at

    @property
    def after(self) -> "Month":
        return Month((self.first + 31 * DAY).replace(day=1))

    @property
    def before(self) -> "Month":
        return Month((self.first - DAY).replace(day=1))

    @property
    def key(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def name(self) -> str:
        return f"{self.first:%B %Y}"

    @property
    def first_shown(self) -> date:
        """The Monday of its first week."""
        return self.first - self.first.weekday() * DAY

    @property
    def last_shown(self) -> date:
        """The Sunday of its last week."""
        last = self.after.first - DAY
        return last + (6 - last.weekday()) * DAY


def month_of(text: str, today: date) -> Month:
    """`2026-11`; what can't be read, or is more than twelve years away, means this month."""
    this = Month(today.replace(day=1))
    try:
        asked = Month(date.fromisoformat(f"{text}-01"))
    except ValueError:
        return this
    return asked if abs(asked.first.year - today.year) <= _YEARS_AWAY else this


def weeks_of(month: Month, entries: Iterable[Entry], today: date) -> list[list[Day]]:
    """Its weeks from Monday to Sunday, whole ones, with the entries that touch each day in the order they begin."""
    by_day: dict[date, list[Piece]] = {}
    for entry in sorted(entries, key=lambda one: (one.kind != "freeze", one.starts_at, one.reference)):
        for piece_date in _days(entry, month):
            midnight = datetime(piece_date.year, piece_date.month, piece_date.day, tzinfo=UTC)
            begins, ends = entry.starts_at >= midnight, entry.ends_at <= midnight + DAY
            by_day.setdefault(piece_date, []).append(Piece(entry, begins, ends))
    days = [
        Day(
            day,
            (day.year, day.month) == (month.first.year, month.first.month),
            day == today,
            by_day.get(day, []),
        )
        for day in (
            month.first_shown + offset * DAY
            for offset in range((month.last_shown - month.first_shown).days + 1)
        )
    ]
    return [days[index : index + 7] for index in range(0, len(days), 7)]


def _days(entry: Entry, month: Month) -> Iterable[date]:
    """The days that are shown and that it touches; one that ends at midnight doesn't touch the day that begins."""
    first = max(entry.starts_at.date(), month.first_shown)
    last = min(max(entry.starts_at, entry.ends_at - timedelta(microseconds=1)).date(), month.last_shown)
    return (first + offset * DAY for offset in range((last - first).days + 1))
