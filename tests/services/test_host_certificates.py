"""Host certificates of a trusted CA, made by ssh-keygen and shown by OpenSSH's own server."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import asyncssh
import pytest

from deployments.transport.base import TransportFailure
from deployments.transport.host_keys import HostKey, host_key
from deployments.transport.host_trust import HostTrust
from deployments.transport.ssh import SshTransport
from drift.scanner import run
from tests.sshd import Sshd, running_sshd

pytestmark = pytest.mark.needs("sshd")

WithKeys = Callable[[Path], Sequence[str]]
Show = Callable[[WithKeys], AbstractContextManager[Sshd]]


class Ca:
    """A key that signs host keys, as an administrator has it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "ca"
        _keygen("-q", "-t", "ed25519", "-N", "", "-C", "fleet CA", "-f", self.path)

    @property
    def line(self) -> str:
        return self.path.with_suffix(".pub").read_text().strip()

    def signing(
        self, *principals: str, valid: str = "-1d:+1d", user: bool = False, kind: str = "ssh-ed25519"
    ) -> WithKeys:
        """Sign the server's key of a kind (no principal: for no host in particular)."""

        def sign(folder: Path) -> Sequence[str]:
            names = ("-n", ",".join(principals)) if principals else ()
            what = () if user else ("-h",)
            public = folder / f"host_{kind}.pub"
            _keygen("-q", "-s", self.path, "-I", "web-1", *what, *names, "-V", valid, public)
            return [f"HostCertificate {folder}/host_{kind}-cert.pub"]

        return sign


def _keygen(*words: str | Path) -> None:
    subprocess.run(
        ["ssh-keygen", *map(str, words)], check=True, capture_output=True, stdin=subprocess.DEVNULL
    )


@pytest.fixture
def ca(tmp_path: Path) -> Ca:
    return Ca(tmp_path / "ca")


@pytest.fixture
def show(tmp_path: Path) -> Show:
    @contextmanager
    def showing(with_keys: WithKeys) -> Iterator[Sshd]:
        with running_sshd(tmp_path / "sshd", "LogLevel DEBUG1", with_keys=with_keys) as server:
            yield server

    return showing


def signs_in(transport: SshTransport) -> bool:
    async def main() -> bool:
        async with transport.session() as session:
            answer = await session.run("true", b"", max_output=1000, timeout=10)
            return answer.exit_status == 0

    return run(main())


def refused(server: Sshd, **options: object) -> TransportFailure:
    """The failure; whatever it is, the server never saw a user's name."""
    with pytest.raises(TransportFailure) as caught:
        signs_in(server.transport(**{"names": ("web-1",)} | options))
    assert not server.asked_to_sign_in
    return caught.value


def ed25519(server: Sshd) -> HostKey:
    return next(host_key(line) for line in server.host_keys if line.startswith("ssh-ed25519"))


def test_a_certificate_of_the_trusted_ca_needs_no_pinned_key(ca: Ca, show: Show) -> None:
    with show(ca.signing("web-1", "web-1.example.com")) as server:
        assert signs_in(server.transport(host_keys=(), ca_keys=[ca.line], names=("web-1",)))
        assert server.asked_to_sign_in


def test_a_certificate_may_name_the_address_as_well(ca: Ca, show: Show) -> None:
    with show(ca.signing("127.0.0.1")) as server:
        assert signs_in(server.transport(host_keys=(), ca_keys=[ca.line], names=("web-1",)))


def test_a_certificate_of_another_kind_of_key_is_found_too(ca: Ca, show: Show) -> None:
    with show(ca.signing("web-1", kind="ssh-rsa")) as server:
        assert signs_in(server.transport(host_keys=(), ca_keys=[ca.line], names=("web-1",)))


@pytest.mark.parametrize(("valid", "said"), [("-2d:-1d", "expired"), ("+1d:+2d", "not yet valid")])
def test_a_certificate_out_of_its_dates_is_refused(ca: Ca, show: Show, valid: str, said: str) -> None:
    with show(ca.signing("web-1", valid=valid)) as server:
        failure = refused(server, host_keys=(), ca_keys=[ca.line])
        assert failure.code == "host certificate not in date"
        assert said in failure.reason
        assert failure.offered == ed25519(server)


