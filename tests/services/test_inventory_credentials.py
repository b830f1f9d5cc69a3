"""Credentials are sealed for the workers; host keys are pinned by a person."""

import base64
import re
from collections.abc import Callable
from functools import partial

import asyncssh
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import IntegrityError, connection, transaction
from django.test import override_settings

from common.core.errors import Conflict, Invalid, NotPermitted, Unprocessable
from common.models import LedgerEntry
from inventory.core.host_keys import parse_public_key
from inventory.core.private_keys import PrivateKeyError, public_line
from inventory.core.sealing import generate_key_pair
from inventory.models import Credential, HostKey
from inventory.queries.connections import connection_for
from inventory.services.credentials import (
    CannotOpen,
    create_credential,
    open_credentials,
    record_credential_test,
    rotate_credential,
    update_credential,
)
from inventory.services.host_keys import pin_host_keys, revoke_host_keys
from tests.factories import acting, host, in_threads, person

pytestmark = pytest.mark.django_db

PUBLIC, PRIVATE = generate_key_pair()
sealed = override_settings(SEAL_PUBLIC_KEY=PUBLIC, SEAL_PRIVATE_KEY=PRIVATE)
web_process = override_settings(SEAL_PUBLIC_KEY=PUBLIC, SEAL_PRIVATE_KEY=b"")


def private_key(kind: str = "ssh-ed25519") -> str:
    return asyncssh.generate_private_key(kind).export_private_key().decode()


def host_key(kind: str = "ssh-ed25519") -> str:
    return asyncssh.generate_private_key(kind, comment="root@web-1").export_public_key().decode()


def deploy_key(**fields: object) -> Credential:
    values = {"name": "deploy", "kind": "private-key", "secret": private_key(), "user": "deploy", **fields}
    return create_credential(actor=acting("cy"), **values)  # type: ignore[arg-type]


