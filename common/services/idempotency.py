"""Idempotency keys: key, effect and answer commit together."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from common import clock
from common.core.errors import Conflict, Unprocessable
from common.models import IdempotencyKey

KEPT_FOR = timedelta(hours=24)


def find_answer(*, client: str, key: str, request_digest: str) -> IdempotencyKey | None:
    """The kept answer; raises Unprocessable when the key came with another request before."""
    kept = IdempotencyKey.objects.filter(
        client=client, key=key, created_at__gte=clock.now() - KEPT_FOR
    ).first()
    if kept is not None and kept.request_digest != request_digest:
        raise Unprocessable(
            "This Idempotency-Key was used for a different request within the last 24 hours. Use a new key."
        )
    return kept


def answer_once(
    *,
    client: str,
    key: str,
    request_digest: str,
    act: Callable[[], tuple[int, Any, dict[str, str]]],
    keep: bool = True,
) -> tuple[IdempotencyKey | None, tuple[int, Any, dict[str, str]] | None]:
    """Run `act` in one transaction with the row that keeps its (status, body, headers).

    Returns (kept answer, None) when another request with the key finished first, or (None, the new answer).
    Raises Conflict while another request with the key is still running. An act that raises keeps nothing.
    """
    with transaction.atomic():
        if not _lock(client, key):
            raise Conflict("A request with this Idempotency-Key is still running. Wait, then send it again.")
        kept = find_answer(client=client, key=key, request_digest=request_digest)
        if kept is not None:
            return kept, None
        IdempotencyKey.objects.filter(client=client, key=key).delete()  # older than a day
        status, body, headers = act()
        IdempotencyKey.objects.create(
            client=client,
            key=key,
            request_digest=request_digest,
            status=status,
            body=body if keep else None,
            headers=headers,
        )
        return None, (status, body, headers)


def _lock(client: str, key: str) -> bool:
    """A lock on the key for this transaction; False when another transaction holds it."""
    number = int.from_bytes(hashlib.sha256(f"{client}\0{key}".encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])


def purge_old_keys() -> int:
    return IdempotencyKey.objects.filter(created_at__lt=clock.now() - KEPT_FOR).delete()[0]
