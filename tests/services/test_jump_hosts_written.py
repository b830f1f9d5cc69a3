"""Jump hosts and sites of hosts: what may be written, and by whom."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from common.core.errors import Conflict, Invalid, NotPermitted
from common.models import JobBatch, LedgerEntry
from inventory.core.imports.plan import InventoryError
from inventory.core.imports.reader import read_inventory
from inventory.models import Host, Site
from inventory.queries.connections import connection_for, connections_for
from inventory.queries.hosts import resolve_selector
from inventory.queries.sites import batches_by_site
from inventory.services.hosts import create_host, decommission_host, update_host
from inventory.services.imports import import_hosts
from inventory.services.sites import create_site, update_site
from tests.factories import acting, in_threads

pytestmark = pytest.mark.django_db


def add(name: str, **fields: Any) -> Host:
    return create_host(actor=acting("cy"), name=name, environment="prod", **fields)


def behind(host: Host, jump: Host | None) -> None:
    update_host(actor=acting("cy"), host=Host.objects.get(pk=host.pk), changes={"jump_host": jump})


def way(host: Host) -> list[str]:
    return [hop.name for hop in connection_for(host).hops()]


def test_a_host_is_reached_through_up_to_three_others() -> None:
    a = add("a")
    b = add("b", jump_host=a)
    c = add("c", jump_host=b)
    web = add("web", jump_host=c)
    assert way(web) == ["web", "c", "b", "a"]
    with pytest.raises(Invalid, match="more than 3 jump hosts in a row: far → web → c → b → a") as caught:
        add("far", jump_host=web)
    assert caught.value.errors[0].pointer == "/jump_host"
    assert not Host.objects.filter(name="far").exists()
    with pytest.raises(Invalid, match="more than 3 jump hosts in a row: web → c → b → a → z"):
        behind(a, add("z"))
    with pytest.raises(Invalid, match="a would be reached through itself: a → b → a"):
        behind(a, b)
    behind(web, None)
    assert way(Host.objects.get(pk=web.pk)) == ["web"]


@pytest.mark.django_db(transaction=True)
def test_two_who_write_the_halves_of_a_ring_at_once_do_not_both_succeed() -> None:
    for number in range(4):
        a, b = add(f"a{number}"), add(f"b{number}")
        outcomes = in_threads(lambda: behind(a, b), lambda: behind(b, a))  # noqa: B023
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Invalid", "NoneType"]


def test_nobody_is_reached_through_a_folder_a_retired_host_or_itself(tmp_path: Any) -> None:
    folder = add("image", transport="local", root="/srv/image")
    retired = add("retired")
    decommission_host(actor=acting("cy"), host=retired)
    with pytest.raises(Invalid, match="image is a local folder"):
        add("web-1", jump_host=folder)
    with pytest.raises(Invalid, match="retired has been decommissioned"):
        add("web-1", jump_host=retired)
    web = add("web-1")
    with pytest.raises(Invalid, match="reached through itself"):
        behind(web, web)
    with pytest.raises(IntegrityError), transaction.atomic():
        Host.objects.filter(pk=web.pk).update(jump_host=web)


def test_who_is_behind_a_jump_host_that_was_retired_is_told() -> None:
    bastion = add("bastion")
    web = add("web-1", jump_host=bastion)
    decommission_host(actor=acting("cy"), host=bastion)
    jump = connection_for(web).jump
    assert jump is not None and jump.problem == "it has been decommissioned"


def test_a_ring_that_somebody_wrote_past_us_ends() -> None:
    a = add("a")
    b = add("b", jump_host=a)
    Host.objects.filter(pk=a.pk).update(jump_host=b)
    hops = list(connections_for([a.pk])[a.pk].hops())
    assert [hop.name for hop in hops] == ["a", "b", "a", "b"]
    assert hops[-1].problem == "more than 3 jump hosts in a row"


CSV = "name,environment,jump_host,site\nweb-1,prod,bastion,berlin\nbastion,prod,,berlin\n"


def imported(text: str) -> None:
    import_hosts(actor=acting("cy"), plan=read_inventory(text, path="hosts.csv"))


def test_an_import_brings_hosts_and_their_jump_host_in_any_order() -> None:
    imported(CSV)
    assert way(Host.objects.get(name="web-1")) == ["web-1", "bastion"]
    assert Host.objects.get(name="web-1").site == "berlin"
    imported(CSV)
    entry = LedgerEntry.objects.filter(action="hosts.imported").latest("created_at")
    assert entry.data["changed"] == {}
    with pytest.raises(InventoryError, match="bastion would be reached through itself"):
        imported("name,environment,jump_host\nbastion,prod,web-1\n")
    imported("name,environment,jump_host\nweb-2,prod,web-1\n")
    assert way(Host.objects.get(name="web-2")) == ["web-2", "web-1", "bastion"]


def test_a_site_with_a_limit_has_batches_of_its_own() -> None:
    create_site(actor=acting("ben"), name="berlin", connections=3)
    hosts = [add(f"web-{n}", site="berlin" if n % 2 else "oslo") for n in range(6)]
    made = batches_by_site([host.pk for host in hosts], 2)
    names = dict(Host.objects.values_list("pk", "name"))
    told = [
        ([names[type(hosts[0].pk)(pk)] for pk in items], lane and (lane.name, lane.places))
        for items, lane in zip(made.items, made.lanes, strict=True)
    ]
    assert told == [
        (["web-0", "web-2"], None),
        (["web-4"], None),
        (["web-1", "web-3"], ("site berlin", 3)),
        (["web-5"], ("site berlin", 3)),
    ]
    assert resolve_selector("site=berlin").names == ["web-1", "web-3", "web-5"]
    assert resolve_selector("* -site=berlin").names == ["web-0", "web-2", "web-4"]


def test_a_limit_is_changed_for_what_waits_and_said_in_the_ledger() -> None:
    site = create_site(actor=acting("cy"), name="berlin", connections=3)
    JobBatch.objects.all().delete()
    update_site(actor=acting("cy"), site=site, changes={"connections": None})
    assert Site.objects.get().connections is None
    entry = LedgerEntry.objects.get(action="site.updated")
    assert entry.data == {"before": {"connections": 3}, "after": {"connections": None}}
    stale = Site(pk=site.pk, name="berlin", version=1)
    with pytest.raises(Conflict, match="has changed since"):
        update_site(actor=acting("cy"), site=stale, changes={"connections": 9})


def test_a_site_is_called_the_same_everywhere() -> None:
    create_site(actor=acting("cy"), name="berlin")
    with pytest.raises(Invalid, match="the site is called berlin"):
        add("web-1", site="Berlin")
    add("web-2", site="oslo")
    with pytest.raises(Invalid, match="hosts have it as oslo"):
        create_site(actor=acting("cy"), name="Oslo")
    with pytest.raises(Conflict):
        create_site(actor=acting("cy"), name="Berlin")
    with pytest.raises(Invalid, match="at least one"):
        create_site(actor=acting("cy"), name="rome", connections=0)
    with pytest.raises(NotPermitted):
        create_site(actor=acting("ana"), name="rome")
