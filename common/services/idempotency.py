"""Idempotency keys: key, effect and answer commit together."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from common import clock
from common.core.errors import Conflict, Unprocessable
from common.models import IdempotencyKey
from common.services.rows import insertion

KEPT_FOR = timedelta(hours=24)
_LOOK = """
SELECT {lock}, kept.request_digest, kept.status, kept.body, kept.headers
FROM (SELECT 1) one
LEFT JOIN common_idempotencykey kept ON kept.client = %s AND kept.key = %s AND kept.created_at >= %s
"""
_LOCK_AND_LOOK = _LOOK.format(lock="pg_try_advisory_xact_lock(%s)")
_JUST_LOOK = _LOOK.format(lock="false")
_IN_PLACE_OF_AN_OLD_ONE = """
ON CONFLICT (client, key) DO UPDATE SET created_at = excluded.created_at, request_digest = excluded.request_digest,
    status = excluded.status, body = excluded.body, headers = excluded.headers
WHERE common_idempotencykey.created_at < %s
"""


class _Overtaken(Exception):
    """Another request with the key finished between our look at it and our lock."""


def find_answer(*, client: str, key: str, request_digest: str) -> IdempotencyKey | None:
    """The kept answer; raises Unprocessable when the key came with another request before."""
    return _look(client, key, request_digest, lock=False)[1]


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
    identity = {"client": client, "key": key, "request_digest": request_digest}
    try:
        with transaction.atomic():
            is_ours, kept = _look(**identity, lock=True)
            if kept is not None:
                return kept, None
            if not is_ours:
                raise Conflict(
                    "A request with this Idempotency-Key is still running. Wait, then send it again."
                )
            status, body, headers = act()
            row = IdempotencyKey(**identity, status=status, body=body if keep else None, headers=headers)
            values: list[Any] = []
            with connection.cursor() as cursor:
                cursor.execute(insertion([row], values) + _IN_PLACE_OF_AN_OLD_ONE, [*values, _oldest()])
                if not cursor.rowcount:
                    raise _Overtaken
            return None, (status, body, headers)
    except _Overtaken:
        return find_answer(**identity), None


def _look(client: str, key: str, request_digest: str, *, lock: bool) -> tuple[bool, IdempotencyKey | None]:
    """Whether the lock on the key is ours for this transaction (False when another one holds it), and the kept answer.

    Both are one statement, which sees what was there before it had the lock: whoever then keeps an answer finds out.
    """
    number = int.from_bytes(hashlib.sha256(f"{client}\0{key}".encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute(
            _LOCK_AND_LOOK if lock else _JUST_LOOK, [*([number] if lock else []), client, key, _oldest()]
        )
        is_ours, digest, status, body, headers = cursor.fetchone()
    if digest is None:
        return is_ours, None
    if digest != request_digest:
        raise Unprocessable(
            "This Idempotency-Key was used for a different request within the last 24 hours. Use a new key."
        )
    kept = IdempotencyKey(client=client, key=key, request_digest=digest, status=status)
    kept.body, kept.headers = (json.loads(text) if text else None for text in (body, headers))
    return is_ours, kept


def _oldest() -> datetime:
    return clock.now() - KEPT_FOR


def purge_old_keys() -> int:
    return IdempotencyKey.objects.filter(created_at__lt=_oldest()).delete()[0]
