"""Jobs that run by the clock: the tables of cron, of the system and of users, and the timers of systemd.

A table's lines are its state, without comments, white space as one space: schedules, commands, and the settings of
its environment. A timer's schedule is what systemd made of it, without the time at which it runs next.
"""

import re
from collections.abc import Mapping
from typing import Any

from deployments.collector import reasons
from deployments.collector.reasons import reason
from deployments.core.canonical import lines, words
from deployments.core.states import Present, State, Unknown
from deployments.kinds.host_texts import HostTexts, denied_whole, never_raising, parse_texts, redacted_lines
from deployments.kinds.listing import Listed, ListedKind
from deployments.kinds.systemd_units import Unit, parse_units
from deployments.kinds.tool_outputs import ToolOutput, parse_tools

MAX_LINES = 5_000
MAX_LINE = 16_384
SYSTEM = "/etc/crontab"
FOLDER = "/etc/cron.d"
SPOOLS = ("/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/etc/crontabs", "/var/spool/cron")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\+-]{0,254}\$?", re.ASCII)
_ELAPSES = re.compile(r"\{ (\w+)=(.*?) ; next_elapse=.*\}", re.DOTALL)


def jobs_of(text: str) -> list[str]:
    """The lines of one table, in their order. Cron knows comments on lines of their own only."""
    return [line for line in lines(text.split("\n")) if not line.startswith("#")]


def schedule_of(unit: Unit) -> list[str]:
    """`OnCalendar=…`, `OnBootSec=…` and the like, sorted: systemd has an order of its own."""
    found = []
    for value in (*unit.all("TimersCalendar"), *unit.all("TimersMonotonic")):
        if match := _ELAPSES.match(value):
            found.append(words(f"{re.sub('USec$', 'Sec', match[1])}={match[2]}"))
    return sorted(found)


def _key(path: str) -> str | None:
    """The user whose table this is, or the path of one of the system's."""
    folder, _, name = path.rpartition("/")
    if path == SYSTEM or folder == FOLDER:
        return path
    return name if folder in SPOOLS and path not in SPOOLS and _USER.fullmatch(name) else None


def _tables(texts: HostTexts) -> tuple[dict[str, State], dict[str, int]]:
    states: dict[str, State] = {}
    redacted: dict[str, int] = {}
    for path, why in texts.failed.items():
        if (key := _key(path)) is not None:
            states[key] = Unknown(why)
    for path, text in texts.texts.items():
        if (key := _key(path)) is None:
            continue
        jobs = jobs_of(text)
        if len(jobs) > MAX_LINES or any(len(job) > MAX_LINE for job in jobs):
            states[key] = Unknown(reason(reasons.OVER_LIMIT, "a table of jobs that long"))
            continue
        jobs, count = redacted_lines(jobs)
        states[key] = Present({"jobs": lines("".join(filter(str.isprintable, job)) for job in jobs)})
        if count:
            redacted[key] = count
    return states, redacted


def _timers(output: ToolOutput) -> Listed:
    states: dict[str, State] = {}
    declared: dict[str, State] = {}
    unseen: dict[str, Mapping[str, str]] = {}
    evidence: dict[str, dict[str, Any]] = {}
    for unit in parse_units(output):
        if not unit.is_of_the_host:
            continue
        data: dict[str, Any] = {"schedule": schedule_of(unit)}
        if unit.enabled is not None:
            data["enabled"] = unit.enabled
        whole = {**data, "enabled": bool(unit.enabled)}
        if unit.moving:
            unseen[unit.id] = {"running": unit.moving}
            states[unit.id], declared[unit.id] = Unknown(unit.moving), Present(whole)
        else:
            states[unit.id] = Present({**data, "running": unit.is_up})
            declared[unit.id] = Present({**whole, "running": unit.is_up})
        if unit.changed_at:
            evidence[unit.id] = {"changed_at": unit.changed_at}
    return Listed(states, output.failure, evidence, declared=declared, unseen=unseen)


def _parse(body: bytes) -> Listed:
    tools, rest = parse_tools(body)
    texts = parse_texts(rest)
    timers = _timers(tools["systemctl"]) if "systemctl" in tools else Listed()
    states, redacted = _tables(texts)
    shut = {path: why for path, why in texts.failed.items() if _key(path) is None}
    spool = next((shut.pop(path) for path in SPOOLS if path in shut), None)
    if spool:  # whether a user has a table is unknown for each of them, and no reason to doubt the rest
        users = tools["users"].lines if "users" in tools else []
        states |= {user: Unknown(spool) for user in users if _USER.fullmatch(user)}
    unseen_timers = timers.incomplete
    if "rooted" in tools:
        unseen_timers = reason(reasons.NOT_SUPPORTED, "only a running system can tell")
    gaps = {"*.timer": unseen_timers, "/*": denied_whole(shut), "*": spool}
    evidence = {key: found for path, found in texts.evidence.items() if (key := _key(path)) is not None}
    return Listed(
        {**timers.states, **states},
        timers.incomplete or denied_whole(shut),
        {**timers.evidence, **evidence},
        (),
        redacted,
        timers.declared,
        timers.unseen,
        gaps if any(gaps.values()) else {},
    )


CRON = ListedKind(
    "cron", "cron", ("jobs", "schedule", "enabled", "running"), verb="cron", parse=never_raising(_parse)
)
