"""What came of a finished scan, added to the tallies: whoever watches sees numbers that only grow, whatever is thrown
away later."""

from common.services.tallies import add_to_tally
from drift.models import Scan
from drift.queries.metrics import LOOKED_AT, SCAN_SECONDS, SCANS
from drift.queries.outcomes import outcomes


def count_finished_scan(scan: Scan) -> None:
    """Call it in the transaction that sets `finished_at`: until then the scan's own rows are counted."""
    add_to_tally(name=LOOKED_AT, amounts=outcomes(scan.pk))
    add_to_tally(name=SCANS, amounts={scan.mode: 1})
    began = scan.job.started_at if scan.job else None
    if began is not None and scan.finished_at is not None:
        add_to_tally(name=SCAN_SECONDS, amounts={scan.mode: (scan.finished_at - began).total_seconds()})
