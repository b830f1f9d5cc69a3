"""The life of a host's key against OpenSSH's own server, from the scan to the finding and back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.models import JobBatch
from common.services.jobs import run_batch
from deployments.services.enrolment import enrol_host, fetch_offer, reimage_host
from deployments.transport.host_keys import host_key
from drift.core.host_key import RESOURCE
from drift.models import Finding, HostMemory, HostScan, HostState, Occurrence, Scan
from drift.services.scans import create_scan
from inventory.core.sealing import generate_key_pair
from inventory.models import Credential, Host
from inventory.services.credentials import create_credential
from inventory.services.host_cas import trust_host_ca
from tests.definitions import Repository, path_settings, work
from tests.factories import acting
from tests.services.test_host_certificates import Ca
from tests.sshd import Sshd, running_sshd

pytestmark = [pytest.mark.needs("sshd"), pytest.mark.django_db(transaction=True)]

FILES = {"base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n'}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "etc").mkdir(parents=True)
    (root / "etc/motd").write_text("hello\n")
    return root


@pytest.fixture
def ca(tmp_path: Path) -> Ca:
    return Ca(tmp_path / "ca")


@pytest.fixture
def first(settings: Any, tmp_path: Path, tree: Path) -> Iterator[Sshd]:
    """The machine as it was; and everything that is needed to look at it."""
    public, private = generate_key_pair()
    for name, value in path_settings(tmp_path, SEAL_PUBLIC_KEY=public, SEAL_PRIVATE_KEY=private).items():
        setattr(settings, name, value)
    Repository(FILES)
    with running_sshd(tmp_path / "first", f"SetEnv FOLDBACK_ROOT={tree}", "LogLevel DEBUG1") as server:
        yield server


@pytest.fixture
def second(tmp_path: Path, tree: Path, ca: Ca) -> Iterator[Sshd]:
    """Another machine that answers in its place, with keys of its own that a CA has signed."""
    lines = (f"SetEnv FOLDBACK_ROOT={tree}", "LogLevel DEBUG1")
    with running_sshd(tmp_path / "second", *lines, with_keys=ca.signing("web-1")) as server:
        yield server


def enrolled(server: Sshd) -> Host:
    web = Host.objects.create(
        name="web-1", environment="prod", address="127.0.0.1", port=server.port, user=server.user
    )
    offer = fetch_offer(actor=acting("cy"), host=web)
    enrol_host(actor=acting("cy"), host=web, offer=offer, fingerprints=sorted(offer.fingerprints))
    work()
    return web


def answers_now(web: Host, server: Sshd) -> None:
    """Another machine answers at the host's address, with the same account."""
    key = server.credential.key
    assert key is not None
    name = f"key-{server.port}"
    login = Credential.objects.filter(name=name).first() or create_credential(
        actor=acting("cy"),
        name=name,
        kind="private-key",
        user=server.user,
        secret=key.export_private_key().decode(),
    )
    Host.objects.filter(pk=web.pk).update(port=server.port, credential=login)
    web.refresh_from_db()


def scan() -> HostScan:
    HostMemory.objects.all().delete()  # in full, however slow this test is: what hasn't moved has no row of its own
    made = create_scan(actor=acting("cy"), selector="web-1")
    return carried_out(made)


def carried_out(made: Scan) -> HostScan:
    run_batch(batch_id=JobBatch.objects.get(job=made.job).pk)
    return HostScan.objects.get(scan=made)


def test_another_machine_is_hung_up_on_found_and_forgotten_when_it_is_gone(first: Sshd, second: Sshd) -> None:
    web = enrolled(first)
    answers_now(web, first)
    assert (scan().status, first.asked_to_sign_in) == ("ok", True)

    answers_now(web, second)
    look = scan()
    assert (look.status, look.reason) == ("unknown", "host key changed")
    assert not second.asked_to_sign_in
    occurrence = Occurrence.objects.get()
    shown = {host_key(line).fingerprint for line in second.host_keys}
    assert occurrence.finding.resource == RESOURCE
    assert set(occurrence.live["data"]["keys"]) < shown
    assert set(occurrence.base["data"]["keys"]) == {host_key(line).fingerprint for line in first.host_keys}
    assert HostState.objects.get().counts["in sync"] == 1  # as it was last seen, and told as unknown

    answers_now(web, first)
    assert scan().status == "ok"
    assert Finding.objects.get().state == "vanished"


def test_a_new_machine_is_enrolled_and_proven_by_a_look(first: Sshd, second: Sshd) -> None:
    web = enrolled(first)
    answers_now(web, first)
    scan()
    answers_now(web, second)
    scan()
    offer = fetch_offer(actor=acting("cy"), host=web)
    assert offer.is_changed
    enrol_host(actor=acting("cy"), host=web, offer=offer, fingerprints=sorted(offer.fingerprints))
    work()
    look = carried_out(Scan.objects.get(purpose="proof"))
    assert (look.status, Finding.objects.get().state) == ("ok", "proven")
    assert second.asked_to_sign_in


def test_a_machine_that_was_installed_anew_begins_again_with_its_new_key(
    first: Sshd, second: Sshd, tree: Path
) -> None:
    web = enrolled(first)
    answers_now(web, first)
    (tree / "etc/motd").write_text("by hand\n")
    scan()
    answers_now(web, second)
    scan()
    assert set(Finding.objects.values_list("state", flat=True)) == {"open"}
    (tree / "etc/motd").write_text("hello\n")
    offer = fetch_offer(actor=acting("cy"), host=web)
    reimage_host(actor=acting("cy"), host=web, offer=offer, fingerprints=sorted(offer.fingerprints))
    work()
    assert set(Finding.objects.values_list("state", flat=True)) == {"retired"}
    assert scan().status == "ok"
    assert HostState.objects.get().counts["in sync"] == 1
    assert not Finding.objects.exclude(state="retired").exists()


def test_under_a_host_ca_the_new_machine_is_looked_at_without_anybody_enrolling_it(
    first: Sshd, second: Sshd, ca: Ca
) -> None:
    web = enrolled(first)
    trust_host_ca(actor=acting("cy"), name="fleet", public_key=ca.line, hosts="env=prod")
    answers_now(web, first)
    assert scan().status == "ok"
    answers_now(web, second)
    assert scan().status == "ok"
    assert not Finding.objects.exists()
