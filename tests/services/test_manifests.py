"""Manifests: hosts that are alike share what is stored of them."""

import pytest

from deployments.core.states import Present, State
from drift.models import Chunk, Manifest
from drift.services.manifests import load_states, store_manifest

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
    assert len(known & set(other.chunks)) == len(other.chunks) - 1


def test_one_package_more_costs_one_chunk_too() -> None:
    store_manifest(fleet_host())
    before = Chunk.objects.count()
    store_manifest({**fleet_host(), "package:more": Present({"version": "9", "hold": False})})
    assert Chunk.objects.count() == before + 1
