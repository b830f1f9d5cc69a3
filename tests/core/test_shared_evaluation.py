"""What hosts share is judged once, and comes out as if each host had been judged by itself."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.collector.question import Observation
from deployments.core.definition.model import Definition
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.render import desired_manifest, desired_parts
from deployments.core.states import ABSENT, UNDECLARED, Present, State, Unknown, canonical_json, to_json
from drift.core import evaluation, shared_evaluation
from drift.core.evaluation import counts, evaluate, next_base
from drift.core.own import Own
from drift.core.shared_evaluation import Halves, HostParts, HostVerdicts, SharedEvaluation, shape_of
from drift.core.watched_roots import mark_of
from inventory.core.host_view import HostView

TREE = {
    "definition.yaml": """\
format: 1
watched: [packages, services, sudoers, /etc]
ignore:
  - {path: /etc/noise*, reason: noise}
  - {resource: "package:p3", reason: ours}
""",
    "base/resources.yaml": """\
variables: {workers: 4}
files:
  /etc/motd: {content: "hello\\n", mode: "0644"}
  /etc/name.conf: {template: name.j2, owner: root}
  /etc/workers.conf: {template: workers.j2}
  /etc/hostname: {content: "one\\n"}
  /etc/sudoers.d/mine: {template: name.j2}
  /srv/gone: {state: absent}
  /srv/secret: {secret: s}
directories: {/etc/app.d: {exhaustive: true}, /srv/all: {exhaustive: true}}
packages: {p1: {version: "1"}}
services: {s1: {enabled: true}}
""",
    "base/templates/name.j2": "name {{ host.name }}\n",
    "base/templates/workers.j2": "workers {{ workers }} {{ host.environment }}\n",
    "roles/web/resources.yaml": 'files: {/etc/app.d/web: {content: "web\\n"}}\npackages: {p2: {version: "2"}}\n',
    "hosts/h2/resources.yaml": """\
variables: {workers: 9}
files: {/etc/motd: null, /etc/more: {content: "h2\\n"}}
directories: {/etc/app.d: {exhaustive: false}}
""",
    "hosts/h3/resources.yaml": """\
files: {/etc/motd: {content: "h3\\n"}, /etc/sudoers.d/y: {content: "y\\n"}}
directories: {/etc/app.d: {mode: "0755"}}
""",
    "hosts/h4/resources.yaml": """\
