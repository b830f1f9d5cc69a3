"""Texts that people and programs send: trimmed, capped, and free of what a database can't keep."""

import re

from common.core.errors import FieldError, Invalid

TITLE_LENGTH = 200
TEXT_LENGTH = 20_000
LABEL_LENGTH = 100  # what one calls a thing of one's own
_DIGEST = re.compile(r"[0-9a-f]{64}")
_CANT_BE_KEPT = re.compile(r"[\x00\ud800-\udfff]")
_BREAKS = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029\t]+")


def clean_title(field: str, text: str) -> str:
    """One line of 1 to 200 characters; line breaks in it become spaces."""
    return clean_text(field, _BREAKS.sub(" ", text), most=TITLE_LENGTH, required=True)


def clean_text(field: str, text: str, *, most: int = TEXT_LENGTH, required: bool = False) -> str:
    """The text without space around it; raises Invalid with a pointer to `field`."""
    text = text.strip()
    problem = None
    if required and not text:
        problem = "this can't be empty"
    elif len(text) > most:
        problem = f"{len(text)} characters are too many; {most} at most"
    elif _CANT_BE_KEPT.search(text):
        problem = "this holds a character that can't be kept (NUL or half of a surrogate pair)"
    if problem:
        raise Invalid(f"/{field}: {problem}.", errors=[FieldError(f"/{field}", problem)])
    return text


def check_digest(text: str) -> str:
    """A SHA-256 in hex, as it was read; raises Invalid."""
    if not _DIGEST.fullmatch(text):
        problem = "64 hex digits: the digest of the proposal as you read it"
        raise Invalid(f"/digest: {problem}.", errors=[FieldError("/digest", problem)])
    return text
