"""PagerDuty: its webhooks (version 3), and change events in the format of its Events API (version 2)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from changemgmt.core import words
from changemgmt.core.hooks import (
    CHANGE,
    INCIDENT,
    LINE,
    MAX_TEXT,
    NOTHING,
    Signal,
    digest,
    fitting,
    link,
    list_of,
    mapping_of,
    missing,
    one_line,
    text_of,
    time_of,
    told,
)

_PRIORITIES = {
    "p1": words.CRITICAL,
    "p2": words.MAJOR,
    "p3": words.MINOR,
    "p4": words.MINOR,
    "p5": words.MINOR,
}
_LINES = {
    "acknowledged": "acknowledged", "unacknowledged": "no longer acknowledged", "escalated": "escalated",
    "delegated": "delegated", "reassigned": "assigned anew", "reopened": "reopened there", "resolved": "resolved there",
    "priority_updated": "its priority was changed", "responder.added": "a responder was added",
    "responder.replied": "a responder replied",
}  # fmt: skip


def read_pagerduty(body: Any) -> Signal:
    """Raises Invalid for what is neither of its webhooks nor a change event."""
    event, payload = mapping_of(body, "event"), mapping_of(body, "payload")
    if event:
        return _event(event)
    if payload:
        return _change(body, payload)
    raise missing("/event", "neither a webhook (event) nor a change event (payload) of PagerDuty")


def _event(event: Mapping[str, Any]) -> Signal:
    kind, data = text_of(event, "event_type"), mapping_of(event, "data")
    at = time_of(event, "occurred_at")
    if not kind.startswith("incident."):
        return Signal(NOTHING, "PagerDuty", line=f"{kind or 'this'} is none of ours")
    subject = (
        mapping_of(data, "incident") or data
    )  # notes and status updates name the incident that they are of
    key = text_of(subject, "id")
    if not key:
        raise missing("/event/data/id", "the incident's id is needed")
    deed = kind.removeprefix("incident.")
    who = text_of(mapping_of(event, "agent"), "summary")
    became = _LINES.get(deed, deed.replace("_", " "))
    said = text_of(data, "content") or text_of(data, "message")
    line = f"PagerDuty: {said}" if said else f"PagerDuty: {became}"
    of_it = Signal(
        LINE,
        "PagerDuty",
        key=f"pagerduty:{fitting(key)}",
        event=f"pagerduty:{fitting(text_of(event, 'id'))}" if event.get("id") else "",
        at=at,
        line=(f"{line} ({who})" if who else line)[:MAX_TEXT],
    )
    if deed == "resolved" or subject is not data or not text_of(data, "title"):
        return of_it
    service = text_of(mapping_of(data, "service"), "summary")
    return replace(
        of_it,
        what=INCIDENT,
        started_at=time_of(data, "created_at") or at,
        line="" if deed == "triggered" else of_it.line,
        title=one_line(text_of(data, "title")),
        text=f"Service in PagerDuty: {service}" if service else "",
        severity=_severity(data),
        link=link(text_of(data, "html_url")),
    )


def _severity(data: Mapping[str, Any]) -> str:
    priority = text_of(mapping_of(data, "priority"), "summary").strip().lower()
    if priority[:2] in _PRIORITIES:
        return _PRIORITIES[priority[:2]]
    return words.MINOR if text_of(data, "urgency") == "low" else words.MAJOR


def _change(body: Any, payload: Mapping[str, Any]) -> Signal:
    title = one_line(text_of(payload, "summary"))
    if not title:
        raise missing("/payload/summary", "a change event says in `summary` what was done")
    at, source = time_of(payload, "timestamp"), text_of(payload, "source")
    details = mapping_of(payload, "custom_details")
    links = [link(text_of(one, "href")) for one in list_of(body, "links") if isinstance(one, dict)]
    lines = [f"Source: {source}"] if source else []
    lines += [f"{told(name)}: {told(value)}" for name, value in sorted(details.items())[:50]]
    return Signal(
        CHANGE,
        "PagerDuty",
        # It has no id of its own: what says the same about the same moment is the same.
        key=f"pagerduty-change:{digest(payload)}" if at else "",
        title=title,
        text="\n".join(lines)[:MAX_TEXT],
        started_at=at,
        names=(source,) if source else (),
        link=next((one for one in links if one), ""),
    )
