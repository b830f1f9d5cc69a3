"""What a change belongs to: `{"incident": "INC-7", "findings": ["DRF-88"], "ticket": "https://…"}`."""

import re
from typing import Any

from common.core.errors import FieldError, Invalid

MAX_LINKS = 32
MAX_TARGETS = 1_000
TARGET_LENGTH = 500
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_SCHEME = re.compile(r"\s*([a-zA-Z][a-zA-Z0-9+.-]*):")
_SCRIPTS = ("javascript", "data", "vbscript")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def clean_links(links: Any) -> dict[str, str | list[str]]:
    """The links as they are kept; raises Invalid. Addresses are http or https only, since people will click them."""
    if links is None:
        return {}
    if not isinstance(links, dict) or len(links) > MAX_LINKS:
        raise _invalid(
            "/links", f"an object of at most {MAX_LINKS} names, each with a text or a list of texts"
        )
    for name, value in links.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise _invalid("/links", f"{str(name)[:40]!r} is not a name: lower-case letters, digits, - and _")
        targets = value if isinstance(value, list) else [value]
        if len(targets) > MAX_TARGETS:
            raise _invalid(f"/links/{name}", f"{MAX_TARGETS} at most")
        for target in targets:
            if problem := _problem(target):
                raise _invalid(f"/links/{name}", problem)
    return dict(links)


def _problem(target: Any) -> str | None:
    if (
        not isinstance(target, str)
        or not target.strip()
        or len(target) > TARGET_LENGTH
        or _CONTROL.search(target)
    ):
        return f"a link is a text of 1 to {TARGET_LENGTH} characters"
    scheme = _SCHEME.match(target)
    name = scheme.group(1).lower() if scheme else ""
    if name in _SCRIPTS or (name not in ("", "http", "https") and "//" in target):
        return "an address begins with http:// or https://"
    return None


def _invalid(pointer: str, detail: str) -> Invalid:
    return Invalid(f"{pointer}: {detail}", errors=[FieldError(pointer, detail)])
