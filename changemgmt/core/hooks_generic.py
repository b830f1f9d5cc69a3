"""Any JSON, by a mapping that says where in it what is."""

from collections.abc import Mapping
from typing import Any

from changemgmt.core import words
from changemgmt.core.hooks import (
    CHANGE,
    INCIDENT,
    MAX_HOSTS,
    MAX_TEXT,
    SEVERITIES_ELSEWHERE,
    Signal,
    fitting,
    link,
    missing,
    moment,
    names_in,
    one_line,
    told,
)
from common.core.errors import FieldError, Invalid

MAPPED = (
    "title", "description", "external_id", "hosts", "selector", "resources", "happened_at", "severity", "link",
)  # fmt: skip


def read_generic(body: Any, *, what: str, mapping: Mapping[str, str]) -> Signal:
    """`mapping` says for each of MAPPED where it is: a JSON Pointer (`/commit/message`), or a text that is meant as it
    stands; without one it is the body's own field of that name. Raises Invalid where there is no title."""
    if what not in (CHANGE, INCIDENT):
        raise Invalid(
            f"?as: {what[:40]!r} is not change or incident.", errors=[FieldError("?as", "change, incident")]
        )
    found = {name: _mapped(body, mapping.get(name, f"/{name}"), name) for name in MAPPED}
    title = one_line(told(found["title"]))
    if not title:
        raise missing(
            mapping.get("title", "/title"), "there is no title here; say with ?title=/pointer where it is"
        )
    severity = told(found["severity"]).lower()
    key = told(found["external_id"])
    return Signal(
        what,
        "webhook",
        key=f"hook:{fitting(key)}" if key else "",
        title=title,
        text=told(found["description"])[:MAX_TEXT],
        severity=severity
        if severity in words.SEVERITIES
        else SEVERITIES_ELSEWHERE.get(severity, words.MAJOR),
        started_at=moment(found["happened_at"]),
        names=tuple(names_in(found["hosts"]))[:MAX_HOSTS],
        selector=told(found["selector"]),
        link=link(told(found["link"])),
        resources=tuple(names_in(found["resources"]))[:MAX_HOSTS],
    )


def _mapped(body: Any, where: str, name: str) -> Any:
    if not where.startswith("/"):
        return where
    value = body
    for step in where[1:].split("/"):
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isascii() and step.isdigit() and len(step) < 6:
            value = value[int(step)] if int(step) < len(value) else None
        else:
            return None
    return value
