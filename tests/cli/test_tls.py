"""https: the certificate is checked, one's own CA can be named, and a proxy is used where one is named."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cli.command import Shell
from tests.cli.service import FakeService, serving


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed one for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "foldback.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "service.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def fake(certificate: Path) -> Iterator[FakeService]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(FakeService(), context) as fake:
        yield fake


def test_a_certificate_that_nobody_vouches_for_gets_no_token(fake: FakeService, tmp_path: Path) -> None:
    done = Shell(tmp_path, fake.url)("log", "x")
    assert done.returncode == 5
    assert "is not trusted" in done.stderr and "FOLDBACK_CA_FILE" in done.stderr
    assert fake.seen == []


def test_a_ca_of_ones_own_is_trusted_when_it_is_named(
    fake: FakeService, certificate: Path, tmp_path: Path
) -> None:
    assert Shell(tmp_path, fake.url)("log", "x", FOLDBACK_CA_FILE=str(certificate)).returncode == 0


def test_a_ca_that_is_not_there_is_said(fake: FakeService, tmp_path: Path) -> None:
    assert (
        "FOLDBACK_CA_FILE, nowhere,"
        in Shell(tmp_path, fake.url)("log", "x", FOLDBACK_CA_FILE="nowhere").stderr
    )


def test_a_proxy_sees_where_it_goes_and_nothing_of_what_is_said(
    fake: FakeService, certificate: Path, tmp_path: Path
) -> None:
    shell = Shell(tmp_path, fake.url)
    shell.environment["FOLDBACK_CA_FILE"] = str(certificate)
    with proxy() as (address, lines):
        assert shell("log", "x", HTTPS_PROXY=address).returncode == 0
        assert lines == [f"CONNECT {fake.url.removeprefix('https://')} HTTP/1.1"]
        assert shell("log", "y", HTTPS_PROXY=address, NO_PROXY="127.0.0.1").returncode == 0
        assert len(lines) == 1


@contextmanager
def proxy() -> Iterator[tuple[str, list[str]]]:
    lines: list[str] = []

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            for one in (source, target):
                one.close()

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            lines.append(head.split(b"\r\n")[0].decode())
            host, _, port = lines[-1].split()[1].partition(":")
            upstream = socket.create_connection((host, int(port)))
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            for pair in ((client, upstream), (upstream, client)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", lines
        listener.shutdown(socket.SHUT_RDWR)
