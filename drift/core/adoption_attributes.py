"""Which entries of what hosts list whole (packages, services, users, …) are declared, and what of each.

One rule for each section: it is given a state and what the fleet shows, and answers the attributes to declare or the
reason why the entry is left to `watched:`, which notices when it changes although nobody declared it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PEOPLE = range(1000, 60_001)
"""User and group ids that Debian and Red Hat give to people and to what people add; below are the packages' own."""


@dataclass(frozen=True)
class Fleet:
    """What the rules have to know of all hosts together. `meant` are services that somebody enabled, masked or
    changed on one of them, `running` those that run on one; `as_file(path)` says whether a root covers a path."""

    versions: bool
    meant: frozenset[str]
    running: frozenset[str]
    as_file: Callable[[str], bool]


Data = Mapping[str, Any]
Answer = dict[str, Any] | str
"""Attributes, or the reason why the entry is not declared."""


def package(key: str, data: Data, fleet: Fleet) -> Answer:
    names = ("version", "hold") if fleet.versions else ("hold",)
    return {name: data[name] for name in names if name in data}


def service(key: str, data: Data, fleet: Fleet) -> Answer:
    """What somebody switched on, off for good, or changed on any host. What others start is theirs to start."""
    if key not in fleet.meant:
        return "not enabled anywhere: something else starts it, or nothing"
    said = {name: data[name] for name in ("enabled", "masked", "drop_ins") if name in data}
    return {**said, "running": data["running"]} if key in fleet.running and "running" in data else said


def is_meant(data: Data) -> bool:
    return bool(data.get("enabled") or data.get("masked") or data.get("drop_ins"))


def sysctl(key: str, data: Data, fleet: Fleet) -> Answer:
    """Settings that somebody made lasting. Where their files are adopted, those say so; here is what runs."""
    if not data.get("persisted"):
        return "nobody made it lasting: the kernel's own value"
    as_file = fleet.as_file("/etc/sysctl.d/x.conf")
    return {name: data[name] for name in ("value", *(() if as_file else ("persisted",))) if name in data}


def user(key: str, data: Data, fleet: Fleet) -> Answer:
    if data.get("uid") not in PEOPLE:
        return "an account of the system or of a package"
    return {name: value for name, value in data.items() if name != "comment" or value}


def group(key: str, data: Data, fleet: Fleet) -> Answer:
    if data.get("gid") not in PEOPLE and not data.get("members"):
        return "a group of the system or of a package"
    return {name: value for name, value in data.items() if name != "members" or value}


def cron(key: str, data: Data, fleet: Fleet) -> Answer:
    if not key.endswith(".timer"):
        return {"jobs": data["jobs"]} if data.get("jobs") else "no jobs in it"
    if not data.get("enabled"):
        return "a timer that is not enabled"
    return {name: data[name] for name in ("schedule", "enabled") if name in data}


def mount(key: str, data: Data, fleet: Fleet) -> Answer:
    if not data.get("persisted"):
        return "mounted, but not in fstab"
    names = ("source", "fstype", "options", "persisted", "mounted")
    return {name: data[name] for name in names if name in data}


def kernel_module(key: str, data: Data, fleet: Fleet) -> Answer:
    if not data.get("at_boot") and not data.get("blacklisted"):
        return "loaded by the kernel itself"
    return {name: data[name] for name in ("loaded", "at_boot", "blacklisted") if name in data}


def whole(key: str, data: Data, fleet: Fleet) -> Answer:
    return dict(data) if any(data.values()) else "nothing in it"


def seen_only(key: str, data: Data, fleet: Fleet) -> Answer:
    return "seen, and watched; what runs there is said by packages, services and files"


RULES: Mapping[str, Callable[[str, Data, Fleet], Answer]] = {
    "package": package,
    "service": service,
    "sysctl": sysctl,
    "user": user,
    "group": group,
    "cron": cron,
    "mount": mount,
    "kernel_module": kernel_module,
    "sudoers": whole,
    "authorized_keys": whole,
    "port": seen_only,
    "firewall": seen_only,
    "container": seen_only,
}
ONLY_SEEN = frozenset(kind for kind, rule in RULES.items() if rule is seen_only)
