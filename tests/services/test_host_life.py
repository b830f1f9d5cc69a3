"""A host is renamed, taken out of service and back; what names it as text is read as it was meant."""

from datetime import timedelta

import pytest

from changemgmt.models import Change
from common import clock
from common.core.errors import Conflict, Invalid, NotPermitted
from common.core.lifecycle import IllegalTransition
from common.models import LedgerEntry, OutboxEvent
from inventory.models import FormerName, Host
from inventory.queries.host_names import hosts_called, naming, spans_of
from inventory.queries.hosts import resolve_selector
from inventory.services.host_life import mark_reimaged, recommission_host, rename_host
from inventory.services.hosts import create_host, decommission_host, update_host
from tests.factories import acting, host, logged

pytestmark = pytest.mark.django_db


def rename(found: Host, name: str, who: str = "ben") -> None:
    rename_host(actor=acting(who), host=found, name=name)


# Rename


def test_a_renamed_host_stays_the_host_it_was() -> None:
    web = host("web-1")
    rename(web, "edge-1")
    assert (web.name, Host.objects.get().pk) == ("edge-1", web.pk)
    assert resolve_selector("edge-1").ids == [web.pk]
    entry = LedgerEntry.objects.get(action="host.renamed")
    assert (entry.subject_label, entry.data) == ("edge-1", {"name": ["web-1", "edge-1"]})
    event = OutboxEvent.objects.get(type="host.renamed")
    assert event.data == {"name": "edge-1", "former": "web-1"}


def test_a_name_that_was_given_up_may_be_given_again() -> None:
    first = host("web-1")
    rename(first, "web-9")
    second = create_host(actor=acting("ben"), name="web-1", environment="prod")
    assert resolve_selector("web-1").ids == [second.pk]


def test_a_name_that_another_host_has_is_refused_in_any_case() -> None:
    web, _ = host("web-1"), host("web-2")
    for name in ("web-2", "WEB-2"):
        with pytest.raises(Conflict, match="There is a host web-2 already"):
            rename(web, name)
    assert not FormerName.objects.exists() and not LedgerEntry.objects.filter(action="host.renamed").exists()


def test_the_name_of_a_decommissioned_host_is_not_given_again() -> None:
    web, gone = host("web-1"), host("web-2")
    decommission_host(actor=acting("ben"), host=gone)
    with pytest.raises(Conflict, match="its name is not given again"):
        rename(web, "web-2")


def test_only_the_case_of_a_name_may_change() -> None:
    web = host("web-1")
    rename(web, "Web-1")
    assert web.name == "Web-1"


@pytest.mark.parametrize("name", ["", "-x", "a b", "../etc", "a..b", "x" * 254])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        rename(host("web-1"), name)


def test_a_decommissioned_host_keeps_its_name() -> None:
    web = host("web-1")
    decommission_host(actor=acting("ben"), host=web)
    with pytest.raises(Conflict, match="kept as it was"):
        rename(web, "web-9")


def test_of_two_who_rename_at_once_one_is_told() -> None:
    web = host("web-1")
    stale = Host.objects.get(pk=web.pk)
    rename(web, "web-8")
    with pytest.raises(Conflict, match="changed since you read it"):
        rename(stale, "web-9")


def test_only_those_who_may_edit_hosts_rename_them() -> None:
    for who in ("ana", "dee"):
        with pytest.raises(NotPermitted):
            rename(host(f"web-{who}"), "x", who)


def test_records_that_name_a_host_are_read_as_they_were_meant() -> None:
    first = host("web-1")
    before = logged(hosts=["web-1"], title="before")
    Change.objects.filter(pk=before.pk).update(happened_at=clock.now() - timedelta(hours=2))
    rename(first, "web-9")
    second = create_host(actor=acting("ben"), name="web-1", environment="prod")
    after = logged(hosts=["web-1"], title="after")
    about = {
        one.name: set(
            Change.objects.filter(naming(spans_of([one.pk]), field="hosts", at="happened_at")).values_list(
                "pk", flat=True
            )
        )
        for one in (first, second)
    }
    assert about == {"web-9": {before.pk}, "web-1": {after.pk}}
    assert before.hosts == ["web-1"]
    assert list(hosts_called(["web-1"], clock.now() - timedelta(hours=2))) == [first]
    assert list(hosts_called(["web-1"], clock.now())) == [second]


# Out of service, and back


def test_a_decommissioned_host_comes_back_as_it_was() -> None:
    web = host("web-1")
    decommission_host(actor=acting("ben"), host=web)
    recommission_host(actor=acting("ben"), host=web)
    assert (web.state, web.decommissioned_at) == (Host.ACTIVE, None)
    assert resolve_selector("web-1").ids == [web.pk]
    assert [e.action for e in LedgerEntry.objects.filter(subject_id=web.pk).order_by("created_at")] == [
        "host.decommissioned",
        "host.recommissioned",
    ]


def test_only_a_decommissioned_host_is_taken_back() -> None:
    with pytest.raises(IllegalTransition):
        recommission_host(actor=acting("ben"), host=host("web-1"))


# Installed anew


def test_a_reimaged_host_forgets_what_it_said_of_itself() -> None:
    web = host("web-1")
    Host.objects.filter(pk=web.pk).update(facts={"os": "bookworm"})
    web.refresh_from_db()
    stale = Host.objects.get(pk=web.pk)
    mark_reimaged(actor=acting("cy"), host=web, reason="disk died")
    assert web.facts == {} and web.reimaged_at is not None
    assert LedgerEntry.objects.get(action="host.reimaged").data == {"reason": "disk died"}
    assert OutboxEvent.objects.filter(type="host.reimaged", subject_id=web.pk).exists()
    with pytest.raises(Conflict):
        update_host(actor=acting("cy"), host=stale, changes={"port": 2222})


def test_only_who_may_enrol_says_that_a_host_was_installed_anew() -> None:
    with pytest.raises(NotPermitted):
        mark_reimaged(actor=acting("ben"), host=host("web-1"))


def test_a_decommissioned_host_is_not_installed_anew() -> None:
    web = host("web-1")
    decommission_host(actor=acting("ben"), host=web)
    with pytest.raises(Conflict, match="back into service"):
        mark_reimaged(actor=acting("cy"), host=web)
