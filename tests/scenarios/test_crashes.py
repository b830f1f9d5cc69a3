"""TRUST 1 and 2: programs are killed at random, and Redis is emptied, while five hundred simulated hosts are looked at.

It is the benchmark `crash` at a size for each day; `make bench ONLY=crash` has two thousand hosts and two hundred kills.
A service of its own takes the blows, with durable engines under their supervisor: those of this run are for all tests.
"""

import random
import re
import subprocess
import sys

import pytest

from tests.entrance.launched import CHECKOUT, clean_environment

pytestmark = pytest.mark.slow

SIZES = {"HOSTS": 500, "KILLS": 20, "LEASE_SECONDS": 4, "FLUSH_LEASE_SECONDS": 15}


def test_nothing_is_lost_or_done_twice_whatever_is_killed_during_a_scan() -> None:
    seed = random.randrange(10**6)
    print(f"SEED={seed}")
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "benchmarks", "crash"),
            *(f"{name}={value}" for name, value in {**SIZES, "SEED": seed}.items()),
        ],
        cwd=CHECKOUT,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    print(done.stdout)
    # A promise that is not kept breaks the run, and is told there.
    assert done.returncode == 0, done.stdout
    measured = dict(re.findall(r"^ *\d+ s  (\w+): (\S+)", done.stdout, re.M))
    for key in ("changes_wrong", "findings_wrong", "scans_wrong"):
        assert measured[key] == "0", done.stdout
    assert int(measured["kills"]) >= SIZES["KILLS"]
    assert float(measured["flushed_leases"]) <= 2, done.stdout