files: {/etc/motd: {content: "h4\\n"}, /etc/sudoers.d/y: {mode: "0440"}}
directories: {/etc/app.d: {mode: "0755", exhaustive: false}}
""",
}
DEFINITION = parse_definition({path: text.encode() for path, text in TREE.items() if "keep" not in path})
PATHS = (
    *(
        "/etc/motd",
        "/etc/name.conf",
        "/etc/workers.conf",
        "/etc/hostname",
        "/etc/sudoers.d/mine",
        "/etc/more",
    ),
    *("/etc/app.d", "/etc/app.d/web", "/etc/app.d/x", "/srv/all", "/srv/all/x", "/srv/gone", "/srv/secret"),
    *(
        "/etc/sudoers.d/y",
        "/etc/noise1",
        "/etc/deep",
        "/etc/deep/er",
        "/etc/ssh/ssh_host_rsa_key",
        "/opt/elsewhere",
    ),
)
NAMES = (
    *(f"{kind}:{path}" for path in PATHS for kind in ("file", "directory", "symlink")),
    *(f"package:p{n}" for n in range(6)),
    *(f"service:s{n}" for n in range(3)),
    *(
        "sudoers:/etc/sudoers.d/mine",
        "sudoers:/etc/sudoers.d/x",
        "sudoers:/etc/sudoers.d/y",
        "sysctl:net.core",
        "key:host",
    ),
)


def states_of(name: str) -> st.SearchStrategy[State]:
    kind = name.partition(":")[0]
    some: list[State] = [ABSENT, Unknown("denied")]
    if kind in ("file", "directory", "symlink"):
        some += [Present({"type": kind, "mode": mode}) for mode in ("0644", "0600")]
        some += [
            Present({"type": kind, "mode": "0644", "owner": "root", "sha256": c * 64, **more})
            for c in "ab"
            for more in ({}, {"acl": "x"})
        ]
        some += [Present({"type": kind, "hmac": c}) for c in "ab"]
    elif kind == "package":
        some += [Present({"version": v, "hold": False}) for v in "12"]
    elif kind == "service":
        some += [Present({"enabled": e, "running": True, "drop_ins": {}}) for e in (True, False)]
    else:
        some += [Present({"rules": [r]}) for r in "ab"]
    return st.sampled_from(some)


few = st.dictionaries(st.sampled_from(NAMES), st.none(), max_size=14)
some_states = few.flatmap(lambda names: st.fixed_dictionaries({name: states_of(name) for name in names}))
marks = st.sets(st.sampled_from(["package:", "service:", "sudoers:", mark_of("/etc")])).map(
    lambda names: {
        name: Present({"sections": ["packages"], "unseen": ["/etc/deep"], "packaged": ["/etc/more"]})
        if name.startswith("path:")
        else Present({})
        for name in names
    }
)
bases = st.none() | st.builds(
    lambda states, remembered, marks: {
        **{name: s for name, s in states.items() if not isinstance(s, Unknown)},
        **dict.fromkeys(remembered, UNDECLARED),
        **marks,
    },
    some_states,
    st.sets(st.sampled_from(NAMES), max_size=2),
    marks,
)
reasons = st.sampled_from([None, None, "denied", "over limit"])
shapes = st.builds(
    lambda listed, implied, unseen, shipped, packaged, failure: Observation(
        {}, listed=listed, implied=implied, unseen=unseen, shipped=shipped, packaged=packaged, failure=failure
    ),
    st.fixed_dictionaries(
        {"package:": reasons, "service:": reasons, "sudoers:": reasons, "/etc": reasons},
        optional={"/etc/app.d": reasons, "/srv/all": reasons, "/etc/deep": reasons},
    ),
    st.sets(st.sampled_from(["directory:/etc/app.d", "directory:/etc/deep"])).map(frozenset),
    st.dictionaries(st.sampled_from(["acl", "capabilities"]), st.just("no tool"), max_size=1),
    st.none() | st.sets(st.sampled_from(PATHS), max_size=2).map(frozenset),
    st.none() | st.sets(st.sampled_from(PATHS), max_size=2).map(frozenset),
    st.none() | st.just("cut short"),
)
sorts_of_host = st.tuples(
    st.sampled_from(["prod", "test"]), st.sampled_from([(), ("web",)]), st.sampled_from([{}, {"workers": 5}])
)
names = st.sampled_from(["h1", "h5", "h1", "h5", "h2", "h3", "h4", "h3", "h4"])
hosts = st.builds(lambda name, sort: HostView(name, *sort, {}), names, sorts_of_host)
kinds = st.tuples(
    st.lists(sorts_of_host, min_size=1, max_size=2),
    st.lists(bases, min_size=1, max_size=2),
    some_states,
    st.lists(shapes, min_size=1, max_size=2),
    some_states,
)
"""What a few hosts have in common: environment, roles and variables, base, live, shapes, open occurrences."""
NO_CHANGE: dict[str, State] = {}
edits = st.sampled_from([False, False, True]).flatmap(
    lambda some: some_states if some else st.just(NO_CHANGE)
)
rarely = st.integers(0, 3).map(lambda number: number == 0)
which = st.sampled_from([0, 0, 0, 1])
members = st.tuples(names, which, which, which, edits, edits, rarely, rarely)
fleets = st.tuples(kinds, st.lists(members, min_size=2, max_size=8))


def by_itself(
    definition: Definition,
    host: HostView,
    base: Mapping[str, State] | None,
    seen: Observation,
    found: Mapping[str, State],
) -> tuple[object, object, object]:
    judged = evaluate(
        base=base,
        desired=desired_manifest(definition, host),
        observation=seen,
        ignore=definition.ignore,
        still_open=found,
        found=found,
    )
    return judged, counts(judged), next_base(base, judged)


def halves(states: Mapping[str, State], own: frozenset[str], *, stale: bool) -> Halves[State]:
    """As they were stored; `stale` where other resources were the host's own then."""
    is_own = Own([*sorted(states)[::3]] if stale else own)
    shared = {name: state for name, state in states.items() if name not in is_own}
    key = canonical_json({name: to_json(state) for name, state in shared.items()})
    return Halves(key, shared, {name: state for name, state in states.items() if name in is_own})