def everything_stored() -> str:
    """All that a dump of these tables would hold, as text and as bytes in hex."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c::text FROM inventory_credential c UNION ALL SELECT l::text FROM common_ledgerentry l"
        )
        return "\n".join(row[0] for row in cursor.fetchall())


# Sealing


@sealed
def test_a_worker_opens_what_an_admin_stored() -> None:
    secret = private_key()
    credential = deploy_key(secret=secret)
    opened = open_credentials([credential.pk])[credential.pk]
    assert opened.secret.decode() == secret
    assert (opened.user, opened.kind, opened.name) == ("deploy", "private-key", "deploy")
    assert "PRIVATE KEY" not in repr(opened)


@web_process
def test_the_web_process_seals_but_cannot_open() -> None:
    credential = deploy_key()
    with pytest.raises(CannotOpen, match="only workers"):
        open_credentials([credential.pk])


@sealed
def test_neither_the_database_nor_the_ledger_holds_the_secret() -> None:
    password = "correct-horse-battery"
    create_credential(actor=acting("cy"), name="legacy", kind="password", secret=password, user="root")
    key = private_key()
    deploy_key(secret=key)
    stored = everything_stored()
    assert password not in stored and password.encode().hex() not in stored
    body = key.splitlines()[2]
    assert body not in stored and body.encode().hex() not in stored


@sealed
def test_a_sealed_value_copied_to_another_row_does_not_open() -> None:
    first, second = deploy_key(), deploy_key(name="other")
    Credential.objects.filter(pk=second.pk).update(sealed=bytes(first.sealed))
    with pytest.raises(CannotOpen, match="other can't be opened"):
        open_credentials([second.pk])


@sealed
def test_a_tampered_value_does_not_open_and_the_error_tells_nothing_of_it() -> None:
    credential = create_credential(
        actor=acting("cy"), name="legacy", kind="password", secret="hunter2hunter2"
    )
    changed = bytearray(credential.sealed)
    changed[-1] ^= 1
    Credential.objects.filter(pk=credential.pk).update(sealed=bytes(changed))
    with pytest.raises(CannotOpen) as caught:
        open_credentials([credential.pk])
    assert "hunter2" not in str(caught.value)


@sealed
def test_a_worker_with_another_seal_key_says_which_key_is_needed() -> None:
    credential = deploy_key()
    with (
        override_settings(SEAL_PRIVATE_KEY=generate_key_pair()[1]),
        pytest.raises(CannotOpen, match=re.escape(credential.seal_key)),
    ):
        open_credentials([credential.pk])


@override_settings(SEAL_PUBLIC_KEY=b"")
def test_without_a_seal_key_nothing_is_kept() -> None:
    with pytest.raises(Unprocessable, match="FOLDBACK_SEAL_PUBLIC"):
        deploy_key()
    assert not Credential.objects.exists()


# Creating and rotating


@sealed
def test_the_line_for_authorized_keys_is_shown_with_a_private_key() -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    credential = deploy_key(secret=key.export_private_key().decode())
    assert credential.public_key.split() == key.export_public_key().decode().split()[:2]


@pytest.mark.parametrize("format", ["openssh", "pkcs1-pem", "pkcs8-pem"])
def test_private_keys_are_read_in_every_usual_form(format: str) -> None:
    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    text = key.export_private_key(format).decode()
    assert public_line(text).split()[:2] == key.export_public_key().decode().split()[:2]
    assert public_line(text.replace("\n", "\r\n") + "\n\n") == public_line(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ssh-ed25519 AAAA", "is not a private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nrubbish\n-----END OPENSSH PRIVATE KEY-----", "can't be read"),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "can't be read"),
        ("x" * 20_001, "at most 20,000"),
    ],
)
def test_what_is_no_private_key_is_refused(text: str, message: str) -> None:
    with pytest.raises(PrivateKeyError, match=message) as caught:
        public_line(text)
    assert "rubbish" not in str(caught.value)


def protected_openssh_key() -> str:
    """An OpenSSH key whose header says that it is encrypted; nobody gets as far as decrypting it."""
    body = base64.b64decode("".join(private_key().splitlines()[1:-1]))
    plain = b"openssh-key-v1\0" + _text(b"none") + _text(b"none") + _text(b"")
    assert body.startswith(plain)
    public_length = int.from_bytes(body[len(plain) + 4 : len(plain) + 8], "big")
    public = body[len(plain) : len(plain) + 8 + public_length]
    options = _text(_text(bytes(16)) + bytes([0, 0, 0, 16]))
    made = (
        b"openssh-key-v1\0" + _text(b"aes256-ctr") + _text(b"bcrypt") + options + public + _text(bytes(160))
    )
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{base64.b64encode(made).decode()}\n-----END OPENSSH PRIVATE KEY-----\n"


def _text(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def protected_key(form: serialization.PrivateFormat) -> str:
    key = rsa.generate_private_key(65537, 2048)
    protection = serialization.BestAvailableEncryption(b"pass")
    return key.private_bytes(serialization.Encoding.PEM, form, protection).decode()


@pytest.mark.parametrize(
    "make",
    [
        protected_openssh_key,
        partial(protected_key, serialization.PrivateFormat.PKCS8),
        partial(protected_key, serialization.PrivateFormat.TraditionalOpenSSL),
    ],
    ids=["openssh", "pkcs8", "pkcs1"],
)
def test_a_key_with_a_passphrase_is_refused_with_what_to_do(make: Callable[[], str]) -> None:
    with pytest.raises(PrivateKeyError, match="ssh-keygen -p"):
        public_line(make())


@sealed
@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": "de ploy"}, "/name"),
        ({"kind": "token"}, "/kind"),
        ({"user": "a b"}, "/user"),
        ({"secret": "nonsense"}, "/secret"),
        ({"kind": "password", "secret": ""}, "/secret"),
        ({"kind": "password", "secret": "two\nlines"}, "/secret"),
    ],
)
def test_a_credential_that_cannot_work_is_refused(fields: dict[str, str], pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        deploy_key(**fields)
    assert [error.pointer for error in caught.value.errors] == [pointer]
    assert not Credential.objects.exists()


@sealed
@pytest.mark.parametrize("who", ["ana", "ben", "dee"])
def test_only_an_admin_touches_credentials(who: str) -> None:
    credential = deploy_key()
    for call in (
        lambda: create_credential(actor=acting(who), name="x", kind="password", secret="x"),
        lambda: rotate_credential(actor=acting(who), credential=credential, secret=private_key()),
        lambda: update_credential(actor=acting(who), credential=credential, changes={"user": "x"}),
    ):
        with pytest.raises(NotPermitted):
            call()


@sealed
def test_after_a_rotation_only_the_new_secret_opens_and_old_tests_are_forgotten() -> None:
    credential = deploy_key()
    record_credential_test(actor=acting("cy"), credential=credential, host="web-1", result="ok")
    new = private_key()
    credential.refresh_from_db()
    rotate_credential(actor=acting("cy"), credential=credential, secret=new)
    assert open_credentials([credential.pk])[credential.pk].secret.decode() == new
    assert (credential.test_result, credential.tested_at) == ("", None)
    assert credential.version == 2


@sealed
def test_a_test_of_the_old_secret_is_not_written_beside_the_new_one() -> None:
    credential = deploy_key()
    tried = Credential.objects.get(pk=credential.pk)
    rotate_credential(actor=acting("cy"), credential=credential, secret=private_key())
    record_credential_test(actor=acting("cy"), credential=tried, host="web-1", result="ok")
    assert Credential.objects.get(pk=credential.pk).test_result == ""


@sealed
def test_there_is_one_default_credential() -> None:
    first = deploy_key(is_default=True)
    second = deploy_key(name="other", is_default=True)
    first.refresh_from_db()
    assert (first.is_default, second.is_default) == (False, True)
    update_credential(actor=acting("cy"), credential=first, changes={"is_default": True})
    second.refresh_from_db()
    assert (first.is_default, second.is_default) == (True, False)
    with pytest.raises(IntegrityError, match="credential_one_default"), transaction.atomic():
        Credential.objects.filter(pk=second.pk).update(is_default=True)


@sealed
def test_a_name_is_taken_in_any_case() -> None:
    deploy_key()
    with pytest.raises(Conflict, match="Rotate it"):
        deploy_key(name="Deploy")


# Host keys


def test_pinned_keys_are_what_the_connection_trusts_and_who_pinned_them_is_kept() -> None:
    web = host("web-1")
    assert not connection_for(web).is_enrolled
    lines = [host_key(), host_key("ecdsa-sha2-nistp256")]
    pinned = pin_host_keys(actor=acting("cy"), host=web, keys=lines)
    assert {key.pinned_by for key in pinned} == {person("cy")}
    assert set(connection_for(web).trusted_keys) == {" ".join(line.split()[:2]) for line in lines}
    entry = LedgerEntry.objects.get(action="host.keys_pinned")
    assert sorted(entry.data["pinned"]) == sorted(key.fingerprint for key in pinned)


def test_a_fingerprint_is_the_one_that_openssh_shows() -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    assert parse_public_key(key.export_public_key().decode()).fingerprint == key.get_fingerprint()


def test_pinning_again_replaces_the_keys_and_refuses_the_old_ones() -> None:
    web = host("web-1")
    old, new = host_key(), host_key()
    pin_host_keys(actor=acting("cy"), host=web, keys=[old])
    pin_host_keys(actor=acting("cy"), host=web, keys=[new])
    reached = connection_for(web)
    assert reached.trusted_keys == (" ".join(new.split()[:2]),)
    assert reached.revoked_keys == (" ".join(old.split()[:2]),)
    pin_host_keys(actor=acting("cy"), host=web, keys=[old, new])
    assert connection_for(web).revoked_keys == ()


def test_pinning_what_is_pinned_leaves_no_trace() -> None:
    web, key = host("web-1"), host_key()
    pin_host_keys(actor=acting("cy"), host=web, keys=[key])
    pin_host_keys(actor=acting("cy"), host=web, keys=[key, key])
    assert LedgerEntry.objects.filter(action="host.keys_pinned").count() == 1
    assert HostKey.objects.count() == 1


def test_revoking_leaves_a_host_that_nothing_connects_to() -> None:
    web = host("web-1")
    pin_host_keys(actor=acting("cy"), host=web, keys=[host_key(), host_key()])
    assert revoke_host_keys(actor=acting("cy"), host=web) == 2
    reached = connection_for(web)
    assert (reached.is_enrolled, reached.trusted_keys, len(reached.revoked_keys)) == (False, (), 2)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 !!!!",
        "ssh-rsa " + base64.b64encode(b"\x00\x00\x00\x0bssh-ed25519" + bytes(40)).decode(),
        "ssh-ed25519 " + base64.b64encode(b"\x00\x00\x00\x0bssh-ed25519").decode(),
    ],
)
def test_what_is_no_host_key_is_never_pinned(line: str) -> None:
    with pytest.raises(Invalid):
        pin_host_keys(actor=acting("cy"), host=host("web-1"), keys=[host_key(), line])
    assert not HostKey.objects.exists()


@pytest.mark.parametrize("who", ["ana", "ben", "dee"])
def test_only_an_admin_enrols_hosts(who: str) -> None:
    web = host("web-1")
    with pytest.raises(NotPermitted):
        pin_host_keys(actor=acting(who), host=web, keys=[host_key()])
    with pytest.raises(NotPermitted):
        revoke_host_keys(actor=acting(who), host=web)


@pytest.mark.django_db(transaction=True)
def test_two_who_pin_at_once_leave_the_keys_of_one() -> None:
    web, cy = host("web-1"), acting("cy")
    first, second = host_key(), host_key()
    in_threads(
        lambda: pin_host_keys(actor=cy, host=web, keys=[first]),
        lambda: pin_host_keys(actor=cy, host=web, keys=[second]),
    )
    assert HostKey.objects.filter(revoked_at=None).count() == 1


@sealed
def test_a_host_without_a_credential_of_its_own_uses_the_default_one() -> None:
    web = host("web-1")
    assert (connection_for(web).credential_id, connection_for(web).user, connection_for(web).address) == (
        None,
        "",
        "web-1",
    )
    default = deploy_key(is_default=True)
    assert (connection_for(web).credential_id, connection_for(web).user) == (default.pk, "deploy")
    own = deploy_key(name="own", user="root")
    web.credential, web.user = own, "admin"
    web.save()
    assert (connection_for(web).credential_id, connection_for(web).user) == (own.pk, "admin")
