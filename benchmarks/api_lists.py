"""Lists of a million changes: each documented filter, each order, and the text search; and a thousand filed in one call."""

import http.client
import json
import statistics
import time
from datetime import timedelta
from itertools import chain
from typing import Any
from urllib.parse import quote

from benchmarks.api_filing import prepare, serving
from benchmarks.asking import percentile
from benchmarks.harness import Bench
from benchmarks.million import MILLION, fill_changes
from changemgmt.models import Change

ROUNDS = 10


def list_changes(bench: Bench) -> None:
    count = bench.option("CHANGES", MILLION)
    token = prepare()
    fill_changes(bench, count)
    asked = queries(count)
    with serving(bench) as programs:
        programs.start("web")
        connection = http.client.HTTPConnection("127.0.0.1", programs.port, timeout=120)
        headers = {"Authorization": f"Bearer {token}"}
        asked["cursor"] = [following(connection, value, headers) for value in asked["cursor"]]
        runs = [
            _run(connection, headers, asked, bench.option("ROUNDS", ROUNDS)) for _ in range(bench.repeats + 1)
        ]
        del runs[0]  # it reads what nobody has asked for since the table was written
        each = {
            name: statistics.median(percentile(sorted(chain(*run[name].values())), 95) for run in runs)
            for name in asked
        }
        medians = {
            value: percentile(sorted(chain(*(run[name][value] for run in runs))), 50)
            for name, values in asked.items()
            for value in values
        }
        everything = sorted(
            chain(*(taken for run in runs for of_kind in run.values() for taken in of_kind.values()))
        )
        slowest = max(each, key=lambda name: each[name])
        bench.record(
            "list_p95_ms",
            [percentile(sorted(chain(*run[slowest].values())), 95) for run in runs],
            most=100,
            unit="ms",
            changes=count,
            slowest=slowest,
            each={name: round(value, 1) for name, value in each.items()},
            all_p95_ms=percentile(everything, 95),
            slowest_values={
                value: round(medians[value], 1)
                for value in sorted(medians, key=lambda one: -medians[one])[:10]
            },
        )
        bulk(bench, connection, headers)


def _run(
    connection: http.client.HTTPConnection, headers: dict[str, str], asked: dict[str, list[str]], rounds: int
) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of each answer, by filter and value. Every value as often as any other: what is slow for one of ten is
    one of ten of its kind's times."""
    times: dict[str, dict[str, list[float]]] = {
        name: {value: [] for value in values} for name, values in asked.items()
    }
    for _ in range(rounds):
        for of_kind in times.values():
            for value, taken in of_kind.items():
                taken.append(get(connection, f"/api/v1/changes/?{value}", headers)[0])
    return times


def bulk(bench: Bench, connection: http.client.HTTPConnection, headers: dict[str, str]) -> None:
    """A thousand in one call, on top of those that are there."""
    runs = []
    for turn in range(bench.repeats + 1):
        changes = [
            {
                "title": f"deployed build {turn}-{number}",
                "hosts": [f"web-{1 + number % 100}"],
                "resources": ["file:/srv/app/release"],
                "external_id": f"bulk-{turn}-{number}",
            }
            for number in range(1_000)
        ]
        began = time.perf_counter()
        connection.request(
            "POST",
            "/api/v1/changes/bulk/",
            json.dumps({"changes": changes}),
            {**headers, "Content-Type": "application/json", "Idempotency-Key": f"bulk-{turn}"},
        )
        answer = connection.getresponse()
        told = json.loads(answer.read())
        runs.append(time.perf_counter() - began)
        if told.get("created") != 1_000:
            raise RuntimeError(f"{answer.status}: {str(told)[:300]}")
    bench.record("bulk_1000_s", runs[1:], most=1.5, unit="s")


def following(connection: http.client.HTTPConnection, query: str, headers: dict[str, str]) -> str:
    """The query of the page after the first one."""
    _, page = get(connection, f"/api/v1/changes/?{query}", headers)
    return str(page["next"]).partition("?")[2]


