"""An incident in Markdown, for whoever was not there: what happened, who did what, what is still to reconcile."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from changemgmt.core.incidents import duration_told, hosts_told

# What Markdown would take for markup, at any place of a line.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!])")
_LINE_START = re.compile(r"^(\s*)([-+>]|\d+[.)])(?=\s)", re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """One line of the timeline; `late` when it was written down well after it happened."""

    at: datetime
    who: str
    text: str
    late: bool = False


@dataclass(frozen=True)
class Told:
    """A change or a finding: its reference, what it says, and how it stands."""

    reference: str
    text: str
    standing: str


@dataclass(frozen=True)
class IncidentFacts:
    reference: str
    title: str
    severity: str
    state: str
    commander: str
    started_at: datetime
    closed_at: datetime | None
    hosts: Sequence[str]
    selector: str = ""
    description: str = ""
    review: str = ""
    reviewed_by: str = ""
    timeline: Sequence[Line] = field(default_factory=tuple)
    changes: Sequence[Told] = field(default_factory=tuple)
    findings: Sequence[Told] = field(default_factory=tuple)
    not_looked_at: Sequence[str] = field(default_factory=tuple)


def summary(facts: IncidentFacts, *, now: datetime) -> str:
    """The whole incident as Markdown; what people and hosts wrote in it is shown as they wrote it, never as markup."""
    ended = facts.closed_at
    lasted = duration_told((ended or now) - facts.started_at)
    until = f"until {_time(ended)}" if ended else "still going on"
    parts = [
        f"# {facts.reference}: {plain(facts.title)}",
        f"- State: {facts.state}, severity {facts.severity}\n"
        f"- Commander: {plain(facts.commander)}\n"
        f"- From {_time(facts.started_at)} {until} ({lasted})\n"
        f"- Scope: {plain(hosts_told(facts.hosts))}"
        + (f", from `{facts.selector}`" if facts.selector and "`" not in facts.selector else ""),
    ]
    if facts.description:
        parts += ["## What it was", plain(facts.description)]
    parts += ["## Timeline (UTC)", _timeline(facts.timeline)]
    parts += ["## Changes", _list(facts.changes, "No change belongs to it.")]
    parts += ["## Still to reconcile", _reconcile(facts)]
    if facts.review:
        parts += ["## Review", f"{plain(facts.review)}\n\n{plain(facts.reviewed_by)}"]
    return "\n\n".join(parts) + "\n"


def _timeline(lines: Sequence[Line]) -> str:
    told = []
    for line in lines:
        late = " (written down later)" if line.late else ""
        who = f"{plain(line.who)}: " if line.who else ""
        told.append(f"- {_time(line.at)} {who}{plain(' '.join(line.text.split()))}{late}")
    return "\n".join(told) or "Nothing was written down."


def _reconcile(facts: IncidentFacts) -> str:
    told = _list(facts.findings, "Nothing: what was found is in the definition, or gone.")
    if facts.not_looked_at:
        told += f"\n\nNot looked at, so nothing is known of them: {plain(hosts_told(facts.not_looked_at))}."
    return told


def _list(items: Sequence[Told], empty: str) -> str:
    return "\n".join(f"- {one.reference} {plain(one.text)}: {plain(one.standing)}" for one in items) or empty


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    escaped = _MARKUP.sub(r"\\\1", text)
    return _LINE_START.sub(lambda found: f"{found[1]}{_escaped_mark(found[2])}", escaped)


def _escaped_mark(mark: str) -> str:
    return f"{mark[:-1]}\\{mark[-1]}"
