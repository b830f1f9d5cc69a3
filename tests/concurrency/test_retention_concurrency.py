"""What is about to be deleted is taken up by somebody at that moment: nobody ends with a part of it missing."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from django.db import connection, transaction

from common import clock
from deployments.core.states import Present, State
from drift.models import Chunk, ChunkGroup, HostState, Manifest
from drift.queries.manifests import _cache as read_lately
from drift.queries.manifests import _groups
from drift.services import retention
from drift.services.manifests import load_states, store_manifest
from drift.services.retention import GRACE, purge_unreferenced
from tests.factories import host, in_threads

pytestmark = pytest.mark.django_db(transaction=True)


def states(way: int) -> dict[str, State]:
    """Hosts that share most chunks, and differ in one."""
    shared: dict[str, State] = {
        f"file:/etc/{n}": Present({"type": "file", "mode": "0644"}) for n in range(40)
    }
    return {**shared, f"file:/etc/{way}": Present({"type": "file", "mode": "0600"})}


def waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def marked_for_long() -> None:
    past = clock.now() - 2 * GRACE
    for model in (Manifest, ChunkGroup, Chunk):
        model.objects.update(unreferenced_at=past)


def forget_what_was_read() -> None:
    for cache in (read_lately, _groups):
        cache.__init__(50_000)  # type: ignore[misc]


def test_a_deletion_waits_for_whoever_has_taken_a_row_up_and_leaves_it() -> None:
    web = host("web-1")
    store_manifest(states(1))
    marked_for_long()
    taken, go_on = threading.Event(), threading.Event()

    def record() -> None:
        with transaction.atomic():
            HostState.objects.create(host=web, status="ok", observed=store_manifest(states(1)))
            taken.set()
            go_on.wait(10)

    def delete() -> None:
        taken.wait(10)
        purge_unreferenced(now=clock.now())

    def watch() -> None:
        until(waiting)
        go_on.set()

    assert in_threads(record, delete, watch) == [None, None, None]
    forget_what_was_read()
    assert load_states(HostState.objects.get().observed) == states(1)


def test_whoever_takes_a_row_up_waits_for_its_deletion_and_stores_it_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    web = host("web-1")
    store_manifest(states(1))
    marked_for_long()
    deleted, go_on = threading.Event(), threading.Event()
    run = retention._run

    def run_slowly(statement: str, *values: object) -> int:
        if not statement.startswith("DELETE"):
            return run(statement, *values)
        with transaction.atomic():
            count = run(statement, *values)
            deleted.set()
            go_on.wait(10)
            return count

    monkeypatch.setattr(retention, "_run", run_slowly)

    def record() -> None:
        deleted.wait(10)
        with transaction.atomic():
            HostState.objects.create(host=web, status="ok", observed=store_manifest(states(1)))

    def watch() -> None:
        deleted.wait(10)
        until(waiting)
        go_on.set()

    assert in_threads(lambda: purge_unreferenced(now=clock.now()) and None, record, watch) == [
        None,
        None,
        None,
    ]
    forget_what_was_read()
    assert load_states(HostState.objects.get().observed) == states(1)


def test_many_record_and_change_while_all_is_marked_and_deleted_again_and_again() -> None:
    """What is marked here has been for long: only that nobody holds a mark's row for a day is left out."""
    seed = random.randrange(10**6)
    hosts = [host(f"web-{n}") for n in range(3)]
    writing = [threading.Lock() for _ in hosts]
    over = threading.Event()

    def record(which: int) -> Callable[[], None]:
        chance = random.Random(seed + which)

        def run() -> None:
            for _ in range(40):
                with writing[which], transaction.atomic():
                    manifest = store_manifest(states(chance.randrange(3)))
                    HostState.objects.update_or_create(
                        host=hosts[which], defaults={"status": "ok", "observed": manifest}
                    )
            over.set()

        return run

    def delete() -> None:
        while not over.is_set():
            # As a day ago would have left it: whoever was writing when this was marked has ended by now.
            with ExitStack() as nobody_writes:
                for lock in writing:
                    nobody_writes.enter_context(lock)
                for store in retention._STORES[:3]:
                    left = f"SELECT digest FROM {store.table} EXCEPT ({store.referenced})"
                    with connection.cursor() as cursor:
                        cursor.execute(
                            f"UPDATE {store.table} SET unreferenced_at = %s WHERE digest IN ({left})",
                            [clock.now() - 2 * GRACE],
                        )
            purge_unreferenced(now=clock.now())

    assert in_threads(*(record(n) for n in range(3)), delete) == [None] * 4, seed
    forget_what_was_read()
    for state in HostState.objects.select_related("observed"):
        found = load_states(state.observed)
        assert found in [states(way) for way in range(3)], seed
