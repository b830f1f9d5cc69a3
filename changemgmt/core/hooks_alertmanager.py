"""Alertmanager's webhook (version 4): a group of alerts is one incident while any of them fires."""

from collections.abc import Mapping
from typing import Any

from changemgmt.core import words
from changemgmt.core.hooks import (
    INCIDENT,
    LINE,
    MAX_HOSTS,
    MAX_TEXT,
    SEVERITIES_ELSEWHERE,
    Signal,
    fitting,
    link,
    list_of,
    mapping_of,
    missing,
    one_line,
    text_of,
    time_of,
)

# Labels under which alerts name hosts; with a port or not.
HOST_LABELS = ("host", "hostname", "node", "nodename", "instance")


def read_alertmanager(body: Any) -> Signal:
    """A group of alerts is one incident while any of them fires; raises Invalid for what is no such group."""
    group, alerts = (
        text_of(body, "groupKey"),
        [one for one in list_of(body, "alerts") if isinstance(one, dict)],
    )
    if not group or not alerts:
        raise missing("/groupKey", "a webhook of Alertmanager has a groupKey and its alerts")
    firing = [one for one in alerts if text_of(one, "status") != "resolved"]
    labels, notes = mapping_of(body, "commonLabels"), mapping_of(body, "commonAnnotations")
    key = f"alertmanager:{fitting(group)}"
    if text_of(body, "status") == "resolved" or not firing:
        return Signal(
            LINE, "Alertmanager", key=key, line="Alertmanager: resolved, nothing of it fires any more"
        )
    first = firing[0]
    name = (
        text_of(labels, "alertname") or text_of(mapping_of(first, "labels"), "alertname") or "An alert fires"
    )
    title = text_of(notes, "summary") or text_of(mapping_of(first, "annotations"), "summary")
    severity = text_of(labels, "severity") or text_of(mapping_of(first, "labels"), "severity")
    hosts = [name for alert in firing for name in _hosts_of(mapping_of(alert, "labels"))]
    return Signal(
        INCIDENT,
        "Alertmanager",
        key=key,
        title=one_line(f"{name}: {title}" if title else name),
        text=(text_of(notes, "description") or text_of(mapping_of(first, "annotations"), "description"))[
            :MAX_TEXT
        ],
        severity=SEVERITIES_ELSEWHERE.get(severity.lower(), words.MAJOR),
        started_at=min((at for alert in firing if (at := time_of(alert, "startsAt"))), default=None),
        began=tuple(sorted(at for alert in firing if (at := time_of(alert, "startsAt")))),
        names=tuple(dict.fromkeys(hosts))[:MAX_HOSTS],
        link=link(text_of(first, "generatorURL")) or link(text_of(body, "externalURL")),
    )


def _hosts_of(labels: Mapping[str, Any]) -> list[str]:
    """Names without a port; an IPv6 address in brackets stays what it is."""
    found = []
    for label in HOST_LABELS:
        value = text_of(labels, label)
        head, colon, port = value.rpartition(":")
        name = head if colon and port.isdigit() and ":" not in head else value
        if name:
            found.append(name)
    return found
