"""Trusting a host CA: for which hosts, and until it is revoked."""

import asyncssh
import pytest

from common.core.errors import Conflict, Invalid, NotPermitted
from common.models import LedgerEntry
from inventory.models import Host, HostCa
from inventory.queries.connections import connection_for
from inventory.services.host_cas import revoke_host_ca, trust_host_ca, update_host_ca
from inventory.services.host_keys import pin_host_keys
from tests.factories import acting, host, team

pytestmark = pytest.mark.django_db


def key() -> str:
    text: str = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode()
    return " ".join(text.split()[:2])


CA, OTHER = key(), key()


def trust(hosts: str = "*", *, name: str = "fleet", public_key: str = CA, who: str = "cy") -> HostCa:
    return trust_host_ca(actor=acting(who), name=name, public_key=public_key, hosts=hosts)


def test_a_ca_is_trusted_for_the_hosts_that_its_selector_means() -> None:
    web, db = host("web-1"), host("db-1", host_roles=["db"])
    trust("role=web")
    assert connection_for(web).ca_keys == (CA,) and connection_for(web).is_enrolled
    assert connection_for(db).ca_keys == () and not connection_for(db).is_enrolled


@pytest.mark.parametrize(
    "selector", ["team=payments", "web-*", "env=prod role=web", "* -db-1", "name=web-[1-3]"]
)
def test_any_selector_says_for_which_hosts(selector: str) -> None:
    web, db = host("web-1", owned_by=team("payments")), host("db-1", host_roles=["db"])
    trust(selector)
    assert (connection_for(web).ca_keys, connection_for(db).ca_keys) == ((CA,), ())


def test_it_is_asked_anew_which_hosts_are_meant() -> None:
    trust("role=web")
    assert connection_for(host("web-2")).ca_keys == (CA,)
    Host.objects.filter(name="web-2").update(roles=["db"])
    assert connection_for(Host.objects.get(name="web-2")).ca_keys == ()


def test_a_revoked_ca_is_trusted_for_nobody_and_its_signatures_are_refused() -> None:
    web = host("web-1")
    ca = trust()
    revoke_host_ca(actor=acting("cy"), ca=ca)
    connection = connection_for(web)
    assert connection.ca_keys == () and CA in connection.revoked_keys and not connection.is_enrolled
    with pytest.raises(Conflict, match="was revoked, and is not trusted again"):
        trust(name="again")
    for act in (
        lambda: revoke_host_ca(actor=acting("cy"), ca=ca),
        lambda: update_host_ca(actor=acting("cy"), ca=ca, hosts="web-1"),
    ):
        with pytest.raises(Conflict, match="for good"):
            act()


def test_a_key_that_a_ca_signed_can_be_revoked_alone() -> None:
    web, stolen = host("web-1"), key()
    ca = trust()
    update_host_ca(actor=acting("cy"), ca=ca, revoked_keys=[f"{stolen} web-3, stolen"])
    assert connection_for(web).revoked_keys == (stolen,)
    entry = LedgerEntry.objects.get(action="host-ca.updated")
    assert entry.data["revoked_keys"][0] == [] and entry.data["revoked_keys"][1][0].startswith("SHA256:")


def test_a_key_that_is_pinned_is_not_refused_for_another_host_having_lost_it() -> None:
    web, shared = host("web-1"), key()
    pin_host_keys(actor=acting("cy"), host=web, keys=[shared])
    update_host_ca(actor=acting("cy"), ca=trust(), revoked_keys=[shared])
    assert connection_for(web).revoked_keys == () and connection_for(web).trusted_keys == (shared,)


def test_what_is_no_key_or_no_selector_is_refused() -> None:
    for wrong in (
        {"public_key": "ssh-ed25519 nonsense"},
        {"hosts": "colour=red"},
        {"hosts": ""},
        {"name": "a b"},
    ):
        with pytest.raises(Invalid):
            trust(**wrong)
    with pytest.raises(Invalid):
        update_host_ca(actor=acting("cy"), ca=trust(), revoked_keys=["-----BEGIN OPENSSH PRIVATE KEY-----"])


def test_names_and_keys_are_there_once() -> None:
    trust()
    with pytest.raises(Conflict, match="There is a host CA FLEET already"):
        trust(name="FLEET", public_key=OTHER)
    with pytest.raises(Conflict, match="is the host CA fleet, which is trusted already"):
        trust(name="another")


def test_only_who_may_enrol_hosts_trusts_a_ca() -> None:
    for who in ("ana", "ben", "dee"):
        with pytest.raises(NotPermitted):
            trust(who=who)
    ca = trust()
    for who in ("ana", "ben", "dee"):
        with pytest.raises(NotPermitted):
            update_host_ca(actor=acting(who), ca=ca, hosts="web-1")
        with pytest.raises(NotPermitted):
            revoke_host_ca(actor=acting(who), ca=ca)


def test_of_two_who_change_a_ca_at_once_one_is_told() -> None:
    ca = trust()
    stale = HostCa.objects.get(pk=ca.pk)
    update_host_ca(actor=acting("cy"), ca=ca, hosts="web-1")
    with pytest.raises(Conflict, match="changed since you read it"):
        update_host_ca(actor=acting("cy"), ca=stale, hosts="web-2")
