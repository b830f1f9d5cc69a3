"""What is kept for how long, and what nothing refers to any more.

Old looks go by age: what hosts looked like (`HISTORY_DAYS`), and the rows of a scan's hosts (`LOOKS_DAYS`). What is
stored by its content goes when nothing refers to it. That takes two steps, because whoever records a look finds what is
stored already and takes it up: first it is marked, and only what is still marked a day later, and still referred to by
nothing, is deleted. Who takes it up meanwhile takes the mark away (drift.services.manifests), and a deletion looks at
the mark once more when it has the row. No transaction lasts for a day, so nothing that was found unmarked can go.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

GRACE = timedelta(days=1)
BATCH = 1_000


@dataclass(frozen=True)
class _Store:
    """A table of what is named by its content. `referenced` gives the digests that something refers to."""

    table: str
    referenced: str

    def sql(self, text: str) -> str:
        return text.replace("STORE", self.table).replace("REFERENCED", self.referenced)


# Each after those that refer to it.
_STORES = (
    _Store(
        "drift_manifest",
        """SELECT base_id FROM drift_hoststate UNION ALL SELECT observed_id FROM drift_hoststate
        UNION ALL SELECT manifest_id FROM drift_hosthistory UNION ALL SELECT manifest_id FROM drift_hostscan""",
    ),
    _Store("drift_chunkgroup", "SELECT group_id FROM drift_manifest"),
    _Store(
        "drift_chunk",
        "SELECT unnest(chunks) FROM drift_chunkgroup UNION ALL SELECT unnest(chunks) FROM drift_manifest",
    ),
    _Store(
        "drift_blob",
        """SELECT one.value #>> '{data,sha256}' FROM drift_chunk, jsonb_each(states) AS one
        UNION ALL SELECT base #>> '{data,sha256}' FROM drift_occurrence
        UNION ALL SELECT head #>> '{data,sha256}' FROM drift_occurrence
        UNION ALL SELECT live #>> '{data,sha256}' FROM drift_occurrence""",
    ),
)
_TAKEN_UP = "SELECT digest FROM STORE WHERE unreferenced_at IS NOT NULL INTERSECT (REFERENCED)"
_DUE = "SELECT digest FROM STORE WHERE unreferenced_at <= %s EXCEPT (REFERENCED)"
_LEFT = "SELECT digest FROM STORE WHERE unreferenced_at IS NULL EXCEPT (REFERENCED)"
_UNMARK = "UPDATE STORE SET unreferenced_at = NULL WHERE digest = ANY(%s)"
_DELETE = "DELETE FROM STORE WHERE digest = ANY(%s) AND unreferenced_at <= %s"
_MARK = "UPDATE STORE SET unreferenced_at = %s WHERE digest = ANY(%s) AND unreferenced_at IS NULL"

# Of a host's history the row that was true at the limit stays, so that every time since then has its answer.
_OLD_HISTORY = """
    DELETE FROM drift_hosthistory WHERE id IN (
        SELECT id FROM drift_hosthistory AS old WHERE seen_at < %s AND EXISTS (
            SELECT FROM drift_hosthistory AS later WHERE later.host_id = old.host_id
            AND later.seen_at > old.seen_at AND later.seen_at <= %s)
        LIMIT %s)"""
# By when the scan ended, so that all of its rows go together, and none while it runs.
_OLD_HOST_SCANS = """
    DELETE FROM drift_hostscan WHERE id IN (
        SELECT one.id FROM drift_hostscan AS one JOIN drift_scan AS scan ON scan.id = one.scan_id
        WHERE scan.finished_at < %s LIMIT %s)"""
_OLD_SEEN = """
    DELETE FROM drift_scanseen WHERE id IN (
        SELECT one.id FROM drift_scanseen AS one JOIN drift_scan AS scan ON scan.id = one.scan_id
        WHERE scan.finished_at < %s LIMIT %s)"""


def purge(*, now: datetime) -> dict[str, int]:
    """All of it, in the order in which one thing sets the next free; how many rows of each table were deleted."""
    return {**purge_old_looks(now=now), **purge_unreferenced(now=now)}


def purge_old_looks(*, now: datetime) -> dict[str, int]:
    """Delete what is older than policy keeps, a thousand rows at a time."""
    history = now - timedelta(days=settings.HISTORY_DAYS)
    looks = now - timedelta(days=settings.LOOKS_DAYS)
    return {
        "history": _delete_rows(_OLD_HISTORY, history, history),
        "host_scans": _delete_rows(_OLD_HOST_SCANS, looks),
        "seen": _delete_rows(_OLD_SEEN, looks),
    }


def _delete_rows(statement: str, *values: Any) -> int:
    count = 0
    while gone := _run(statement, *values, BATCH):
        count += gone
    return count


def purge_unreferenced(*, now: datetime) -> dict[str, int]:
    """Mark what nothing refers to, take the mark from what is referred to again, and delete what has been marked for
    GRACE."""
    return {store.table.removeprefix("drift_"): _purge(store, now) for store in _STORES}


def _purge(store: _Store, now: datetime) -> int:
    for digests in _batches(store.sql(_TAKEN_UP)):
        _run(store.sql(_UNMARK), digests)
    count = 0
    for digests in _batches(store.sql(_DUE), now - GRACE):
        count += _run(store.sql(_DELETE), digests, now - GRACE)
    for digests in _batches(store.sql(_LEFT)):
        _run(store.sql(_MARK), now, digests)
    return count


def _batches(query: str, *values: Any) -> Iterator[list[Any]]:
    """What a query finds, all of it as of now, a batch at a time; in order, so that two who do this at once wait for
    each other and don't lock each other out."""
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        found = sorted((row[0] for row in cursor.fetchall()), key=_in_order)
    for first in range(0, len(found), BATCH):
        yield found[first : first + BATCH]


def _in_order(digest: Any) -> bytes:
    return digest.encode() if isinstance(digest, str) else bytes(digest)


def _run(statement: str, *values: Any) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
