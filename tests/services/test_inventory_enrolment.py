"""Enrolment and trying a credential, against a real SSH server on loopback."""

import asyncio
import io
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from common.core.errors import Conflict, Invalid, NotPermitted, Unprocessable
from common.models import JobBatch, LedgerEntry
from common.services.jobs import run_batch
from deployments.services.credential_tests import start_credential_test, try_credential
from deployments.services.enrolment import enrol_host, fetch_offer, fetch_offers
from inventory.core.sealing import generate_key_pair
from inventory.models import Credential, Host, HostKey
from inventory.services.credentials import create_credential
from inventory.services.host_keys import pin_host_keys
from inventory.services.hosts import create_host, decommission_host
from tests.factories import acting

pytestmark = pytest.mark.django_db

PUBLIC, PRIVATE = generate_key_pair()
worker = override_settings(SEAL_PUBLIC_KEY=PUBLIC, SEAL_PRIVATE_KEY=PRIVATE)
LOGIN = asyncssh.generate_private_key("ssh-ed25519")


class Server:
    """An SSH server that lets `deploy` in with LOGIN or a password, and runs what it is sent in a real sh."""

    def __init__(self) -> None:
        self.keys = [asyncssh.generate_private_key(kind) for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256")]
        self.port = 0
        self.logins: list[str] = []
        self.shell: tuple[str, ...] = ("sh", "-s")
        self._loop = asyncio.new_event_loop()
        self._listener: Any = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def fingerprints(self) -> set[str]:
        return {key.get_fingerprint() for key in self.keys}

    def start(self) -> "Server":
        self._thread.start()
        self.listen()
        return self

    def listen(self) -> None:
        self._listener = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.port = self._listener.get_port()

    def new_keys(self) -> None:
        """The machine was replaced: the same address, other keys."""
        self.keys = [asyncssh.generate_private_key("ssh-ed25519")]
        self._loop.call_soon_threadsafe(self._listener.close)
        asyncio.run_coroutine_threadsafe(self._listener.wait_closed(), self._loop).result(10)
        self.listen()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._listener.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _listen(self) -> Any:
        server = self

        class Door(asyncssh.SSHServer):
            def begin_auth(self, username: str) -> bool:
                server.logins.append(username)
                return True

            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                return (username, password) == ("deploy", "open-sesame")

            def public_key_auth_supported(self) -> bool:
                return True

            def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
                return username == "deploy" and key == LOGIN.convert_to_public()

        return await asyncssh.create_server(
            Door, "127.0.0.1", self.port, server_host_keys=self.keys, process_factory=self._run, encoding=None
        )

    async def _run(self, process: Any) -> None:
        script = await process.stdin.read()
        done = await asyncio.to_thread(
            subprocess.run, self.shell, input=script, capture_output=True, check=False
        )
        process.stdout.write(done.stdout)
        process.exit(done.returncode)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server().start()
    yield running
    running.stop()


def ssh_host(server: Server, name: str = "web-1", **fields: Any) -> Host:
    return create_host(
        actor=acting("cy"), name=name, environment="prod", address="127.0.0.1", port=server.port, **fields
    )


def enrolled(server: Server, name: str = "web-1", **fields: Any) -> Host:
    host = ssh_host(server, name, **fields)
    pin_host_keys(
        actor=acting("cy"), host=host, keys=[key.export_public_key().decode() for key in server.keys]
    )
    return host


def deploy(**fields: Any) -> Credential:
    values = {
        "name": "deploy",
        "kind": "private-key",
        "user": "deploy",
        "secret": LOGIN.export_private_key().decode(),
    }
    return create_credential(actor=acting("cy"), **(values | fields))


def run(command: str, *args: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(command, *args, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


# Enrolment


def test_a_host_shows_its_keys_and_is_sent_nothing(server: Server) -> None:
    offer = fetch_offer(actor=acting("cy"), host=ssh_host(server))
    assert offer.fingerprints == server.fingerprints
    assert (offer.pinned, offer.is_changed) == (frozenset(), False)
    assert server.logins == []
    assert not HostKey.objects.exists()


def test_exactly_the_confirmed_fingerprints_are_pinned(server: Server) -> None:
    host = ssh_host(server)
    offer = fetch_offer(actor=acting("cy"), host=host)
    chosen = server.keys[0].get_fingerprint()
    enrol_host(actor=acting("cy"), host=host, offer=offer, fingerprints=[chosen])
    assert [key.fingerprint for key in HostKey.objects.all()] == [chosen]


def test_a_fingerprint_that_the_host_does_not_show_pins_nothing(server: Server) -> None:
    host = ssh_host(server)
    offer = fetch_offer(actor=acting("cy"), host=host)
    wrong = "SHA256:" + "A" * 43
    with pytest.raises(Conflict, match="doesn't show SHA256:AAA") as caught:
        enrol_host(actor=acting("cy"), host=host, offer=offer, fingerprints=[wrong, *server.fingerprints])
    assert server.keys[0].get_fingerprint() in caught.value.detail
    assert not HostKey.objects.exists()


def test_a_replaced_machine_is_seen_as_changed(server: Server) -> None:
    host = enrolled(server)
    server.new_keys()
    offer = fetch_offer(actor=acting("cy"), host=host)
    assert offer.is_changed
    assert offer.pinned and not offer.pinned & offer.fingerprints


def test_a_host_that_is_not_there_says_why(server: Server) -> None:
    host = ssh_host(server)
    server.stop()
    with pytest.raises(Unprocessable, match=r"showed no host key at 127.0.0.1, port \d+: connection refused"):
        fetch_offer(actor=acting("cy"), host=host)


def test_a_local_folder_needs_no_enrolment(server: Server) -> None:
    folder = create_host(
        actor=acting("cy"), name="image", environment="lab", transport="local", root="/srv/image"
    )
    with pytest.raises(Invalid, match="needs no enrolment"):
        fetch_offer(actor=acting("cy"), host=folder)
    assert fetch_offers(actor=acting("cy"), hosts=[folder]) == []


@pytest.mark.parametrize("who", ["ana", "ben", "dee"])
def test_only_an_admin_asks_hosts_for_keys(server: Server, who: str) -> None:
    host = ssh_host(server)
    with pytest.raises(NotPermitted):
        fetch_offer(actor=acting(who), host=host)
    offer = fetch_offer(actor=acting("cy"), host=host)
    with pytest.raises(NotPermitted):
        enrol_host(actor=acting(who), host=host, offer=offer, fingerprints=list(offer.fingerprints))


# The enrol command


def test_the_command_shows_fingerprints_and_pins_nothing_by_itself(server: Server) -> None:
    ssh_host(server)
    shown = run("enrol", "*")
    assert all(f"{fingerprint}  new" in shown for fingerprint in server.fingerprints)
    assert "Nothing was pinned" in shown and "ssh-keygen -lf" in shown
    assert not HostKey.objects.exists()


def test_accept_pins_what_new_hosts_offer_and_never_a_changed_key(server: Server) -> None:
    ssh_host(server)
    assert "1 of 1 hosts enrolled" in run("enrol", "web-1", accept=True, as_person="cy")
    assert {key.fingerprint for key in HostKey.objects.all()} == server.fingerprints
    assert {key.pinned_by and key.pinned_by.username for key in HostKey.objects.all()} == {"cy"}
    assert "1 of 1 hosts enrolled" in run("enrol", "web-1", accept=True)
    server.new_keys()
    with pytest.raises(CommandError, match="not enrolled: web-1"):
        run("enrol", "web-1", accept=True)
    assert not HostKey.objects.filter(fingerprint__in=server.fingerprints).exists()


@pytest.mark.parametrize("form", ["fingerprints", "ssh-keygen -l", "known_hosts"])
def test_a_file_vouches_for_keys_in_any_usual_form(server: Server, tmp_path: Path, form: str) -> None:
    ssh_host(server)
    key = server.keys[0]
    line = {
        "fingerprints": f"web-1 {key.get_fingerprint()}",
        "ssh-keygen -l": f"256 {key.get_fingerprint()} root@web-1 (ED25519)",
        "known_hosts": f"web-1,127.0.0.1 {key.export_public_key().decode()}",
    }[form]
    (tmp_path / "keys").write_text(f"# written down in the machine room\n{line}\n")
    run("enrol", "*", yes_fingerprints=str(tmp_path / "keys"))
    assert [pinned.fingerprint for pinned in HostKey.objects.all()] == [key.get_fingerprint()]


def test_a_host_that_the_file_does_not_vouch_for_stays_out(server: Server, tmp_path: Path) -> None:
    ssh_host(server)
    (tmp_path / "keys").write_text("SHA256:" + "A" * 43)
    with pytest.raises(CommandError, match="not enrolled: web-1"):
        run("enrol", "*", yes_fingerprints=str(tmp_path / "keys"))
    (tmp_path / "keys").write_text("nothing here")
    with pytest.raises(CommandError, match="holds no fingerprint"):
        run("enrol", "*", yes_fingerprints=str(tmp_path / "keys"))
    assert not HostKey.objects.exists()


def test_the_command_refuses_a_bad_selector_and_who_may_not(server: Server) -> None:
    ssh_host(server)
    acting("dee")
    with pytest.raises(CommandError, match="needs a value"):
        run("enrol", "role=")
    with pytest.raises(CommandError, match="may not enrol hosts"):
        run("enrol", "*", accept=True, as_person="dee")
    with pytest.raises(CommandError, match="no active person nobody"):
        run("enrol", "*", as_person="nobody")


# Trying a credential


@worker
@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({}, "ok"),
        ({"kind": "password", "secret": "open-sesame"}, "ok"),
        ({"kind": "password", "secret": "wrong"}, "authentication failed"),
        ({"user": "nobody"}, "authentication failed"),
    ],
)
def test_a_credential_works_or_the_reason_is_told(
    server: Server, fields: dict[str, Any], result: str
) -> None:
    told = try_credential(credential=deploy(**fields), host=enrolled(server))
    assert told.split(":")[0] == result
    assert "wrong" not in told


@worker
def test_the_hosts_own_user_is_the_one_that_signs_in(server: Server) -> None:
    host = enrolled(server, user="deploy")
    assert try_credential(credential=deploy(user="someone"), host=host) == "ok"
    assert set(server.logins) == {"deploy"}


@worker
def test_no_secret_is_sent_to_a_host_with_another_key(server: Server) -> None:
    host = enrolled(server)
    server.new_keys()
    credential = deploy(kind="password", secret="open-sesame")
    assert try_credential(credential=credential, host=host).startswith("host key changed")
    assert server.logins == []


@worker
def test_a_host_that_gives_no_shell_is_told_apart(server: Server) -> None:
    server.shell = ("cat",)
    assert "did not run a POSIX shell" in try_credential(credential=deploy(), host=enrolled(server))


@worker
def test_hosts_that_cannot_be_tried_are_refused_before_anything_is_sent(server: Server) -> None:
    credential, host = deploy(), ssh_host(server)
    with pytest.raises(Invalid, match="is not enrolled"):
        start_credential_test(actor=acting("cy"), credential=credential, host=host)
    decommission_host(actor=acting("cy"), host=host)
    with pytest.raises(Conflict, match="decommissioned"):
        start_credential_test(actor=acting("cy"), credential=credential, host=host)
    folder = create_host(actor=acting("cy"), name="image", environment="lab", transport="local", root="/x")
    with pytest.raises(Invalid, match="local folder"):
        try_credential(credential=credential, host=folder)
    assert server.logins == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("key", "result"),
    [(PRIVATE, "ok"), (b"", "FOLDBACK_SEAL_PRIVATE is not set")],
    ids=["with key", "without"],
)
def test_a_worker_does_the_test_and_keeps_how_it_ended(server: Server, key: bytes, result: str) -> None:
    with worker:
        credential = deploy()
        job = start_credential_test(actor=acting("cy"), credential=credential, host=enrolled(server))
        with override_settings(SEAL_PRIVATE_KEY=key):
            run_batch(batch_id=JobBatch.objects.get(job=job).pk)
    credential.refresh_from_db()
    job.refresh_from_db()
    assert credential.test_result.startswith(result)
    assert (credential.tested_host, job.state, job.items_done) == ("web-1", "done", 1)
    assert LedgerEntry.objects.filter(action="credential.tested", subject_id=credential.pk).exists()


@worker
@pytest.mark.parametrize("who", ["ana", "ben", "dee"])
def test_only_an_admin_tests_credentials(server: Server, who: str) -> None:
    with pytest.raises(NotPermitted):
        start_credential_test(actor=acting(who), credential=deploy(), host=enrolled(server))


@worker
def test_the_command_tells_whether_a_credential_opens_a_host(server: Server) -> None:
    enrolled(server)
    deploy()
    assert run("test_credential", "deploy", "web-1") == "deploy opens web-1\n"
    assert Credential.objects.get(name="deploy").test_result == "ok"
    deploy(name="old", kind="password", secret="wrong")
    with pytest.raises(CommandError, match="old does not open web-1: authentication failed"):
        run("test_credential", "old", "web-1")
    with pytest.raises(CommandError, match="There is no credential nothing"):
        run("test_credential", "nothing", "web-1")
    with override_settings(SEAL_PRIVATE_KEY=b""), pytest.raises(CommandError, match="only workers"):
        run("test_credential", "deploy", "web-1")
