"""A thousand operations, each sent by five clients at once until it is answered, while web processes die between commit
and answer: exactly one record each. Real web processes, a real database.

The seed is printed; FOLDBACK_SEED repeats it.
"""

import http.client
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from changemgmt.models import Change, Comment, Incident, TimelineEntry
from common.models import IdempotencyKey, LedgerEntry, OutboxEvent
from tests.factories import host, token
from tests.scenarios.asking import Asker
from tests.scenarios.stack import ADDRESS, Stack

pytestmark = pytest.mark.slow

OPERATIONS = 1_000
RETRIES = 5
DEADLY = 0.04  # of the operations, and each death ends whatever else the process was about
AT_ONCE = 4  # operations under way, each with its retries
PATIENCE_SECONDS = 120.0


class DyingStack(Stack):
    """Whose web processes die on demand. The code is loaded before they part, so that one comes back in no time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.deaths = folder / "deaths"
        self.deaths.touch()
        self.environment["FOLDBACK_DEATHS"] = str(self.deaths)

    def _command(self, name: str) -> list[str]:
        command = super()._command(name)
        if name != "web":
            return command
        options = [*command[:-1], "-w", "2", "--threads", "4", "--preload"]
        return [*options, "tests.scenarios.dying_web"]


@dataclass
class Operation:
    """One thing that a client wants done once, and what it was told."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    told: list[tuple[int, dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def dying(tmp_path: Path, definition_path: Path, transactional_db: None) -> Iterator[DyingStack]:
    with DyingStack(tmp_path) as stack:
        yield stack


def operation(number: int, change: str, incident: str) -> Operation:
    """By turns all that scripts and people send in an outage: with a key, or with an id of their own."""
    key = {"Idempotency-Key": f"key-{number}"}
    title, where = f"operation {number}", ["web-1"]
    return [
        Operation("changes/", {"title": title, "hosts": where}, key),
        Operation("changes/", {"title": title, "external_id": title, "hosts": where}),
        Operation("changes/", {"title": title, "external_id": title}, key),
        Operation(f"changes/{change}/comments/", {"text": title}, key),
        Operation(f"incidents/{incident}/timeline/", {"text": title}, key),
        Operation("changes/", {"title": title}, key),
        Operation("changes/bulk/", {"changes": [{"title": title}]}, key),
        Operation("changes/", {"title": title, "external_id": title}),
        Operation(f"changes/{change}/comments/", {"text": title}, key),
        Operation("incidents/", {"title": title, "external_id": title, "hosts": where}),
    ][number % 10]


def test_each_of_a_thousand_operations_is_done_once_whoever_dies_before_answering(dying: DyingStack) -> None:
    seed = int(os.environ.get("FOLDBACK_SEED") or random.randrange(10**6))
    print(f"FOLDBACK_SEED={seed}")
    chance = random.Random(seed)
    host("web-1")
    dying.start("web")
    asker = Asker(ADDRESS, dying.port, token("ana")[1])
    change = asker.ask("changes/", {"title": "the outage"})[1]["reference"]
    incident = asker.ask("incidents/", {"title": "the outage"})[1]["reference"]
    operations = [operation(number, change, incident) for number in range(OPERATIONS)]
    for one in chance.sample(operations, int(OPERATIONS * DEADLY)):
        one.headers |= {"X-Die": "now"}

    unanswered: Counter[str] = Counter()

    def send(one: Operation) -> None:
        """As a client does that means it: again and again, until it is told."""
        until, pause = time.monotonic() + PATIENCE_SECONDS, 0.1
        while True:
            try:
                status, body, _ = asker.ask(one.path, one.body, one.headers)
            except (OSError, http.client.HTTPException):
                unanswered["gone"] += 1
            else:
                if status < 300:
                    one.told.append((status, body))
                    return
                # Nothing but "still running" may stand between a client and its answer.
                assert status == 409 and "still running" in body["detail"], (status, body)
                unanswered["still running"] += 1
            assert time.monotonic() < until, f"no answer to {one}"
            time.sleep(pause)
            pause = min(2 * pause, 0.5)

    pool = ThreadPoolExecutor(AT_ONCE * RETRIES)
    try:
        for sent in [pool.submit(send, one) for one in operations for _ in range(RETRIES)]:
            sent.result(timeout=PATIENCE_SECONDS)
    finally:
        pool.shutdown(cancel_futures=True)

    deaths = dying.deaths.stat().st_size
    print(f"{deaths} deaths, unanswered: {dict(unanswered)}")
    # The least that has to have happened for this to have tried anything.
    assert OPERATIONS * DEADLY / 2 <= deaths <= OPERATIONS * DEADLY
    assert unanswered["gone"] >= deaths and unanswered["still running"] > OPERATIONS / 10
    check_answers(operations)
    check_records(operations)


def check_answers(operations: list[Operation]) -> None:
    """All five were told of the same record."""
    for one in operations:
        assert len(one.told) == RETRIES
        assert len({identity(body) for _, body in one.told}) == 1, one
        statuses = [status for status, _ in one.told]
        if "Idempotency-Key" in one.headers:
            assert len(set(statuses)) == 1, one  # what the first was told, or would have been
        else:
            assert statuses.count(201) <= 1 and set(statuses) <= {200, 201}, one


def identity(body: dict[str, Any]) -> str:
    return str(body["results"][0]["change"]["id"] if "results" in body else body["id"])


def check_records(operations: list[Operation]) -> None:
    """Exactly one record each, with one entry in the ledger and one event; nothing else."""
    made: dict[str, list[Any]] = defaultdict(list)
    for model, text in ((Change, "title"), (Comment, "text"), (Incident, "title"), (TimelineEntry, "text")):
        for pk, said in model._default_manager.filter(**{f"{text}__startswith": "operation "}).values_list(
            "pk", text
        ):
            made[said].append(pk)
    wanted = {
        one.body.get("title") or one.body.get("text") or one.body["changes"][0]["title"] for one in operations
    }
    assert set(made) == wanted
    assert {said: pks for said, pks in made.items() if len(pks) != 1} == {}
    assert {identity(one.told[0][1]) for one in operations} == {str(pk) for (pk,) in made.values()}

    for action in ("change.logged", "incident.opened"):
        logged = LedgerEntry.objects.filter(action=action).values_list("subject_id", flat=True)
        events = OutboxEvent.objects.filter(type=action).values_list("subject_id", flat=True)
        there = Change if action == "change.logged" else Incident
        once = dict.fromkeys(there._default_manager.values_list("pk", flat=True), 1)
        assert Counter(logged) == once and Counter(events) == once
    assert IdempotencyKey.objects.count() == sum("Idempotency-Key" in one.headers for one in operations)
