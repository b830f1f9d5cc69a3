"""What other tools' webhooks mean here, read from their JSON: an incident, a line of its timeline, or a change.

Nothing of a body is trusted to have the type that it should have; what can't be read is left out, and only what is
needed is asked for.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from changemgmt.core import words
from changemgmt.core.texts import TITLE_LENGTH
from common.core.errors import FieldError, Invalid

INCIDENT, CHANGE, LINE, NOTHING = "incident", "change", "line", "nothing"
MAX_HOSTS = 1_000
MAX_TEXT = 4_000
MAX_ID = 150
SEVERITIES_ELSEWHERE = {
    "critical": words.CRITICAL, "page": words.CRITICAL, "error": words.MAJOR, "major": words.MAJOR, "high": words.MAJOR,
    "warning": words.MINOR, "minor": words.MINOR, "low": words.MINOR, "info": words.MINOR,
}  # fmt: skip


@dataclass(frozen=True)
class Signal:
    """`what` is INCIDENT (open it, or it is open already), LINE (of the incident `key`), CHANGE or NOTHING.

    `key` is the tool's own id of the thing; `event` that of this message, so that it counts once. `names` may be hosts.
    """

    what: str
    tool: str
    key: str = ""
    event: str = ""
    title: str = ""
    text: str = ""
    severity: str = words.MAJOR
    started_at: datetime | None = None  # when it began, or was done
    at: datetime | None = None  # when `line` happened
    names: tuple[str, ...] = ()
    selector: str = ""
    link: str = ""
    resources: tuple[str, ...] = ()
    line: str = ""
    # The beginnings of what goes on: one after an incident was closed makes a new one.
    began: tuple[datetime, ...] = field(default_factory=tuple)


def mapping_of(value: Any, name: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def list_of(value: Any, name: str) -> Sequence[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found[:MAX_HOSTS] if isinstance(found, list) else []


def text_of(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return clean(found) if isinstance(found, str) else ""


def clean(text: str) -> str:
    """Without what can't be kept: other tools' texts are taken as far as they can be, not refused for a character."""
    return "".join(c for c in text if c in "\n\t" or (c.isprintable() and not "\ud800" <= c <= "\udfff"))


def told(value: Any) -> str:
    if isinstance(value, str):
        return clean(value).strip()
    if value is None or isinstance(value, dict | list):
        return clean(json.dumps(value)[:MAX_TEXT]) if value else ""
    return str(value)


def names_in(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    return [clean(one).strip() for one in value if isinstance(one, str)] if isinstance(value, list) else []


def one_line(text: str) -> str:
    return " ".join(text.split())[:TITLE_LENGTH]


def link(text: str) -> str:
    is_address = text.startswith(("http://", "https://")) and len(text) <= 500
    return text if is_address and not any(c.isspace() for c in text) else ""


def fitting(text: str) -> str:
    """An id that fits: long ones by their digest."""
    return text if len(text) <= MAX_ID else hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def time_of(value: Any, name: str) -> datetime | None:
    return moment(value.get(name)) if isinstance(value, dict) else None


def moment(value: Any) -> datetime | None:
    """RFC 3339, or seconds (or milliseconds) since 1970; None for anything else, and for times that nobody can mean."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value.strip())
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        else:
            return None
        return moment.astimezone(UTC) if moment.year >= 1990 else None
    except (ValueError, OverflowError, OSError):
        return None


def missing(pointer: str, detail: str) -> Invalid:
    return Invalid(f"{pointer}: {detail}.", errors=[FieldError(pointer, detail)])
