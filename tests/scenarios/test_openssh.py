"""Against OpenSSH's own server: a forced command and a directory as the host's root. Nothing outside is touched."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from common import clock
from common.services.jobs import run_batch
from demo import trees
from deployments.repository import DefinitionRepository
from deployments.transport.host_keys import fetch_host_keys
from drift.models import Finding, ScanHost
from drift.scanner import run
from drift.services.scans import create_scan
from inventory.models import Host
from inventory.services.credentials import create_credential
from inventory.services.host_keys import pin_host_keys
from tests.factories import acting
from tests.needs import sshd_path
from tests.scenarios.shop import DEFINITION
from tests.scenarios.stack import ADDRESS, free_port, wait_until

# Committed, for whoever renews a lease looks from a connection of its own: after two seconds, on a busy machine.
pytestmark = [pytest.mark.needs("sshd"), pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[int]:
    """An sshd for one key, one command and one tree; yields its port."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(
            exist_ok=True
        )  # its privilege separation directory, as Debian's unit makes it
    for name in ("host_key", "scan_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True
        )
    command = tmp_path / "forced"
    command.write_text(f"#!/bin/sh\nFOLDBACK_ROOT={tmp_path / 'root'} exec sh -s\n")
    command.chmod(0o755)
    (tmp_path / "authorized").write_text((tmp_path / "scan_key.pub").read_text())
    port = free_port()
    (tmp_path / "sshd_config").write_text(
        f"Port {port}\nListenAddress {ADDRESS}\nHostKey {tmp_path / 'host_key'}\nPidFile none\n"
        f"AuthorizedKeysFile {tmp_path / 'authorized'}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        f"PermitRootLogin yes\nForceCommand {command}\nLogLevel VERBOSE\n"
    )
    with (tmp_path / "sshd.log").open("wb") as log:
        server = subprocess.Popen(
            [str(sshd_path()), "-D", "-e", "-f", str(tmp_path / "sshd_config")], stdout=log, stderr=log
        )
    try:
        wait_until(lambda: "Server listening" in (tmp_path / "sshd.log").read_text(), what="sshd")
        yield port
    finally:
        server.terminate()
        server.wait(timeout=10)


def look(selector: str = "*") -> ScanHost:
    scan = create_scan(actor=acting("ana"), selector=selector)
    assert scan.job is not None
    run_batch(batch_id=scan.job.batches.get().pk)
    return ScanHost.objects.get(scan=scan)


def test_a_manual_edit_is_found_over_openssh(sshd: int, tmp_path: Path, definition_path: Path) -> None:
    who = ("Cy", "cy@shop.example")
    DefinitionRepository.create(
        settings.DEFINITION_PATH,
        files={path: text.encode() for path, text in DEFINITION.items()},
        author=who,
        message="Begin\n",
        when=clock.now(),
    )
    create_credential(
        actor=acting("cy"),
        name="scanning",
        kind="private-key",
        user=os.environ.get("USER") or subprocess.check_output(["id", "-un"], text=True).strip(),
        secret=(tmp_path / "scan_key").read_text(),
        is_default=True,
    )
    host = Host.objects.create(name="web-1", environment="prod", roles=[], address=ADDRESS, port=sshd)
    motd = tmp_path / "root/etc/motd"
    trees.write(motd, "Authorised use only\n", at=clock.now(), mode=0o644)

    # Not enrolled yet: not connected to.
    assert (look().status, ScanHost.objects.latest("created_at").reason) == (
        "unknown",
        "host key not enrolled",
    )

    [key] = run(fetch_host_keys(ADDRESS, sshd))
    assert key.fingerprint in subprocess.check_output(
        ["ssh-keygen", "-lf", str(tmp_path / "host_key.pub")], text=True
    )
    pin_host_keys(actor=acting("cy"), host=host, keys=[key.public_key])
    seen = look()
    assert (seen.status, seen.counts["in sync"]) == ("ok", 1), seen.detail

    trees.edit(motd, "only", "and care", at=clock.now())
    assert look().counts["drifted"] == 1
    assert Finding.objects.get().change["hunks"] == [
        {"removed": ["Authorised use only\n"], "added": ["Authorised use and care\n"]}
    ]
