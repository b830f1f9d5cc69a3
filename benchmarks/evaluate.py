"""Verdicts of a fleet from what is stored of it, and how much room that takes.

Ten thousand hosts of four roles with two thousand resources each, five of which a template makes from the host's own
name; a hundred hosts were changed by hand in fifty distinct ways. Base, observed and the history of a second release
are stored as scans store them. What is timed gives the verdicts of every resource of every host, in one process: from
base, head and observed manifests read from the database (`evaluate_s`), and from base and observed ones with the head
rendered from the definition, own templates for each host, as after a commit (`evaluate_rendered_s`).
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from uuid import UUID

from django.db import connection, transaction

from benchmarks.harness import Bench
from common import clock
from deployments.collector.question import Observation
from deployments.core.content_digests import to_compare
from deployments.core.definition.model import Definition
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.render import DesiredParts, desired_manifest, desired_parts
from deployments.core.states import Present, State
from drift.core.evaluation import counts, evaluate, next_base
from drift.core.shared_evaluation import Halves, shape_of
from drift.core.verdict import OUT_OF_BAND
from drift.models import Chunk, ChunkGroup, HostHistory, HostState, Manifest
from drift.services.contents import hmac_key
from drift.services.judging import Sides, Stored, judge_stored
from drift.services.manifests import load_states, manifest_of, store_manifest
from inventory.models import Host
from inventory.queries.hosts import host_view

ROLES = ("web", "db", "cache", "queue")
OWN, WAYS = 5, 50
LOOK = Observation({}, listed={"package:": None, "service:": None})
SHAPE, SHAPE_KEY = shape_of(LOOK)


def evaluate_fleet(bench: Bench) -> None:
    hosts = bench.option("HOSTS", 10_000)
    resources = bench.option("RESOURCES", 2_000)
    drifted = bench.option("DRIFTED", 100)
    empty = _megabytes()
    releases = [fleet_definition(resources, release) for release in (1, 2)]
    fleet = _register(hosts)
    bench.say(f"{hosts} hosts with {resources} resources: two releases seen")
    for release in releases:
        _look_at_all(fleet, release, drifted=0, bench=bench)
    _look_at_all(fleet, releases[1], drifted=drifted, bench=bench)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    bench.record(
        "store_mb",
        [_megabytes()],
        most=200,
        unit="MB",
        empty=empty,
        manifests=Manifest.objects.count(),
        histories=HostHistory.objects.count(),
        tables=_tables(),
    )
    heads = _heads(fleet, fleet_definition(resources, 2))
    for key, most, stored_heads in (("evaluate_s", 5, heads), ("evaluate_rendered_s", None, None)):
        runs, parts = [], []
        for _ in range(bench.repeats):
            # Anew each time: nothing rendered or judged before is left over.
            definition = fleet_definition(resources, 2)
            seconds, told = _judge_all(definition, stored_heads)
            runs.append(seconds)
            parts.append(told)
            expected = {"resources": hosts * resources, "found": drifted, "distinct": min(WAYS, drifted)}
            if {name: told[name] for name in expected} != expected:
                raise AssertionError(f"the fleet is not judged as it is: {told}")
        bench.record(key, runs, most=most, unit="s", each=parts)
    _compare_with_each(fleet, definition, bench)


def fleet_definition(resources: int, release: int) -> Definition:
    """A definition with so many resources for each host; another release has other contents of a tenth of the files."""
    packages, services = resources // 2, resources // 10
    files = resources - packages - services - OWN - resources // 20
    tree = {"definition.yaml": "format: 1\nwatched: [packages, services]\n"}
    base = {
        "files": {
            f"/etc/app/{n // 100:02}/{n:04}.conf": {
                "content": f"setting {n} {release if n % 10 == 0 else 0}\n",
                "owner": "root",
                "group": "root",
                "mode": "0644",
            }
            for n in range(files)
        }
        | {
            f"/etc/own/{n}.conf": {
                "template": f"own{n}.j2",
                "owner": "root",
                "group": "root",
                "mode": "0644",
            }
            for n in range(OWN)
        },
        "packages": {f"library-{n}": {"version": f"1.{n}-{n % 7}"} for n in range(packages)},
        "services": {f"unit-{n}": {"enabled": True, "running": True} for n in range(services)},
    }
    tree["base/resources.yaml"] = json.dumps(base)
    for n in range(OWN):
        tree[f"base/templates/own{n}.j2"] = (
            f"# part {n}\nname = {{{{ host.name }}}}\naddress = {{{{ host.address }}}}\nworkers = {{{{ workers }}}}\n"
            "{% for port in ports %}\nlisten {{ host.address }}:{{ port }}\n{% endfor %}\n"
        )
    for number, role in enumerate(ROLES):
        tree[f"roles/{role}/resources.yaml"] = json.dumps(
            {
                "variables": {"workers": number + 2, "ports": [8000 + number, 9000 + number]},
                "packages": {f"{role}-{n}": {"version": "2"} for n in range(resources // 20)},
            }
        )
    return parse_definition({path: text.encode() for path, text in tree.items()})


def _register(count: int) -> list[Host]:
    Host.objects.bulk_create(
        (
            Host(
                name=f"sim-{n:05}",
                environment="prod",
                roles=[ROLES[n % len(ROLES)]],
                address=f"127.1.{n // 250}.{n % 250 + 1}",
            )
            for n in range(count)
        ),
        batch_size=1000,
    )
    return list(Host.objects.order_by("name"))


def _look_at_all(fleet: list[Host], definition: Definition, *, drifted: int, bench: Bench) -> None:
    """What scans would have written of hosts that are as this says, all but the first `drifted`."""
    began = time.perf_counter()
    roles: dict[str, tuple[ChunkGroup, ChunkGroup]] = {}
    for first in range(0, len(fleet), 1000):
        some = fleet[first : first + 1000]
        before = HostState.objects.in_bulk([host.pk for host in some])
        with transaction.atomic():
            _write(
                {
                    host.pk: _stored(host, definition, roles, number if number < drifted else None)
                    for number, host in enumerate(some, first)
                },
                before,
            )
    bench.say(f"stored in {time.perf_counter() - began:.0f} s")


def _stored(
    host: Host, definition: Definition, roles: dict[str, tuple[ChunkGroup, ChunkGroup]], number: int | None
) -> tuple[Manifest, Manifest]:
    """(base, observed) of one host. Where another has all but its own resources, that is not worked out again; it makes
    no difference in what is stored, only in how long this takes."""
    parts = desired_parts(definition, host_view(host))
    own = {name: want.state for name, want in parts.own.items()}
    role = host.roles[0]
    if role not in roles or number is not None:
        live = {name: want.state for name, want in parts.shared.items()} | own
        base = live | {"package:": Present({}), "service:": Present({})}
        edited = live | (_edit(live, number % WAYS) if number is not None else {})
        manifests = store_manifest(base, parts.own_ids), store_manifest(edited, parts.own_ids)
        if number is not None:
            return manifests
        assert manifests[0].group and manifests[1].group
        roles[role] = manifests[0].group, manifests[1].group
    both = []
    for group in roles[role]:
        manifest, texts = manifest_of(group, own)
        both.append(manifest)
    CHUNKS.extend(text.chunk() for text in texts)
    MANIFESTS.extend(both)
    return both[0], both[1]


CHUNKS: list[Chunk] = []
MANIFESTS: list[Manifest] = []


def _write(rows: Mapping[UUID, tuple[Manifest, Manifest]], before: Mapping[UUID, HostState]) -> None:
    now = clock.now()
    Chunk.objects.bulk_create(CHUNKS, ignore_conflicts=True)
    Manifest.objects.bulk_create(MANIFESTS, ignore_conflicts=True)
    CHUNKS.clear()
    MANIFESTS.clear()
    HostHistory.objects.bulk_create(
        HostHistory(
            host_id=pk,
            manifest=observed,
            seen_at=now,
            before_at=before[pk].observed_at if pk in before else None,
        )
        for pk, (_, observed) in rows.items()
        if pk not in before or before[pk].observed_id != observed.pk
    )
    HostState.objects.bulk_create(
        (
            HostState(
                host_id=pk,
                base=base,
                observed=observed,
                revision="0" * 40,
                observed_at=now,
                tried_at=now,
                status="ok",
                counts={
                    "in sync": 2000,
                    "pending": 0,
                    "drifted": 0,
                    "conflict": 0,
                    "unknown": 0,
                    "hidden": 0,
                },
            )
            for pk, (base, observed) in rows.items()
        ),
        update_conflicts=True,
        unique_fields=["host"],
        update_fields=["base", "observed", "observed_at", "tried_at"],
    )


def _edit(live: Mapping[str, State], way: int) -> dict[str, State]:
    """One of fifty changes by hand."""
    files = [name for name in live if name.startswith("file:/etc/app/")]
    name = files[way * 7 % len(files)]
    state = live[name]
    assert isinstance(state, Present)
    return {name: Present({**state.data, "sha256": f"{way:064x}"})}


def _heads(fleet: list[Host], definition: Definition) -> dict[UUID, str]:
    """The digest of each host's head, which is stored: it is what hosts are that are as they should be."""
    groups: dict[str, ChunkGroup] = {}
    heads = {}
    for host in fleet:
        parts = desired_parts(definition, host_view(host))
        if host.roles[0] not in groups:
            states = {name: want.state for name, want in {**parts.shared, **parts.own}.items()}
            group = store_manifest(states, parts.own_ids).group
            assert group is not None
            groups[host.roles[0]] = group
        own = {name: want.state for name, want in parts.own.items()}
        manifest, _ = manifest_of(groups[host.roles[0]], own)
        heads[host.pk] = manifest.digest
        MANIFESTS.append(manifest)
    Manifest.objects.bulk_create(MANIFESTS, ignore_conflicts=True, batch_size=1000)
    MANIFESTS.clear()
    return heads


