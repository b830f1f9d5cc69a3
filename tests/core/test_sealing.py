"""Sealed values open only with the right key, for the right row, unchanged."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.core.sealing import (
    SealError,
    fingerprint,
    generate_key_pair,
    open_sealed,
    public_key_of,
    seal,
)

PUBLIC, PRIVATE = generate_key_pair()
ROW = UUID("0198c5e0-0000-7000-8000-000000000001")
OTHER_ROW = UUID("0198c5e0-0000-7000-8000-000000000002")
SECRET = b"-----BEGIN OPENSSH PRIVATE KEY-----\nwhatever\n"


@given(st.binary(max_size=5_000), st.uuids())
@settings(max_examples=20)
def test_what_was_sealed_for_a_row_opens_for_that_row(plaintext: bytes, row: UUID) -> None:
    assert open_sealed(PRIVATE, seal(PUBLIC, plaintext, row), row) == plaintext


def test_a_sealed_value_moved_to_another_row_does_not_open() -> None:
    with pytest.raises(SealError, match="another key or row"):
        open_sealed(PRIVATE, seal(PUBLIC, SECRET, ROW), OTHER_ROW)


def test_another_private_key_does_not_open_it() -> None:
    with pytest.raises(SealError, match="another key"):
        open_sealed(generate_key_pair()[1], seal(PUBLIC, SECRET, ROW), ROW)


def test_the_public_key_does_not_open_it() -> None:
    with pytest.raises(SealError):
        open_sealed(PUBLIC, seal(PUBLIC, SECRET, ROW), ROW)


@pytest.mark.parametrize("position", range(1 + 32 + 16 + len(b"secret")))
def test_every_flipped_byte_is_found(position: int) -> None:
    sealed = bytearray(seal(PUBLIC, b"secret", ROW))
    sealed[position] ^= 1
    with pytest.raises(SealError):
        open_sealed(PRIVATE, bytes(sealed), ROW)


@settings(max_examples=20)
@given(st.integers(min_value=0, max_value=80))
def test_a_cut_value_does_not_open(length: int) -> None:
    sealed = seal(PUBLIC, SECRET, ROW)
    with pytest.raises(SealError):
        open_sealed(PRIVATE, sealed[: min(length, len(sealed) - 1)], ROW)


def test_an_appended_byte_is_found() -> None:
    with pytest.raises(SealError):
        open_sealed(PRIVATE, seal(PUBLIC, SECRET, ROW) + b"\x00", ROW)


def test_a_value_of_a_later_version_says_so() -> None:
    with pytest.raises(SealError, match="version 2"):
        open_sealed(PRIVATE, b"\x02" + seal(PUBLIC, SECRET, ROW)[1:], ROW)


def test_a_box_with_a_key_of_small_order_is_refused() -> None:
    forged = b"\x01" + bytes(32) + bytes(40)
    with pytest.raises(SealError, match="not a safe one"):
        open_sealed(PRIVATE, forged, ROW)


def test_sealing_twice_gives_different_bytes_and_never_shows_the_secret() -> None:
    first, second = seal(PUBLIC, SECRET, ROW), seal(PUBLIC, SECRET, ROW)
    assert first != second
    assert SECRET[:16] not in first


def test_an_error_tells_nothing_of_the_secret() -> None:
    with pytest.raises(SealError) as caught:
        open_sealed(PRIVATE, seal(PUBLIC, b"hunter2", ROW), OTHER_ROW)
    assert "hunter2" not in str(caught.value)


def test_keys_of_the_wrong_length_are_refused_by_name() -> None:
    with pytest.raises(SealError, match="public key has 32 bytes, this one has 5"):
        seal(b"short", SECRET, ROW)
    with pytest.raises(SealError, match="private key has 32 bytes"):
        open_sealed(b"", seal(PUBLIC, SECRET, ROW), ROW)


def test_a_fingerprint_tells_keys_apart_and_is_the_same_from_either_half() -> None:
    assert fingerprint(PUBLIC) == fingerprint(public_key_of(PRIVATE))
    assert fingerprint(PUBLIC) != fingerprint(generate_key_pair()[0])
    assert fingerprint(PUBLIC).startswith("SHA256:")


def test_the_format_does_not_change_by_accident() -> None:
    """A box sealed by this version must open in every later one; its bytes are fixed by its key pair."""
    private = bytes(range(32))
    sealed = seal(public_key_of(private), b"hello", ROW, random_bytes=lambda count: bytes([7]) * count)
    assert sealed.hex() == GOLDEN
    assert open_sealed(private, bytes.fromhex(GOLDEN), ROW) == b"hello"


GOLDEN = "0113be4feaeaf204c7fd3358fc9c00721881d174278128227ec674f37f7fe97b6d88ecf29c619527e8150015f63e6f1ba0153a794114"
