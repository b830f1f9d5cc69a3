"""One host with a hundred thousand files: what a quick and a deep look cost beside the least that anybody could do.

The host is this machine, over the transport for directories (`sh` on the same machine, the same program as over SSH),
with a directory in which every entry counts: /usr unless `TOP=` says another. What it is compared with are the commands that tell the
same by hand. Each runs in turn with its counterpart, so that both have the same page cache and the same neighbours.
"""

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import Bench, timed
from deployments.collector.question import Limits, Question, Recalled
from deployments.collector.quick import Quick, Sections
from deployments.core.states import Present
from deployments.transport.local import LocalTransport
from drift.scanner import HostResult, Scan, Target, look_at

_ENTRIES, _GIGABYTE = 1_000_000, 1024**3
LIMITS = Limits(
    session_seconds=900,
    output_bytes=2 * _GIGABYTE,
    entries=_ENTRIES,
    undeclared=_ENTRIES,
    hash_file_bytes=64 * _GIGABYTE,
    hash_total_bytes=256 * _GIGABYTE,
)
"""Of a host that is trusted to be as large as it is."""
_FORMAT = "%y/%m/%U/%G/%s/%T@/%C@/%i/%D/%n/%p\\0%l\\0"
DIGEST = f"find {{top}} -xdev -printf '{_FORMAT}' | sort -z | sha256sum"
SHA256SUM = "find {top} -xdev -type f -print0 | xargs -0 -P2 -n 500 sha256sum | sha256sum"
_KEY, _NONCE = b"k" * 32, "n0123456789abcdef"


def scan_host(bench: Bench) -> None:
    top = bench.options.get("TOP", "/usr")
    files = sum(len(folders) + len(names) for _, folders, names in os.walk(top))
    bench.say(f"{top} has {files} entries")
    question = Question({}, exhaustive=(top,))
    first = _look(question)
    if (why := first.observation.listed.get(top)) is not None or not first.observation.memory:
        raise RuntimeError(f"{top} could not be looked at: {why or first.reason}")
    bench.say(f"a first look took {first.seconds:.1f} s, and saw {len(first.observation.states)} entries")
    seen: dict[str, Any] = {"entries": len(first.observation.states), "top": top, "cores": os.cpu_count()}
    quick_over_digest(bench, question, top, seen)
    deep_over_sha256sum(bench, question, top, seen)


def quick_over_digest(bench: Bench, question: Question, top: str, seen: dict[str, Any]) -> None:
    """A quick look at an unmoved host over the digest of a listing of it."""
    looked = _look(question)
    assert looked.observation.memory is not None
    quick = Quick(Sections.of(question, LIMITS), looked.observation.memory.sums)
    ratios, ours, theirs = [], [], []
    for _ in range(max(5, bench.repeats)):
        theirs.append(_by_hand(DIGEST, top))
        result = _look(question, quick)
        if not result.unmoved:
            raise RuntimeError(f"{top} moved meanwhile, or is not told quickly: {result.reason}")
        ours.append(result.seconds)
        ratios.append(ours[-1] / theirs[-1])
    bench.record("quick_over_digest", ratios, most=1.3, quick_s=ours, digest_s=theirs, command=DIGEST, **seen)


def deep_over_sha256sum(bench: Bench, question: Question, top: str, seen: dict[str, Any]) -> None:
    """A deep look, which reads every file, at an unmoved host, over sha256sum of every file by two processes."""
    ratios, ours, theirs = [], [], []
    whole = _look(question)
    first = whole.observation
    assert first.memory is not None
    quick = Quick(Sections.of(question, LIMITS), first.memory.sums)
    for _ in range(bench.repeats):
        theirs.append(_by_hand(SHA256SUM, top))
        result = _look(question, quick, Recalled(first.memory, first.states))
        if not result.unmoved:
            raise RuntimeError(f"{top} moved meanwhile, or is not told by a digest: {result.reason}")
        ours.append(result.seconds)
        ratios.append(ours[-1] / theirs[-1])
    bench.record(
        "deep_over_sha256sum",
        ratios,
        most=1.2,
        deep_s=ours,
        sha256sum_s=theirs,
        command=SHA256SUM,
        files_hashed=sum(
            isinstance(state, Present) and "sha256" in state.data for state in first.states.values()
        ),
        unknown=len(first.unknown()),
        in_full_s=whole.seconds,
        **seen,
        **_aide(bench, top),
    )


def _look(question: Question, quick: Quick | None = None, recalled: Recalled | None = None) -> HostResult:
    """With `recalled` it is a deep one."""
    target = Target("this machine", question, quick=quick, recalled=recalled, deep=recalled is not None)
    scan = Scan(lambda target: LocalTransport("/"), lambda: _NONCE, time.time, hmac_key=_KEY, limits=LIMITS)
    return asyncio.run(look_at(target, scan))


def _by_hand(command: str, top: str) -> float:
    """Seconds of a shell command, whose output nobody needs."""
    text = command.format(top=top)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    return timed(
        lambda: subprocess.run(["sh", "-c", text], env=environment, stdout=subprocess.DEVNULL, check=False)
    )


def _aide(bench: Bench, top: str) -> dict[str, Any]:
    """`aide --check` of the same, where it is installed."""
    aide = shutil.which("aide")
    if aide is None:
        return {"aide": "not installed"}
    folder = Path(bench.folder)
    configuration = folder / "aide.conf"
    configuration.write_text(
        f"database_in=file:{folder}/aide.db\ndatabase_out=file:{folder}/aide.db.new\ngzip_dbout=no\n"
        f"{top} p+u+g+i+n+s+m+c+sha256\n"
    )
    command = [aide, f"--config={configuration}"]
    _quiet(*command, "--init")
    (folder / "aide.db.new").rename(folder / "aide.db")
    return {"aide_check_s": timed(lambda: _quiet(*command, "--check"))}


def _quiet(*command: str) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
