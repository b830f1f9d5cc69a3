"""How much of the fleet was looked at over the last days, as columns of a chart; the table beside it has the same."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from drift.core.coverage import floor
from drift.models import CoverageSample
from drift.queries.fleet import Coverage
from web.core import spread, words
from web.core.sentences import share

DAYS = 7
STEP = timedelta(hours=6)
# A piece of a column that is there at all is this many per cent high.
_LEAST = 4.0
# So that no gap shows between columns but where nothing was sampled.
_OVERLAP = 0.2
PARTS = tuple(words.COVERAGE)


@dataclass(frozen=True)
class Piece:
    """Of one column, in per cent of the chart, from the top."""

    tone: str
    top: float
    height: float


@dataclass(frozen=True)
class Column:
    """One moment; `counts` is empty where nothing was sampled: a gap. `left` and `width` are in per cent."""

    at: datetime
    left: float
    width: float
    counts: dict[str, int]
    pieces: list[Piece]

    @property
    def hosts(self) -> int:
        return sum(self.counts.values())

    @property
    def told(self) -> str:
        """For whoever points at it."""
        seen = self.counts["fresh"] + self.counts["partial"]
        missed = [
            f"{self.counts[name]:,} {words.COVERAGE[name].label}" for name in PARTS[2:] if self.counts[name]
        ]
        when = self.at.strftime("%d %b %H:%M UTC")
        return "; ".join([f"{when}: {share(seen, self.hosts, 'host')} looked at", *missed])


@dataclass(frozen=True)
class Chart:
    columns: list[Column]
    now: dict[str, int]

    @property
    def is_telling(self) -> bool:
        """One column is no development."""
        return sum(bool(column.hosts) for column in self.columns) > 1

    @property
    def rows(self) -> list[Column]:
        """For the table, the latest first."""
        return [column for column in reversed(self.columns) if column.hosts]


def coverage_chart(standing: Coverage, *, now: datetime) -> Chart:
    """The last sample of each six hours, and how things stand now; one query of some hundred short rows."""
    first, last = floor(now - timedelta(days=DAYS), STEP) + STEP, floor(now, STEP)
    latest: dict[datetime, CoverageSample] = {}
    for sample in CoverageSample.objects.filter(slot__gte=first, slot__lte=now).order_by("slot"):
        latest[floor(sample.slot, STEP)] = sample
    steps = [first + STEP * n for n in range((last - first) // STEP + 1)]
    width = 100 / len(steps)
    columns = []
    for number, at in enumerate(steps):
        kept = latest.get(at)
        if at == last:
            counts, moment = _counts(standing), now
        else:
            counts, moment = (_counts(kept), kept.slot) if kept else ({}, at)
        left = round(number * width, 3)
        columns.append(Column(moment, left, round(width + _OVERLAP, 3), counts, _pieces(counts)))
    return Chart(columns, _counts(standing))


def _counts(of: Coverage | CoverageSample) -> dict[str, int]:
    return {name: getattr(of, name) for name in PARTS}


def _pieces(counts: dict[str, int]) -> list[Piece]:
    """Stacked from the foot: what was looked at first."""
    return [
        Piece(words.COVERAGE[part.verdict].tone, round(100 - part.start - part.width, 2), part.width)
        for part in spread.parts(counts, PARTS, _LEAST)
    ]
