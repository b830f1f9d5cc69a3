"""Manifests: hosts that are alike share what is stored of them."""

import pytest

from deployments.core.states import ABSENT, Present, State
from drift.models import Chunk, ChunkGroup, Manifest
from drift.services.manifests import keep_manifest, load_manifests, load_states, own_in, store_manifest

pytestmark = pytest.mark.django_db


def fleet_host(**more: State) -> dict[str, State]:
    """About what one host shows of the kinds that are watched."""
    states: dict[str, State] = {}
    for number in range(1200):
        states[f"package:package-{number}"] = Present({"version": f"1.{number}", "hold": False})
    for number in range(300):
        states[f"service:service-{number}"] = Present({"enabled": True, "running": True, "drop_ins": {}})
    for number in range(40):
        states[f"file:/etc/file-{number}"] = Present({"type": "file", "mode": "0644"})
    return {**states, **{name.replace("_", ":", 1): state for name, state in more.items()}}


def test_what_is_stored_is_what_is_read() -> None:
    states = fleet_host()
    assert load_states(store_manifest(states)) == states


def test_hosts_that_are_alike_store_nothing_twice() -> None:
    store_manifest(fleet_host())
    before = Chunk.objects.count()
    store_manifest(fleet_host())
    assert (Chunk.objects.count(), Manifest.objects.count()) == (before, 1)


def test_one_package_that_differs_costs_one_small_chunk() -> None:
    store_manifest(fleet_host())
    known = set(Chunk.objects.values_list("pk", flat=True))
    other = store_manifest({**fleet_host(), "package:package-7": Present({"version": "9", "hold": False})})
    new = Chunk.objects.exclude(pk__in=known).get()
    assert len(new.states) < 80 and all(name.startswith("package:") for name in new.states)
    assert other.group is not None and other.chunks == []
    assert len(known & set(other.group.chunks)) == len(other.group.chunks) - 1


def test_one_package_more_costs_one_chunk_too() -> None:
    store_manifest(fleet_host())
    before = Chunk.objects.count()
    store_manifest({**fleet_host(), "package:more": Present({"version": "9", "hold": False})})
    assert Chunk.objects.count() == before + 1


def of_its_own(number: int) -> dict[str, State]:
    """What a template made of the name of one host, and what nobody declared and every host has differently."""
    return {
        "file:/etc/app/name.conf": Present({"type": "file", "sha256": f"{number:064x}"}),
        "file:/etc/hostname": Present({"type": "file", "sha256": f"{number + 1:064x}"}),
    }


def test_what_depends_on_the_host_itself_costs_one_small_chunk_and_no_list() -> None:
    store_manifest({**fleet_host(), **of_its_own(0)}, own={"file:/etc/app/name.conf"})
    before = Chunk.objects.count()
    made = [
        store_manifest({**fleet_host(), **of_its_own(n)}, own={"file:/etc/app/name.conf"}) for n in (1, 2, 3)
    ]
    assert ChunkGroup.objects.count() == 1
    assert Chunk.objects.count() == before + 3
    assert [own_in(manifest) for manifest in made] == [frozenset(of_its_own(0))] * 3
    found = load_manifests(manifest.digest for manifest in made)
    assert found[made[1].digest] == {**fleet_host(), **of_its_own(2)}


def test_a_host_with_many_resources_of_its_own_stores_only_those_that_moved() -> None:
    mine: dict[str, State] = {
        f"file:/srv/{n}": Present({"type": "file", "mode": "0644"}) for n in range(1000)
    }
    store_manifest(mine, own=mine)
    before = Chunk.objects.count()
    store_manifest({**mine, "file:/srv/7": Present({"type": "file", "mode": "0600"})}, own=mine)
    assert before > 10 and Chunk.objects.count() == before + 1


def test_a_manifest_from_before_there_were_groups_is_read_and_stored_anew_without_being_news() -> None:
    chunk = Chunk.objects.create(digest="ab" * 32, states={"package:a": {"value": "absent"}})
    old = Manifest.objects.create(digest="cd" * 32, chunks=[chunk.digest])
    states = load_states(old)
    assert states == {"package:a": ABSENT}
    new, moved = keep_manifest(states, old)
    assert not moved and new.digest != old.digest and load_states(new) == states
    assert keep_manifest(states, new) == (new, False)
