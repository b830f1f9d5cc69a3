"""How a bar is divided among verdicts, in per cent: none that is there may vanish, however few it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from web.core.words import VERDICT_ORDER

WIDTH = 100
# Each that occurs at all gets this much of the bar.
_LEAST = 0.8


@dataclass(frozen=True, slots=True)
class Part:
    """A verdict's piece of the bar: its start and width in per cent, and its count."""

    verdict: str
    count: int
    start: float
    width: float

    @property
    def tone(self) -> str:
        return self.verdict.replace("_", "-")


def parts(
    counts: Mapping[str, int], order: Sequence[str] = VERDICT_ORDER, least: float = _LEAST
) -> list[Part]:
    """Pieces in this order; what doesn't occur is left out, and none that does has less than `least`. Widths add up to
    `WIDTH`."""
    present = [(name, counts[name]) for name in order if counts.get(name, 0) > 0]
    present += [(name, count) for name, count in counts.items() if name not in order and count > 0]
    total = sum(count for _, count in present)
    if not total:
        return []
    small = {name for name, count in present if count * WIDTH < least * total}
    rest = sum(count for name, count in present if name not in small)
    room = WIDTH - least * len(small)
    result: list[Part] = []
    start = 0.0
    for name, count in present:
        width = least if name in small else room * count / rest
        result.append(Part(name, count, round(start, 2), round(width, 2)))
        start += width
    return result
