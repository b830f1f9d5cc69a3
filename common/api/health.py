"""`/healthz`: this process answers. `/readyz`: and what it needs does, too, each named."""

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from common import clock
from common.queries.processes import alive
from common.services.deliveries import MAX_ATTEMPTS, set_aside_count


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """503 only when the database is away: without Redis or workers, changes are still logged and work waits in rows."""
    checks = {"database": _database(), "redis": _redis()}
    ready = checks["database"] == "ok"
    if ready:
        checks["events"] = _events()
        checks |= {one.process: one.missed or "ok" for one in alive(clock.now())}
    return JsonResponse(
        {"status": "ready" if ready else "not ready", "checks": checks}, status=200 if ready else 503
    )


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "down: the database does not answer"
    return "ok"


def _events() -> str:
    if count := set_aside_count():
        return f"{count} set aside after {MAX_ATTEMPTS} attempts: the ledger's event.set_aside entries say which and why"
    return "ok"


def _redis() -> str:
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1).ping()
    except redis.RedisError:
        return "down: work waits until it is back; nothing is lost"
    return "ok"
