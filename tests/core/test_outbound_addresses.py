"""Which addresses that somebody typed in are sent to at all; nothing here asks the network."""

import ipaddress

import pytest

from common.outbound import NotAllowed, check_url, why_not

PUBLIC = (
    "8.8.8.8",
    "1.1.1.1",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
)
LOCAL = (
    "127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1", "fd12:3456::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::",
    "2001::1", "fec0::1", "198.18.0.1", "192.0.2.1", "2001:db8::1", "240.0.0.1", "192.0.0.8", "192.88.99.1",
)  # fmt: skip
NEVER = (
    "169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fe80::1", "fe80::1%eth0",
    "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "0.0.0.0", "::", "224.0.0.1", "ff02::1",
    "255.255.255.255",
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_sent_to(address: str) -> None:
    assert why_not(ipaddress.ip_address(address)) is None


@pytest.mark.parametrize("address", LOCAL)
def test_private_and_local_addresses_in_any_writing_only_if_their_name_was_allowed(address: str) -> None:
    assert "FOLDBACK_OUTBOUND_ALLOWED" in (why_not(ipaddress.ip_address(address)) or "")
    assert why_not(ipaddress.ip_address(address), is_named=True) is None


@pytest.mark.parametrize("address", NEVER)
def test_metadata_link_local_and_group_addresses_never_not_even_by_an_allowed_name(address: str) -> None:
    assert why_not(ipaddress.ip_address(address))
    assert why_not(ipaddress.ip_address(address), is_named=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/services/T0/B0/x",
        "https://hooks.example.com:8443/x?y=z",
        " https://8.8.8.8/x ",
        "https://[2606:4700:4700::1111]/x",
        "https://bücher.example/x",
    ],
)
def test_https_to_a_name_or_a_public_address_is_an_address(url: str) -> None:
    assert not check_url(url, allowed=[]).is_named


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example.com/x", "https://", "https:///x", "ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)",
        "https://a b.example/", "https://example.com\r\nX: y/", "https://exa\x00mple.com/", "https://-x.example/", "https://x-/",
        "https://ana@example.com/", "https://ana:pw@example.com/", "https://example.com/#x", "https://example.com:0/",
        "https://example.com:70000/", "https://" + "a" * 3_000, "https://ⓛocalhost/", "https://" + "x" * 300 + "/",
        "http://hooks.example.com/x", "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://127。0。0。1/",
        "https://169.254.169.254/latest/meta-data/", "https://[fe80::1%25eth0]/", "https://192.168.0.1:8443/",
    ],
)  # fmt: skip
def test_what_is_no_address_or_an_inner_one_is_refused_in_words(url: str) -> None:
    with pytest.raises(NotAllowed) as refusal:
        check_url(url, allowed=[])
    assert len(str(refusal.value)) > 20


def test_an_allowed_name_may_be_reached_by_http_and_at_its_port_only() -> None:
    allowed = ["Chat.example.org", "localhost:8065", "[::1]:9000", "10.1.2.3"]
    for url in (
        "http://chat.example.org/x", "http://CHAT.example.org:1234/x", "http://localhost:8065/x", "http://[::1]:9000/",
        "https://10.1.2.3/",
    ):  # fmt: skip
        assert check_url(url, allowed=allowed).is_named
    for url in (
        "http://localhost/x",
        "http://localhost:8066/",
        "http://[::1]:9001/",
        "http://chat.example.org.evil/",
    ):
        with pytest.raises(NotAllowed):
            check_url(url, allowed=allowed)


def test_metadata_is_refused_even_where_somebody_allowed_it() -> None:
    with pytest.raises(NotAllowed):
        check_url("http://169.254.169.254/", allowed=["169.254.169.254"])


def test_a_refusal_never_repeats_the_path_which_is_the_secret() -> None:
    for url in ("http://hooks.example.com/hush-hush", "https://10.0.0.1/hush-hush", "https://a b/hush-hush"):
        with pytest.raises(NotAllowed) as refusal:
            check_url(url, allowed=[])
        assert "hush" not in str(refusal.value)