def sharing(definition: Definition) -> SharedEvaluation:
    manifest = desired_manifest(definition, HostView("x", "prod"))
    return SharedEvaluation(watched=manifest.watched, roots=manifest.roots, ignore=definition.ignore)


def parts_of(
    host: HostView,
    base: Mapping[str, State] | None,
    seen: Observation,
    found: Mapping[str, State],
    *,
    stale: bool = False,
) -> HostParts:
    desired = desired_parts(DEFINITION, host)
    shape, key = shape_of(seen)
    return HostParts(
        None if base is None else halves(base, desired.own_ids, stale=stale),
        desired,
        halves(seen.states, desired.own_ids, stale=stale),
        shape,
        key,
        found,
    )


def told(verdicts: HostVerdicts) -> tuple[object, object, object]:
    return verdicts.judged(), verdicts.counts(), verdicts.next_base()


@pytest.mark.parametrize("most", [1000, 1], ids=["few differ", "more differ than are told"])
@settings(max_examples=40, deadline=None)
@given(fleet=fleets)
def test_a_host_judged_among_others_is_judged_as_by_itself(most: int, fleet: tuple) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module in (evaluation, shared_evaluation):
            patch.setattr(module, "MOST_DRIFTED", most)
            patch.setattr(module, "MOST_CHANGED", most)
        (sorts, agreed_bases, states, looks, open_ones), fleet_members = fleet
        together = sharing(DEFINITION)
        for name, sort, agreed_base, shape, changed, agreed, with_found, stale in fleet_members:
            host = HostView(name, *sorts[sort % len(sorts)], {})
            base = agreed_bases[agreed_base % len(agreed_bases)]
            base = None if base is None else {**base, **agreed}
            seen = replace(looks[shape % len(looks)], states={**states, **changed})
            found = open_ones if with_found else {}
            verdicts = together.judge(parts_of(host, base, seen, found, stale=stale))
            expected = by_itself(DEFINITION, host, base, seen, found)
            assert told(verdicts) == expected
            assert verdicts.moves_base == (base != expected[2])
            unsettled = [item for item in expected[0] if item.counted]  # type: ignore[attr-defined]
            unsettled = [item for item in unsettled if item.verdict.value not in ("in sync", "unmanaged")]
            assert sorted(verdicts.unsettled(), key=lambda item: item.resource) == unsettled


@settings(max_examples=30, deadline=None)
@given(fleet=st.lists(hosts, min_size=1, max_size=6))
def test_what_is_rendered_once_for_many_is_as_rendered_for_each(fleet: list[HostView]) -> None:
    for host in fleet:
        alone = parse_definition(dict(DEFINITION.files))
        manifest, parts = desired_manifest(DEFINITION, host), desired_parts(DEFINITION, host)
        assert manifest == desired_manifest(alone, host)
        assert {**parts.shared, **parts.own} == manifest.resources
        assert parts.own_ids == manifest.own and not parts.shared.keys() & parts.own_ids


def test_hosts_that_differ_in_what_is_their_own_are_judged_once() -> None:
    together = sharing(DEFINITION)
    shape = Observation({}, listed=dict.fromkeys(("package:", "service:", "sudoers:", "/etc")))
    for number in range(20):
        host = HostView(f"web-{number}", "prod", ("web",))
        manifest = desired_manifest(DEFINITION, host)
        live = {name: want.state for name, want in manifest.resources.items()}
        live["file:/etc/hostname"] = Present({"type": "file", "sha256": f"{number:064x}"})
        base = next_base(None, evaluate(base=None, desired=manifest, observation=replace(shape, states=live)))
        verdicts = together.judge(parts_of(host, base, replace(shape, states=live), {}))
        assert not verdicts.moves_base
        assert [item.resource for item in verdicts.unsettled()] == ["file:/etc/hostname"]
    assert together.distinct == 1
