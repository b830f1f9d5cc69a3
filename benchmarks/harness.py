"""What a benchmark is, and what it may ask for. It is a function, and a line in `BENCHMARKS` below:

    def evaluate(bench: Bench) -> None:
        runs = [timed(lambda: …) for _ in range(bench.repeats)]
        bench.record("evaluate_s", runs, most=5, unit="s")

`make bench ONLY=scan` runs all of the group, `ONLY=scan.evaluate` this one. Each runs in a process of its own, with
Django set up. With `engines` there are PostgreSQL and Valkey of its own, durable as in production, with an empty
migrated database; the service's programs are started by the benchmark (`bench.programs`).
"""

import importlib
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.programs import Programs

REPEATS = 3


@dataclass(frozen=True)
class Measure:
    """One number. `runs` are what it is the median of; `most` or `least` is the reach; `skipped` says why there is none."""

    key: str
    runs: tuple[float, ...] = ()
    most: float | None = None
    least: float | None = None
    unit: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    skipped: str = ""

    @property
    def value(self) -> float | None:
        return statistics.median(self.runs) if self.runs else None

    @property
    def ok(self) -> bool | None:
        """Whether it is within reach; None where there is nothing to say."""
        if self.value is None or (self.most is None and self.least is None):
            return None
        return (self.most is None or self.value <= self.most) and (
            self.least is None or self.value >= self.least
        )

    @property
    def reach(self) -> str:
        bounds = [
            f"≤ {self.most:g}" if self.most is not None else "",
            f"≥ {self.least:g}" if self.least is not None else "",
        ]
        return " ".join(filter(None, bounds))


class Bench:
    """Given to a benchmark. `folder` is a temporary directory of its own, `seed` decides whatever is random."""

    def __init__(
        self, folder: Path, *, seed: int, repeats: int = REPEATS, options: Mapping[str, str] | None = None
    ) -> None:
        self.folder, self.seed, self.repeats = folder, seed, max(3, repeats)
        self.options = dict(options or {})
        self.random = random.Random(seed)
        self.measures: list[Measure] = []
        self._began = time.monotonic()

    @property
    def programs(self) -> "Programs":
        """Starts and ends the service's programs."""
        from benchmarks.programs import Programs

        return Programs(self.folder)

    def option(self, name: str, default: int) -> int:
        """A size that may be given on the command line (`HOSTS=500`), for a short try."""
        return int(self.options.get(name, default))

    def say(self, text: str) -> None:
        """Progress, for a person who waits."""
        print(f"  {time.monotonic() - self._began:6.0f} s  {text}", flush=True)

    def record(
        self,
        key: str,
        runs: Sequence[float],
        /,
        *,
        most: float | None = None,
        least: float | None = None,
        unit: str = "",
        **details: Any,
    ) -> Measure:
        """What was measured; the median of `runs` counts. `details` are kept beside it."""
        measure = Measure(key, tuple(map(float, runs)), most, least, unit, details)
        self.measures.append(measure)
        self.say(f"{key}: {measure.value:.4g} {unit}".rstrip())
        return measure

    def skip(self, key: str, why: str) -> None:
        """It can't be measured here."""
        self.measures.append(Measure(key, skipped=why))
        self.say(f"{key}: not measured: {why}")


@dataclass(frozen=True)
class Benchmark:
    """`function` as "module:name"; the module is only imported in the process that runs it."""

    name: str
    function: str
    engines: bool = False

    @property
    def group(self) -> str:
        return self.name.partition(".")[0]

    def run(self, bench: Bench) -> None:
        module, _, name = self.function.partition(":")
        getattr(importlib.import_module(module), name)(bench)


BENCHMARKS = (
    Benchmark("scan.fleet", "benchmarks.scan_fleet:scan_fleet", engines=True),
    Benchmark("scan.evaluate", "benchmarks.evaluate:evaluate_fleet", engines=True),
    Benchmark("scan.host", "benchmarks.scan_host:scan_host"),
    Benchmark("scan.peers", "benchmarks.scan_peers:scan_peers"),
    Benchmark("scan.resources", "benchmarks.scan_resources:scan_resources"),
    Benchmark("api.filing", "benchmarks.api_filing:file_changes", engines=True),
    Benchmark("api.lists", "benchmarks.api_lists:list_changes", engines=True),
    Benchmark("api.command", "benchmarks.api_command:log_by_command", engines=True),
    Benchmark("crash", "benchmarks.crash:crash", engines=True),
)


def timed(action: Callable[[], object]) -> float:
    """How many seconds it takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
