"""python -m benchmarks [ONLY …] [NAME=VALUE …]: run benchmarks, print a table, keep the results.

ONLY is a group ("scan") or one of its benchmarks ("scan.fleet"); without any, all are run. NAME=VALUE gives a size for
a short try (HOSTS=500), whose results are then printed and not kept. SEED=… repeats a run; REPEATS=… takes more of them.
"""

import contextlib
import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import BENCHMARKS, Bench, Benchmark, Measure
from benchmarks.results import facts, keep, table
from config.child import signal_when_parent_dies
from config.engines import child_command

CHECKOUT = Path(__file__).resolve().parents[1]
_ONE = "--one"
_NOT_SIZES = ("SEED", "REPEATS")


def main() -> int:
    if sys.argv[1:2] == [_ONE]:
        return run_one(*sys.argv[2:4])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    names = [word for word in sys.argv[1:] if "=" not in word]
    chosen = [one for one in BENCHMARKS if not names or {one.group, one.name} & set(names)]
    if not chosen:
        print(
            f"There is no benchmark {' '.join(names)}; there are {', '.join(one.name for one in BENCHMARKS)}.",
            file=sys.stderr,
        )
        return 2
    seed = int(options.get("SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed {seed}", flush=True)
    short = any(name not in _NOT_SIZES for name in options)
    failed = False
    measured: dict[str, list[Measure]] = {}
    for one in chosen:
        print(f"{one.name} …", flush=True)
        about = facts(seed=seed)
        measures = run_apart(one, {**options, "SEED": str(seed)})
        failed = failed or measures is None
        measured.setdefault(one.group, []).extend(measures or ())
        if not short and measures:
            keep(one.group, about, measures)
    for group, all_of_it in measured.items():
        print(f"\n{group}\n{table(all_of_it)}")
    if short:
        print("\nNot the sizes that are asked for: the results were not kept.")
    return 1 if failed else 0


def run_apart(one: Benchmark, options: dict[str, str]) -> list[Measure] | None:
    """In a process of its own, with engines of its own where it wants them. None where it broke."""
    with prepared(one) as (folder, environment):
        out = folder / "measures"
        child = subprocess.Popen(
            child_command(
                command=(
                    sys.executable,
                    *("-m", "benchmarks", _ONE, one.name),
                    json.dumps(options | {"OUT": str(out)}),
                )
            ),
            cwd=CHECKOUT,
            env=environment,
        )
        try:
            status = child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise
        rows = json.loads(out.read_text()) if out.exists() else []
        measures = [Measure(**row) for row in rows]
    if status:
        print(f"{one.name} broke (exit status {status})", file=sys.stderr)
    return measures if measures or not status else None


@contextlib.contextmanager
def prepared(one: Benchmark) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder, and the environment of a service whose engines run."""
    from config.data_dir import DataDir
    from config.service import Service

    folder = Path(tempfile.mkdtemp(prefix="foldback-bench-"))
    try:
        if not one.engines:
            yield folder, os.environ | {"FOLDBACK_ENV": "test"}
            return
        with DataDir.hold(folder / "data") as data, Service(data, temporary=True, say=_say) as service:
            service.start_engines()
            service.environment |= {"FOLDBACK_URL": "http://localhost", "FOLDBACK_ALLOWED_HOSTS": "localhost"}
            service.start_supervisor()
            service.prepare_database()
            yield folder, service.environment
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _say(text: str) -> None:
    print(f"          {text}", flush=True)


def run_one(name: str, given: str) -> int:
    """The child: set up Django, run the benchmark, hand back what it measured, also when it breaks half-way."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whatever was started is ended
    signal_when_parent_dies(signal.SIGTERM)
    options: dict[str, str] = json.loads(given)
    out = Path(options.pop("OUT"))
    one = next(one for one in BENCHMARKS if one.name == name)
    seed, repeats = int(options.pop("SEED")), int(options.pop("REPEATS", "3"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    bench = Bench(out.parent, seed=seed, repeats=repeats, options=options)
    try:
        one.run(bench)
    finally:
        out.write_text(json.dumps([dataclasses.asdict(measure) for measure in bench.measures]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