def _head(definition: Definition, states: Halves[State] | None, host: Host) -> DesiredParts:
    """Own resources as stored; what is declared of them but for their content is the same for a whole role."""
    assert states is not None
    key = (host.roles[0], *sorted(states.own))
    if key not in definition.cache:
        definition.cache[key] = desired_parts(definition, host_view(host))
    like: DesiredParts = definition.cache[key]
    own = {name: replace(like.own[name], state=state) for name, state in states.own.items()}
    return replace(like, own=own)


def _judge_all(definition: Definition, heads: Mapping[UUID, str] | None) -> tuple[float, dict[str, float]]:
    began, cpu = time.perf_counter(), time.process_time()
    told: dict[str, float] = {"resources": 0, "found": 0, "in sync": 0}
    ways: set[object] = set()
    for batch in _batches():
        hosts, stored = batch
        sides = Sides(heads[host.pk] for host in hosts) if heads else None
        desired = (
            (lambda host, sides=sides: _head(definition, sides[heads[host.pk]], host))
            if sides and heads
            else None
        )
        for _, verdicts in judge_stored(hosts, stored, definition, desired):
            numbers = verdicts.counts()
            told["resources"] += sum(numbers.values())
            told["in sync"] += numbers["in sync"]
            for item in verdicts.unsettled():
                if item.verdict in OUT_OF_BAND:
                    told["found"] += 1
                    ways.add((item.resource, item.live))
    spent = round(time.process_time() - cpu, 2)  # without the database, and whatever else runs on the machine
    return time.perf_counter() - began, told | {"distinct": len(ways), "cpu_s": spent}


