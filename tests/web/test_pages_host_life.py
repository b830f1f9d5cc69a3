"""A host is renamed, enrolled, installed anew and taken out of service in the console: told first, done then."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from common import clock
from common.core.errors import Unprocessable
from deployments.services.enrolment import Offer
from deployments.transport.host_keys import host_key
from drift.models import Finding
from drift.services.observations import record_look
from inventory.models import Host, HostKey
from inventory.services.host_cas import trust_host_ca
from inventory.services.host_keys import pin_host_keys
from inventory.services.host_life import rename_host
from inventory.services.hosts import decommission_host
from tests.definitions import GitFleet, work
from tests.factories import acting
from tests.folding import begin, fixed_by_hand
from tests.services.test_host_key_findings import fingerprint, public_key
from tests.web.site import page, read, window
from web.queries import host_life

pytestmark = pytest.mark.django_db

OWN = {"hosts/web-2/resources.yaml": "files:\n  /etc/own: {content: 'its own'}\n"}


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    fleet = begin(settings, tmp_path)
    fleet.now = clock.now() - timedelta(minutes=30)
    fleet.look()
    return fleet


@pytest.fixture
def shows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a host offers, without a network: `shows("new")`; nothing: it can't be reached."""

    def offering(*seeds: str) -> None:
        def fetch(*, actor: Any, host: Host, seconds: float) -> Offer:
            if not seeds:
                raise Unprocessable(f"{host} showed no host key: connection refused.")
            pinned = HostKey.objects.filter(host=host, revoked_at=None).values_list("fingerprint", flat=True)
            keys = tuple(host_key(public_key(seed)) for seed in seeds)
            return Offer(host.pk, host.name, host.name, 22, keys, frozenset(pinned))

        monkeypatch.setattr(host_life, "fetch_offer", fetch)

    return offering


def pin(name: str, *seeds: str) -> None:
    found = Host.objects.get(name=name)
    pin_host_keys(actor=acting("cy"), host=found, keys=[public_key(seed) for seed in seeds])
    work()


def refused_key(fleet: GitFleet, name: str, shown: str) -> Finding:
    """A scan was hung up on, since the host showed another key."""
    scan, claim = fleet.claim(name)
    fleet.now += timedelta(minutes=1)
    look = replace(
        fleet.shown(name, status="unknown", reason="host key changed"), offered_key=fingerprint(shown)
    )
    record_look(claim=claim, scan=scan, look=look, against=fleet.against(name))
    return Finding.objects.get(resource="host_key:ssh")


# On the host's page


def test_the_host_page_offers_each_what_they_may_do(fleet: GitFleet) -> None:
    offered = {who: page(window(who), "/hosts/web-2/") for who in ("ana", "ben", "cy", "dee")}
    assert "Rename it" in offered["ben"] and "Take it out of service" in offered["ben"]
    assert "It was installed anew" not in offered["ben"]
    assert "It was installed anew" in offered["cy"] and "Enrol its key" in offered["cy"]
    for who in ("ana", "dee"):
        assert "This machine" not in offered[who]


def test_a_host_ca_that_is_trusted_is_named_beside_the_keys(fleet: GitFleet) -> None:
    trust_host_ca(actor=acting("cy"), name="fleet-ca", public_key=public_key("ca"), hosts="role=web")
    text = page(window("ana"), "/hosts/web-2/")
    assert f"{fingerprint('ca')} host CA fleet-ca" in text and "None is pinned" not in text


def test_the_address_of_a_renamed_host_leads_to_it(fleet: GitFleet) -> None:
    rename_host(actor=acting("ben"), host=Host.objects.get(name="web-2"), name="edge-2")
    response = window("ana").get("/hosts/web-2/")
    assert (response.status_code, response.headers["Location"]) == (302, "/hosts/edge-2/")
    assert "Was called web-2" in page(window("ana"), "/hosts/edge-2/")


# Rename


def test_renaming_says_first_what_follows_and_what_does_not(fleet: GitFleet) -> None:
    ben = window("ben")
    response = ben.post("/hosts/web-2/rename/", {"name": "edge-2", "action": "preview"})
    text = read(response)
    assert "What happens when it is called edge-2" in text
    assert "it is reached as edge-2" in text
    assert "and it waits for the next push or is no longer managed: file:/etc/app.conf" in text
    assert Host.objects.filter(name="web-2").exists()
    done = ben.post("/hosts/web-2/rename/", {"name": "edge-2", "action": "rename"}, follow=True)
    assert "web-2 is edge-2 now." in read(done)


def test_a_layer_of_its_own_is_not_lost_by_accident(fleet: GitFleet) -> None:
    fleet.repository.commit(OWN)
    ben = window("ben")
    text = read(ben.post("/hosts/web-2/rename/", {"name": "edge-2", "action": "preview"}))
    assert "Its own layer would be lost" in text and "It is meant so" in text
    refused = ben.post("/hosts/web-2/rename/", {"name": "edge-2", "action": "rename"})
    assert refused.status_code == 409 and "Tick this if it is" in read(refused)
    form = {"name": "edge-2", "action": "rename", "accept_layer": "on"}
    assert ben.post("/hosts/web-2/rename/", form).status_code == 302
    assert Host.objects.filter(name="edge-2").exists()


@pytest.mark.parametrize("name", ["", "web-3", "../etc"])
def test_a_name_that_can_not_be_had_is_told_at_the_field(fleet: GitFleet, name: str) -> None:
    response = window("ben").post("/hosts/web-2/rename/", {"name": name, "action": "rename"})
    assert response.status_code in (400, 409, 422)
    assert Host.objects.filter(name="web-2").exists()


# Keys


