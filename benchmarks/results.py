"""What is kept of a run: a table for people, and `benchmarks/results/<group>.json` for whoever asks how it was measured."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.harness import Measure

FOLDER = Path(__file__).with_name("results")


def facts(*, seed: int) -> dict[str, Any]:
    """The machine, the day and the commit."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "seed": seed,
        "machine": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
        "load_before": round(os.getloadavg()[0], 2),
    }


def keep(group: str, about: Mapping[str, Any], measures: Iterable[Measure], *, folder: Path = FOLDER) -> Path:
    """Write the measures into the group's file; keys that were not measured now stay as they were."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{group}.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for measure in measures:
        known[measure.key] = told(measure) | dict(about)
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    return path


def told(measure: Measure) -> dict[str, Any]:
    if measure.skipped:
        return {"skipped": measure.skipped}
    return {
        "measured": measure.value,
        "unit": measure.unit,
        "reach": measure.reach,
        "ok": measure.ok,
        "runs": [float(f"{run:.6g}") for run in measure.runs],
        **({"details": dict(measure.details)} if measure.details else {}),
    }


def table(measures: Iterable[Measure]) -> str:
    """Key, what was measured, its reach, and whether it is within it."""
    words = {True: "yes", False: "NO", None: "–"}
    rows = [("key", "measured", "reach", "ok?")]
    for one in measures:
        value = (
            f"{one.value:.3g} {one.unit}".strip() if one.value is not None else f"not measured: {one.skipped}"
        )
        rows.append((one.key, value, one.reach or "–", words[one.ok]))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    root = Path(__file__).parents[1]
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True
    )
    return done.stdout.strip()