def get(
    connection: http.client.HTTPConnection, path: str, headers: dict[str, str]
) -> tuple[float, dict[str, Any]]:
    """How many milliseconds it took, and what was answered."""
    began = time.perf_counter()
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    taken = (time.perf_counter() - began) * 1000
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
    return taken, json.loads(body)


def queries(count: int = MILLION) -> dict[str, list[str]]:
    """What is asked of each filter: frequent and rare values, those that only old or only new changes have, and what
    nobody has (see `benchmarks.million`)."""
    rows = list(
        Change.objects.order_by("created_at", "pk").values("title", "resources", "created_at")[
            :: count // 20 + 21
        ]
    )
    words = [row["title"].split()[1] for row in rows]
    middle: Any = rows[len(rows) // 2]["created_at"]
    when = [quote(at.isoformat()) for at in (rows[1]["created_at"], middle, rows[-1]["created_at"])]
    ahead = quote((rows[-1]["created_at"] + timedelta(days=1_000)).isoformat())

    def each(name: str, *values: Any) -> list[str]:
        return [f"{name}={quote(str(value))}" for value in values]

    def ranges(name: str) -> list[str]:
        """From the first tenth until then or later, of the first tenth, up to the last days, and of no day yet."""
        since = [f"{name}__gte={when[0]}&{name}__lt={at}" for at in when[1:]]
        return [*since, f"{name}__lt={when[0]}", f"{name}__gte={when[2]}", f"{name}__gte={ahead}"]

    return {
        "nothing": ["", "limit=20"],
        "sort": each("sort", "created_at", "happened_at", "-happened_at", "planned_start", "-planned_start"),
        "cursor": [
            *(f"created_at__lt={at}" for at in when),
            "q=decommissioned",
            "sort=happened_at&host=new-1",
        ],
        "created_at": ranges("created_at"),
        "happened_at": ranges("happened_at"),
        "planned_start": ranges("planned_start"),
        "kind": each("kind", "emergency", "normal", "standard", "decision"),
        "kind__in": each("kind__in", "normal,decision", "decision"),
        "state": each(
            "state", "logged", "completed", "failed", "disputed", "rejected", "started", "proposed"
        ),
        "state__in": each(
            "state__in", "failed,disputed", "logged,reviewed", "rejected,disputed", "started,ready"
        ),
        "risk": each("risk", "low", "medium", "high"),
        "risk__in": each("risk__in", "medium,high"),
        "owner": each("owner", "person-0", "person-100", "person-250", "leaver", "joiner", "nobody"),
        "requested_by": each(
            "requested_by", "person-1", "person-140", "person-260", "leaver", "joiner", "nobody"
        ),
        "host": each("host", "web-1", "web-417", "web-9999", "old-1", "new-1", "db-1"),
        "resource": each(
            "resource",
            *(row["resources"][0] for row in rows[3:7]),
            *("file:/srv/old", "file:/srv/new", "file:/etc/nothing"),
        ),
        "environment": each("environment", "prod", "staging", "lab", "old-site", "new-site", "moon"),
        "incident": each("incident", "INC-1", "INC-2", "INC-999"),
        "template": each("template", "old", "new", "nothing"),
        "external_id": each("external_id", "build-77", "build-500001", "build-999998", "build-x"),
        "overdue": each("overdue", "true", "false"),
        "title__contains": each(
            "title__contains", "restart", "OPS-1234", words[3][:4], "decommissioned", "introduced", "zzzz"
        ),
        "q": each(
            "q",
            *("restarted", *words[3:7], f"{words[5]} {words[6]}", "OPS-12345", "web-417"),
            *("decommissioned", "introduced", "nowhere"),
        ),
        "q and others": [
            f"q={words[4]}&owner=person-7",
            f"q={words[3]}&state=logged",
            f"host=web-17&q={words[4]}",
            "host=old-1&kind=normal",
            f"environment=prod&created_at__lt={when[0]}",
            f"host=old-1&created_at__lt={when[1]}",
            "state=rejected&sort=-happened_at",
            "environment=new-site&sort=happened_at",
        ],
    }