@pytest.mark.parametrize(
    ("principals", "told"), [(("web-2", "db-1"), "it is for "), ((), "it is for no host")]
)
def test_a_certificate_for_another_host_is_refused(
    ca: Ca, show: Show, principals: Sequence[str], told: str
) -> None:
    with show(ca.signing(*principals)) as server:
        failure = refused(server, host_keys=(), ca_keys=[ca.line])
        assert failure.code == "host certificate for another name"
        assert told in failure.reason
        assert failure.offered == ed25519(server)


def test_a_certificate_of_a_ca_that_is_not_trusted_is_no_more_than_its_key(
    ca: Ca, show: Show, tmp_path: Path
) -> None:
    other = Ca(tmp_path / "other")
    with show(other.signing("web-1")) as server:
        failure = refused(server, host_keys=(), ca_keys=[ca.line])
        assert failure.code == "host key not enrolled"
        assert f"signed by {host_key(other.line).fingerprint}" in failure.reason
        assert signs_in(server.transport(ca_keys=[ca.line], names=("web-1",)))  # its key is pinned


def test_a_plain_key_is_not_taken_for_a_certificate(ca: Ca, show: Show) -> None:
    with show(lambda folder: ()) as server:
        failure = refused(server, host_keys=(), ca_keys=[ca.line])
        assert failure.code == "host key not enrolled"
        assert "without a certificate" in failure.reason
        assert failure.offered is not None


def test_a_users_certificate_is_no_hosts(ca: Ca, show: Show) -> None:
    # OpenSSH's server doesn't show one, so the rule is asked itself.
    key = asyncssh.import_private_key(ca.path.read_bytes())
    made = key.generate_user_certificate(key.convert_to_public(), "x", principals=["web-1"])
    shown = asyncssh.import_certificate(made.export_certificate()).public_data
    refusal, taken = HostTrust((), [ca.line], (), ["web-1"]).judge(shown)
    assert taken is None and refusal is not None and "Invalid certificate type" in refusal.detail


def test_a_revoked_key_is_refused_whoever_signed_it(ca: Ca, show: Show) -> None:
    with show(ca.signing("web-1")) as server:
        failure = refused(server, host_keys=(), ca_keys=[ca.line], revoked_keys=[ed25519(server).public_key])
        assert failure.code == "host key revoked"
        assert failure.offered == ed25519(server)


def test_what_a_revoked_ca_signed_is_refused(ca: Ca, show: Show, tmp_path: Path) -> None:
    other = Ca(tmp_path / "other")
    with show(ca.signing("web-1")) as server:
        failure = refused(server, host_keys=(), ca_keys=[other.line], revoked_keys=[ca.line])
        assert failure.code == "host key revoked"
        assert "signed by a CA that was revoked" in failure.reason


def test_a_new_key_is_taken_on_the_word_of_the_ca_and_refused_without_it(ca: Ca, show: Show) -> None:
    old = ca.line  # any key that the host does not have
    with show(ca.signing("web-1")) as server:
        assert refused(server, host_keys=[old]).code == "host key changed"
        assert signs_in(server.transport(host_keys=[old], ca_keys=[ca.line], names=("web-1",)))


def test_a_pinned_key_counts_though_its_certificate_is_out_of_date(ca: Ca, show: Show) -> None:
    with show(ca.signing("web-1", valid="-2d:-1d")) as server:
        assert signs_in(server.transport(ca_keys=[ca.line], names=("web-1",)))


def test_a_certificate_that_was_tampered_with_is_refused(ca: Ca) -> None:
    key = asyncssh.import_private_key(ca.path.read_bytes())
    host = asyncssh.generate_private_key("ssh-ed25519")
    made = key.generate_host_certificate(host.convert_to_public(), "x", principals=["web-2"])
    shown = asyncssh.import_certificate(made.export_certificate()).public_data
    trust = HostTrust((), [ca.line], (), ["web-1"])
    assert HostTrust((), [ca.line], (), ["web-2"]).judge(shown)[0] is None
    refusal, taken = trust.judge(shown.replace(b"web-2", b"web-1"))
    assert taken is None and refusal is not None
    for garbage in (b"", b"\0" * 64, shown[:-9]):
        refusal, taken = trust.judge(garbage)
        assert taken is None and refusal is not None
