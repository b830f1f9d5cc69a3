"""The README's table of numbers, from `benchmarks/results/`: nobody types them in.

python -m benchmarks.told     writes it anew; a test fails while it is out of step
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from benchmarks.results import FOLDER

README = Path(__file__).parents[1] / "README.md"
_PLACE = re.compile(r"(<!-- numbers -->\n).*?(<!-- /numbers -->)", re.DOTALL)

WORDS = {
    "quick_over_bare": "a quick scan of 2,000 unmoved hosts, in hosts a second, over a bare SSH loop with the same bytes",
    "ten_thousand_s": "a quick scan of 10,000 unmoved hosts with 1,000 resources each",
    "worker_rss_mb": "memory of all worker processes meanwhile",
    "edits_found": "of 100 edits by hand on 10,000 hosts, found within two scan periods",
    "twice_hosts": "twice the hosts, in time",
    "twice_resources": "twice the resources on real hosts, in time",
    "quick_over_digest": "a quick look at the 140,000 entries of `/usr`, over `find … \\| sort -z \\| sha256sum`",
    "deep_over_sha256sum": "a deep look at them, over `sha256sum` of every file by two processes",
    "evaluate_s": "verdicts for 10,000 hosts × 2,000 resources, from what is stored",
    "store_mb": "the database after that",
    "over_pyinfra": "20 hosts × 10 files, in the time of `pyinfra --dry`",
    "over_ansible": "the same, in the time of `ansible-playbook --check`",
    "file_over_bare": "filing a change, in requests a second, over a bare view that inserts one row",
    "file_p99_ms": "99 of 100 changes are filed within, at half that rate",
    "file_redis_frozen_p99_ms": "the same while Redis is frozen",
    "file_redis_frozen_5xx": "server errors meanwhile",
    "list_p95_ms": "lists, filters and text search over 1,000,000 changes: 95 of 100 within",
    "bulk_1000_s": "1,000 changes in one call",
    "cli_log_ms": "`foldback log`, the whole process",
    "cli_log_offline_ms": "the same with nobody to talk to",
}


def numbers(folder: Path = FOLDER) -> str:
    """The rows of the table for what was measured, in the order of `WORDS`."""
    known: dict[str, Any] = {}
    for path in sorted(folder.glob("*.json")):
        known |= json.loads(path.read_text())
    lines = ["| | measured | reach | |", "|---|---|---|---|"]
    for key, words in WORDS.items():
        if "measured" not in (one := known.get(key, {})):
            continue
        value = f"{one['measured']:.3g} {one['unit']}".strip()
        lines.append(f"| {words} | {value} | {one['reach']} | {'' if one['ok'] else '**not reached**'} |")
    return "\n".join(lines) + "\n"


def with_numbers(text: str, table: str) -> str:
    """The page with this table in its place; raises ValueError where there is no place."""
    written, places = _PLACE.subn(lambda found: found[1] + table + found[2], text)
    if places != 1:
        raise ValueError("the page has no place for the numbers")
    return written


def main() -> int:
    README.write_text(with_numbers(README.read_text(), numbers()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
