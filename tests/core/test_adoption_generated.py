"""Random fleets: whatever hosts show, the adopted definition renders to it on each of them; and it says nothing at a
host that a whole layer agrees on."""

import time
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployments.core.definition.render import desired_manifest
from deployments.core.states import Unknown
from drift.core.adoption_layers import layers_of
from tests.core.adopting import Shop, after, assert_renders_to_live

SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MOST_SECONDS = 30  # of a processor; four on an idle one
ROLES = ("web", "db", "cache")
VALUES = st.sampled_from(["a", "b", "c", None])
LINES = st.sampled_from(
    ["plain", "listen {address}", "name {name}", "id {shard}", "rack {rack}", "{name}.x {name}", "é # }}", ""]
)


@st.composite
def fleets(draw: Any) -> Shop:
    shop = Shop()
    count = draw(st.integers(1, 7))
    for number in range(count):
        roles = draw(st.permutations(draw(st.lists(st.sampled_from(ROLES), unique=True, max_size=2))))
        shop.host(
            f"h-{number}",
            draw(st.sampled_from(["prod", "dev"])),
            *roles,
            address=f"10.0.0.{number}",
            variables={"shard": f"shard-{draw(st.integers(0, 3))}", "n": draw(st.integers(0, 3))},
            facts={"rack": f"rack-{number // 2}", "os_id": "debian"},
        )
    for number in range(draw(st.integers(0, 5))):
        for name, view in shop.views.items():
            _show(draw, shop, number, name, view)
    return shop


def _show(draw: Any, shop: Shop, number: int, name: str, view: Any) -> None:
    version = draw(VALUES)
    if version is not None:
        shop.put(f"package:p{number}", {"version": version, "hold": draw(st.booleans())}, name)
    uid = draw(st.sampled_from([None, 0, 1000, 1001]))
    if uid is not None:
        groups = draw(st.sampled_from([[], ["adm"], ["adm", "www-data"]]))
        shop.put(
            f"user:u{number}", {"uid": uid, "group": "u", "groups": groups, "home": "/", "comment": ""}, name
        )
    match draw(st.integers(0, 6)):
        case 0:
            return
        case 1:
            shop.put(f"file:/etc/f{number}", Unknown("denied"), name)
        case 2:
            target = draw(st.sampled_from(["/a", "../b c", "é"]))
            data = {
                "type": "symlink",
                "target": target,
                "owner": draw(st.sampled_from(["root", "ana"])),
                "group": "root",
            }
            shop.put(f"symlink:/etc/f{number}", data, name)
        case _:
            lines = draw(st.lists(LINES, max_size=3))
            known = {"name": name, "address": view.address, **view.variables, **view.facts}
            text = "".join(f"{line.format(**known)}\n" if "}}" not in line else f"{line}\n" for line in lines)
            mode = draw(st.sampled_from(["0644", "0600"]))
            shop.file(f"/etc/f{number}", text, name, mode=mode, secrets=draw(st.sampled_from([0, 0, 0, 1])))


@SETTINGS
@given(shop=fleets(), exhaustive=st.sampled_from(["auto", "none"]))
def test_every_host_renders_to_what_is_live(shop: Shop, exhaustive: str) -> None:
    plan = shop.adopt(exhaustive=exhaustive)
    assert_renders_to_live(shop, plan)
    assert plan.renders
    assert not [one for one in plan.left_out if one.reason.startswith("written into")]


@SETTINGS
@given(shop=fleets())
def test_nothing_is_said_at_a_host_that_all_hosts_of_a_layer_agree_on(shop: Shop) -> None:
    plan = shop.adopt()
    made = after(shop, plan)
    views = list(shop.views.values())
    shared = layers_of(views).shared
    manifests = {view.name: desired_manifest(made, view).resources for view in views}
    for bit, view in enumerate(views):
        own = made.layers.get(f"hosts/{view.name}")
        for resource, declared in (own.declarations if own else {}).items():
            for name in declared.attributes or {}:
                name = "sha256" if name in ("content", "source") else name
                if name == "secret":
                    continue
                for layer in shared:
                    if not layer.hosts >> bit & 1:
                        continue
                    states = [
                        shop.states[each.name].get(resource)
                        for n, each in enumerate(views)
                        if layer.hosts >> n & 1
                    ]
                    values = {repr(getattr(state, "data", {}).get(name)) for state in states}
                    if any(
                        resource not in manifests[each.name]
                        for n, each in enumerate(views)
                        if layer.hosts >> n & 1
                    ):
                        continue
                    assert len(values) > 1 or values == {"None"}, (
                        f"{resource} {name} could be said in {layer.name}"
                    )


@SETTINGS
@given(shop=fleets(), data=st.data())
def test_hosts_that_were_not_chosen_are_never_spoken_to(shop: Shop, data: Any) -> None:
    chosen = data.draw(st.lists(st.sampled_from(sorted(shop.views)), unique=True, min_size=1))
    plan = shop.adopt(*chosen)
    assert_renders_to_live(shop, plan, *chosen)
    made = after(shop, plan)
    for name in shop.views.keys() - set(chosen):
        assert not desired_manifest(made, shop.views[name]).resources


@SETTINGS
@given(shop=fleets(), data=st.data())
def test_adopting_one_after_the_other_never_changes_what_was_said_before(shop: Shop, data: Any) -> None:
    first = data.draw(st.lists(st.sampled_from(sorted(shop.views)), unique=True, min_size=1))
    shop.definition = after(shop, shop.adopt(*first))
    before = {name: desired_manifest(shop.definition, view).resources for name, view in shop.views.items()}
    plan = shop.adopt()
    made = after(shop, plan)
    for name, view in shop.views.items():
        now = desired_manifest(made, view).resources
        for resource, wanted in before[name].items():
            assert now[resource].state == wanted.state, f"{resource} on {name}"
        assert plan.renders


def test_a_hundred_hosts_with_two_thousand_resources_take_seconds() -> None:
    shop = Shop()
    for number in range(100):
        shop.host(
            f"h-{number}", "prod" if number % 3 else "dev", ROLES[number % 3], address=f"10.0.1.{number}"
        )
    for number in range(1200):
        hosts = [name for name, view in shop.views.items() if number % 4 or view.roles == ("web",)]
        shop.put(f"package:p{number}", {"version": f"1.{number}", "hold": False}, *hosts)
    for number in range(800):
        text = f"setting {number}\n" * 40
        shop.file(f"/etc/d{number % 9}/f{number}", text)
        if number % 40 == 0:
            shop.file(f"/etc/d{number % 9}/f{number}", text + "by hand\n", f"h-{number // 40}")
    for name in shop.views:
        shop.file("/etc/hosts", "".join(f"127.0.0.{n} {name}\n" for n in range(20)), name)
    started = time.process_time()
    plan = shop.adopt()
    took = time.process_time() - started
    assert plan.renders and "base/templates/etc/hosts.j2" in plan.templates
    assert took < MOST_SECONDS, f"{took:.1f} s"
