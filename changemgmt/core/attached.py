"""What may be attached to a change: how much, of which type (told from the content), under which name."""

import re
import unicodedata
from collections.abc import Callable

from common.core.errors import FieldError, Invalid, TooLarge

MAX_BYTES = 5_000_000
MAX_PER_CHANGE = 20
NAME_LENGTH = 200
TEXT = "text/plain"

_SIGNATURES: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("image/png", lambda content: content.startswith(b"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", lambda content: content.startswith(b"\xff\xd8\xff")),
    ("image/gif", lambda content: content.startswith((b"GIF87a", b"GIF89a"))),
    ("image/webp", lambda content: content.startswith(b"RIFF") and content[8:12] == b"WEBP"),
    ("application/pdf", lambda content: content.startswith(b"%PDF-")),
    ("application/gzip", lambda content: content.startswith(b"\x1f\x8b\x08")),
    ("application/zip", lambda content: content.startswith((b"PK\x03\x04", b"PK\x05\x06"))),
    ("application/zstd", lambda content: content.startswith(b"\x28\xb5\x2f\xfd")),
)
CONTENT_TYPES = (*(name for name, _ in _SIGNATURES), TEXT)
# Control characters that texts have; ESC because a terminal's log is a text, too.
_NOT_A_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_NOT_IN_A_NAME = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # categories: controls, invisible, turned around


def check_content(content: bytes) -> str:
    """The type of the content; raises Invalid for what is not taken, TooLarge for more than 5 MB."""
    if len(content) > MAX_BYTES:
        raise TooLarge(
            f"The file has {len(content) / 1e6:.1f} MB, and {MAX_BYTES // 1_000_000} MB are the most. "
            "Compress it, or put it elsewhere and comment with a link."
        )
    if not content:
        raise _invalid("/file", "the file is empty")
    for name, matches in _SIGNATURES:
        if matches(content):
            return name
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if _NOT_A_TEXT.search(text):
        raise _invalid(
            "/file",
            f"its content is none of {', '.join(CONTENT_TYPES)} (in UTF-8); anything else goes into a zip",
        )
    return TEXT


def clean_name(name: str) -> str:
    """The file's own name without folders and without characters that mislead a reader; raises Invalid."""
    name = re.split(r"[/\\]", name)[-1]
    name = "".join(letter for letter in name if unicodedata.category(letter) not in _NOT_IN_A_NAME).strip()
    if name.strip(".") == "":
        raise _invalid("/name", "a file has a name")
    if len(name) > NAME_LENGTH:
        raise _invalid("/name", f"{len(name)} characters are too many; {NAME_LENGTH} at most")
    return name


def _invalid(pointer: str, detail: str) -> Invalid:
    return Invalid(f"{pointer}: {detail}.", errors=[FieldError(pointer, detail)])
