"""Services, and the sockets and paths that start them: enabled, running, masked, and what overrides their units.

`running` is told of units that stay up: not of those that do one thing and end, nor of those that others start
when they need them. Where such a unit is declared, its state at that moment counts. Timers are of `cron`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.collector import reasons
from deployments.collector.reasons import printable, reason
from deployments.core.redaction import redact
from deployments.core.states import Present, State, Unknown
from deployments.kinds.host_texts import HostTexts, never_raising, parse_texts
from deployments.kinds.listing import Listed, ListedKind
from deployments.kinds.service_scripts import parse_openrc, parse_sysv
from deployments.kinds.systemd_units import Unit, parse_units
from deployments.kinds.tool_outputs import ToolOutput, parse_tools

MAX_PROBLEMS = 50
MAX_ALIASES = 50
_DROP_IN = re.compile(r"/(etc|run)/systemd/system/([^/]+)\.d(?:/([^/]+))?")


@dataclass(slots=True)
class _DropIns:
    """By unit: the texts by file name, how many secrets were taken out, why a file could not be read, and when the
    last one was written."""

    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    changed_at: dict[str, float] = field(default_factory=dict)


def parse_drop_ins(texts: HostTexts) -> _DropIns:
    """Of /run first and of /etc after it, since a file there replaces one of the same name."""
    found = _DropIns()
    for path, why in texts.failed.items():
        if match := _DROP_IN.fullmatch(path):
            found.failed[match[2]] = why
    for path in sorted(texts.texts, reverse=True):
        if not (match := _DROP_IN.fullmatch(path)) or not match[3]:
            continue
        clean = redact(texts.texts[path])
        found.texts.setdefault(match[2], {})[match[3]] = clean.text
        if clean.count:
            found.redacted[match[2]] = found.redacted.get(match[2], 0) + clean.count
        at = texts.evidence.get(path, {}).get("ctime")
        if isinstance(at, int | float):
            found.changed_at[match[2]] = max(at, found.changed_at.get(match[2], 0.0))
    return found


def parse_systemd(output: ToolOutput, drop_ins: _DropIns) -> Listed:
    """Every unit that somebody set up, by its name; aliases only where they are declared."""
    states: dict[str, State] = {}
    declared: dict[str, State] = {}
    unseen: dict[str, dict[str, str]] = {}
    evidence: dict[str, dict[str, Any]] = {}
    redacted: dict[str, int] = {}
    problems: list[str] = []
    for unit in parse_units(output):
        if not unit.is_of_the_host:
            continue
        key = unit.id.removesuffix(".service")
        names = _names(unit)
        whole, hidden = _whole(unit, names, drop_ins)
        for alias in names:
            declared[alias] = Present(whole)
            if hidden:
                unseen[alias] = hidden
        left_out = _comes_and_goes(unit)
        stopped = next((why for name, why in hidden.items() if name not in left_out), None)
        kept = {name: value for name, value in whole.items() if name not in left_out}
        states[key] = Unknown(stopped) if stopped else Present(kept)
        evidence |= dict.fromkeys(names, _evidence(unit, names, drop_ins))
        if count := sum(drop_ins.redacted.get(name, 0) for name in _overriding(names)):
            redacted |= dict.fromkeys(names, count)
        if trouble := _trouble(unit):
            problems.append(printable(f"service {key}: {trouble}"))
    return Listed(
        states, output.failure, evidence, tuple(problems[:MAX_PROBLEMS]), redacted, declared, unseen
    )


def _names(unit: Unit) -> list[str]:
    others = unit["Names"].split(maxsplit=MAX_ALIASES)[:MAX_ALIASES]
    names = [unit.id, *(name for name in others if name != unit.id and name.endswith(unit.type))]
    return [name.removesuffix(".service") for name in names]


def _overriding(names: list[str]) -> list[str]:
    """The units whose folders of drop-ins count for one: its own names, and its templates' before them."""
    full = [name if name.endswith((".socket", ".path")) else f"{name}.service" for name in names]
    return [*(re.sub(r"@.+(?=\.[a-z]+$)", "@", name) for name in full if "@" in name), *full]


def _whole(unit: Unit, names: list[str], drop_ins: _DropIns) -> tuple[dict[str, Any], dict[str, str]]:
    """(all attributes of a unit, why some of them are missing)."""
    hidden: dict[str, str] = {}
    data: dict[str, Any] = {"enabled": bool(unit.enabled), "masked": unit.masked}
    if unit.moving:
        hidden["running"] = unit.moving
    else:
        data["running"] = unit.is_up
    texts: dict[str, str] = {}
    for name in _overriding(names):
        texts |= drop_ins.texts.get(name, {})
        if name in drop_ins.failed:
            hidden["drop_ins"] = drop_ins.failed[name]
    if "drop_ins" not in hidden:
        data["drop_ins"] = dict(sorted(texts.items()))
    return data, hidden


def _comes_and_goes(unit: Unit) -> set[str]:
    """The attributes that say nothing of what somebody wanted."""
    if unit.enabled is None:
        return {"enabled", "running"}
    if unit["Type"] == "oneshot":
        return {"running"}
    starts_by_itself = unit["UnitFileState"] not in ("enabled", "enabled-runtime") and not unit.masked
    return {"running"} if starts_by_itself and (unit["TriggeredBy"] or unit["BusName"]) else set()


def _evidence(unit: Unit, names: list[str], drop_ins: _DropIns) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if unit.changed_at:
        found["changed_at"] = unit.changed_at
    if times := [drop_ins.changed_at[name] for name in _overriding(names) if name in drop_ins.changed_at]:
        found["ctime"] = max(times)
    if unit["UnitFileState"].endswith("-runtime"):
        found["until_reboot"] = unit["UnitFileState"]
    return found


def _trouble(unit: Unit) -> str:
    if unit.masked:
        return ""
    if unit["LoadState"] != "loaded":
        return f"its unit can't be loaded ({unit['LoadState']})"
    return "changed on disk, and not reloaded" if unit["NeedDaemonReload"] == "yes" else ""


def _parse(body: bytes) -> Listed:
    tools, rest = parse_tools(body)
    if "systemctl" in tools:
        return parse_systemd(tools["systemctl"], parse_drop_ins(parse_texts(rest)))
    for name, parse in _SCRIPTS.items():
        if name in tools:
            return parse(tools[name])
    return Listed(incomplete=reason(reasons.GARBLED, "no service manager"))


_SCRIPTS: Mapping[str, Any] = {"openrc": parse_openrc, "sysv": parse_sysv}

SERVICES = ListedKind(
    "service",
    "services",
    ("enabled", "running", "masked", "drop_ins"),
    verb="services",
    parse=never_raising(_parse),
)
