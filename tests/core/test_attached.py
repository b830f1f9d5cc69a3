"""What may be attached: the type is told from the content, and a name misleads nobody."""

import pytest

from changemgmt.core.attached import MAX_BYTES, check_content, clean_name
from common.core.errors import Invalid, TooLarge


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"GIF89a....", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\x1f\x8b\x08\x00", "application/gzip"),
        (b"PK\x03\x04....", "application/zip"),
        (b"\x28\xb5\x2f\xfd....", "application/zstd"),
        ("naïve\tlog\r\n\x1b[31mred".encode(), "text/plain"),
        (b"<script>alert(1)</script>", "text/plain"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "text/plain"),
    ],
)
def test_the_type_is_told_from_the_content(content: bytes, content_type: str) -> None:
    assert check_content(content) == content_type


@pytest.mark.parametrize(
    "content",
    [b"\x7fELF\x02\x01\x01", b"MZ\x90\x00", b"\xff\xfe<\x00", b"a\x00b", b"RIFF\x00\x00\x00\x00WAVE", b""],
)
def test_what_is_none_of_them_is_not_taken(content: bytes) -> None:
    with pytest.raises(Invalid) as raised:
        check_content(content)
    assert raised.value.errors[0].pointer == "/file"


def test_more_than_five_megabytes_are_too_large() -> None:
    assert check_content(b"x" * MAX_BYTES) == "text/plain"
    with pytest.raises(TooLarge):
        check_content(b"x" * (MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("error.log", "error.log"),
        ("/etc/nginx/nginx.conf", "nginx.conf"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("gpj\u202eexe.txt", "gpjexe.txt"),
        ("a\r\nSet-Cookie: x.log", "aSet-Cookie: x.log"),
        (" größe.png ", "größe.png"),
    ],
)
def test_a_name_is_the_files_own_and_misleads_nobody(name: str, kept: str) -> None:
    assert clean_name(name) == kept


@pytest.mark.parametrize("name", ["", "/", "..", "\u202e", "x" * 201])
def test_what_is_no_name_is_not_taken(name: str) -> None:
    with pytest.raises(Invalid) as raised:
        clean_name(name)
    assert raised.value.errors[0].pointer == "/name"