def test_the_keys_it_shows_are_pinned_when_they_are_ticked(fleet: GitFleet, shows: Any) -> None:
    pin("web-2", "old")
    shows("new", "new-rsa")
    cy = window("cy")
    text = page(cy, "/hosts/web-2/keys/")
    assert "It shows none of the keys that are pinned." in text
    assert f"{fingerprint('new')} ssh-ed25519, not pinned" in text
    assert f"Pinned, and not shown any more: {fingerprint('old')}" in text
    assert "ssh-keygen -lf" in text
    nothing = cy.post("/hosts/web-2/keys/", {})
    assert nothing.status_code == 400 and not HostKey.objects.filter(fingerprint=fingerprint("new")).exists()
    done = cy.post("/hosts/web-2/keys/", {"fingerprints": [fingerprint("new")]}, follow=True)
    assert "1 key is pinned" in read(done)
    assert HostKey.objects.get(fingerprint=fingerprint("old")).revoked_at is not None


def test_a_key_that_it_does_not_show_is_not_pinned(fleet: GitFleet, shows: Any) -> None:
    shows("new")
    response = window("cy").post("/hosts/web-2/keys/", {"fingerprints": [fingerprint("other")]})
    assert response.status_code == 422 and not HostKey.objects.exists()


def test_a_host_that_shows_nothing_is_told_with_the_reason(fleet: GitFleet, shows: Any) -> None:
    shows()
    for path in ("keys", "re-image"):
        text = page(window("cy"), f"/hosts/web-2/{path}/")
        assert "connection refused" in text


# Installed anew


def test_installed_anew_says_what_ends_and_begins_again(fleet: GitFleet, shows: Any) -> None:
    finding = fixed_by_hand(fleet, "web-2")
    shows("new")
    cy = window("cy")
    text = page(cy, "/hosts/web-2/re-image/")
    assert "1 finding is open here, and ends on this host as re-imaged; for it it is the last host" in text
    assert finding.reference in text and "bring the release to it first" in text
    refused = cy.post("/hosts/web-2/re-image/", {})
    assert refused.status_code == 400 and "at least one has to be" in read(refused)
    form = {"fingerprints": [fingerprint("new")], "reason": "disk died"}
    assert "begins again" in read(cy.post("/hosts/web-2/re-image/", form, follow=True))
    work()
    finding.refresh_from_db()
    assert finding.state == "retired"
    assert "web-2: re-imaged" in page(cy, f"/findings/{finding.reference}/")


# Out of service, and back


def test_taking_a_host_out_of_service_says_what_ends_and_can_be_undone(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-1", "web-2")
    ben = window("ben")
    text = page(ben, "/hosts/web-2/decommission/")
    assert "It is not deleted" in text and finding.reference in text
    assert "it is the last host" not in text
    assert "out of service" in read(ben.post("/hosts/web-2/decommission/", follow=True))
    assert "Take it back into service" in page(ben, "/hosts/web-2/")
    assert "Take it back" not in page(window("ana"), "/hosts/web-2/")
    assert "is back in service" in read(ben.post("/hosts/web-2/recommission/", follow=True))


def test_a_decommissioned_host_has_nothing_else_done_to_it(fleet: GitFleet, shows: Any) -> None:
    shows("new")
    decommission_host(actor=acting("cy"), host=Host.objects.get(name="web-2"))
    for path in ("rename", "keys", "re-image", "decommission"):
        text = page(window("cy"), f"/hosts/web-2/{path}/", 409)
        assert "take it back into service first" in text


# The finding of a changed key


def test_a_changed_key_is_in_the_inbox_with_both_fingerprints(fleet: GitFleet) -> None:
    pin("web-2", "old")
    finding = refused_key(fleet, "web-2", "new")
    text = page(window("ana"), "/findings/")
    assert finding.reference in text
    assert fingerprint("old") in text and fingerprint("new") in text
    text = page(window("ana"), f"/hosts/{'web-2'}/")
    assert "Could not be looked at" in text and finding.reference in text


def test_the_finding_says_what_it_means_and_what_can_be_done(fleet: GitFleet, shows: Any) -> None:
    pin("web-2", "old")
    finding = refused_key(fleet, "web-2", "new")
    address = f"/findings/{finding.reference}/"
    response = window("cy").get(address)
    text = read(response)
    assert "Foldback hangs up before it signs in" in text
    assert fingerprint("old") in text and fingerprint("new") in text
    assert 'href="/hosts/web-2/keys/"' in response.content.decode()
    assert 'href="/hosts/web-2/re-image/"' in response.content.decode()
    assert "Fold back" not in text and "Waive" in text
    anas = window("ana").get(address).content.decode()
    assert "Only an admin enrols hosts." in anas and 'href="/hosts/web-2/keys/"' not in anas
    shows("new")
    assert finding.reference in page(window("cy"), "/hosts/web-2/keys/")


def test_a_host_that_was_installed_anew_is_unknown_until_it_is_looked_at(fleet: GitFleet, shows: Any) -> None:
    shows("new")
    window("cy").post("/hosts/web-2/re-image/", {"fingerprints": [fingerprint("new")]})
    work()
    text = page(window("ana"), "/hosts/web-2/")
    assert "Installed anew lately, and not looked at since." in text
    assert "as it says" not in text and "In sync" not in text


def test_its_way_is_found_enrolled_proven(fleet: GitFleet) -> None:
    pin("web-2", "old")
    finding = refused_key(fleet, "web-2", "new")
    text = page(window("ana"), f"/findings/{finding.reference}/")
    assert "Another key is shown than the one that was agreed on 1 of 3 hosts" in text
    assert "found enrolled proven" in text and "in the definition" not in text
    pin("web-2", "new")
    fleet.look("web-2")
    text = page(window("ana"), f"/findings/{finding.reference}/")
    assert "The new key is enrolled, and was seen on 1 host by a scan" in text