def _batches() -> Iterator[tuple[list[Host], dict]]:
    rows = list(HostState.objects.values_list("host_id", "base_id", "observed_id").order_by("host_id"))
    for first in range(0, len(rows), 1000):
        some = {
            pk: Stored(base, observed, {}, SHAPE, SHAPE_KEY)
            for pk, base, observed in rows[first : first + 1000]
        }
        yield list(Host.objects.filter(pk__in=some)), some


def _compare_with_each(fleet: list[Host], definition: Definition, bench: Bench) -> None:
    """The same host by host, of some: it says the same, and tells what sharing is worth."""
    some = [fleet[0], fleet[len(fleet) // 2], fleet[-1]]
    states = HostState.objects.select_related("base", "observed").in_bulk([host.pk for host in some])
    stored = {pk: Stored(row.base_id, row.observed_id, {}, SHAPE, SHAPE_KEY) for pk, row in states.items()}
    shared = {host.pk: verdicts for host, verdicts in judge_stored(some, stored, definition)}
    began = time.perf_counter()
    for host in some:
        base, live = load_states(states[host.pk].base), load_states(states[host.pk].observed)
        judged = evaluate(
            base=base,
            desired=to_compare(desired_manifest(definition, host_view(host)), hmac_key()),
            observation=Observation(live or {}, listed=LOOK.listed),
            ignore=definition.ignore,
        )
        one = shared[host.pk]
        if (one.judged(), one.counts(), one.next_base()) != (judged, counts(judged), next_base(base, judged)):
            raise AssertionError(f"{host.name} is not judged as by itself")
    bench.say(f"host by host, one takes {(time.perf_counter() - began) / len(some) * 1000:.0f} ms")


def _megabytes() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return float(cursor.fetchone()[0] / 2**20)


def _tables() -> dict[str, float]:
    """Megabytes of the largest tables, with their indexes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_total_relation_size(oid) / 1048576.0 FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC LIMIT 10"
        )
        return {name: round(float(size), 1) for name, size in cursor.fetchall()}
