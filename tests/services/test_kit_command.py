"""`manage.py collector kit`: whose key goes into what is printed."""

import io
from pathlib import Path

import asyncssh
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings

from deployments.collector.kit import Kit, install_script
from inventory.core.sealing import generate_key_pair
from inventory.services.credentials import create_credential
from tests.factories import acting

pytestmark = pytest.mark.django_db

sealed = override_settings(SEAL_PUBLIC_KEY=generate_key_pair()[0])


def kit(*words: str, stderr: io.StringIO | None = None) -> str:
    out = io.StringIO()
    call_command("collector", "kit", *words, stdout=out, stderr=stderr or io.StringIO())
    return out.getvalue()


@pytest.fixture
def public(tmp_path: Path) -> Path:
    path = tmp_path / "key.pub"
    path.write_bytes(asyncssh.generate_private_key("ssh-ed25519", comment="scanner").export_public_key())
    return path


def test_it_prints_one_script_that_installs_everything(public: Path) -> None:
    words = ("--key", str(public), "--user", "scan-2", "--from", "192.0.2.10", "--directory", "/opt/foldback")
    same = Kit((public.read_text().strip(),), "scan-2", "/opt/foldback", "192.0.2.10")
    assert kit(*words) == install_script(same)
    assert kit(*words) == kit(*words)
    assert "NOPASSWD" not in kit(*words, "--no-sudo")


def test_it_writes_the_parts_to_be_read(public: Path, tmp_path: Path) -> None:
    said = kit("--key", str(public), "--out", str(tmp_path / "kit"))
    same = Kit((public.read_text().strip(),))
    assert same.version in said
    assert {path.name: path.read_text() for path in (tmp_path / "kit").iterdir()} == {
        "install.sh": install_script(same),
        "collector": same.program(),
        "authorized_keys": same.authorized_keys(),
        "sudoers": same.sudoers(),
    }


@sealed
def test_the_key_is_that_of_a_credential_or_of_the_default_one() -> None:
    with pytest.raises(CommandError, match="no default credential"):
        kit()
    made = [
        create_credential(
            actor=acting("cy"),
            name=name,
            kind="private-key",
            secret=asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode(),
            user="foldback-scan",
            is_default=name == "usual",
        )
        for name in ("usual", "other")
    ]
    for credential, words in zip(made, ([], ["--key", "other"]), strict=True):
        text = kit(*words)
        assert " ".join(credential.public_key.split()[:2]) in text
        assert "PRIVATE KEY" not in text


@sealed
def test_the_account_is_whom_the_credential_signs_in_as() -> None:
    def credential(name: str, user: str) -> None:
        secret = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
        create_credential(actor=acting("cy"), name=name, kind="private-key", secret=secret, user=user)

    credential("mine", "scanner")
    credential("roots", "root")
    credential("anybodys", "")
    for words, account in (
        (("--key", "mine"), "scanner"),
        (("--key", "anybodys"), "foldback-scan"),
        (("--key", "mine", "--user", "other"), "other"),
        (("--key", "roots"), "foldback-scan"),
    ):
        warnings = io.StringIO()
        assert f"\nuser={account} " in kit(*words, stderr=warnings)
        said = warnings.getvalue()
        assert bool(said) == (words[-1] in ("other", "roots")), words
    assert "signs in as root" in said


@sealed
def test_what_is_no_public_key_is_refused(tmp_path: Path) -> None:
    private = tmp_path / "key"
    private.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    with pytest.raises(CommandError, match="is a private key"):
        kit("--key", str(private))
    (tmp_path / "odd").write_text("hello\n")
    with pytest.raises(CommandError, match="no public key"):
        kit("--key", str(tmp_path / "odd"))
    with pytest.raises(CommandError, match="no file and no credential nobody"):
        kit("--key", "nobody")
    create_credential(actor=acting("cy"), name="word", kind="password", secret="x" * 20, user="u")
    with pytest.raises(CommandError, match="has no key"):
        kit("--key", "word")


def test_names_that_are_not_safe_are_refused(public: Path) -> None:
    for words in (("--user", "root"), ("--user", "a b"), ("--directory", "x"), ("--from", '"x')):
        with pytest.raises(CommandError):
            kit("--key", str(public), *words)
