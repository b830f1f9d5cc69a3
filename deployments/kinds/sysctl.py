"""Settings of the kernel: the value that runs, and the one that files set at the next boot.

What belongs to one interface, is random or is secret is never asked for. What the kernel changes by itself, derives
from the machine or keeps twice is compared where it is declared or a file sets it, and left out otherwise.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache

from deployments.collector import reasons
from deployments.collector.reasons import reason
from deployments.core.canonical import words
from deployments.core.states import Present, State, Unknown
from deployments.kinds.conf_folders import in_effect, settings
from deployments.kinds.host_texts import HostTexts, denied_whole, never_raising, parse_texts
from deployments.kinds.listing import Listed, ListedKind
from deployments.kinds.path_entries import GarbledError
from deployments.kinds.tool_outputs import parse_tools

MAX_VALUE = 4_096
MAX_GLOBS = 100
ROOT = "./proc/sys/"
MAIN = "/etc/sysctl.conf"

_INTERFACE = reason(reasons.NOT_SUPPORTED, "settings of one interface")
_SECRET = reason(reasons.NOT_SUPPORTED, "random or secret")
_COUNTER = reason(reasons.NOT_SUPPORTED, "a counter")
_NEVER: Mapping[str, str | None] = {
    "*.stable_secret": _SECRET,
    "net.ipv4.tcp_fastopen_key": _SECRET,
    "net.core.netdev_rss_key": _SECRET,
    "kernel.random.*": _SECRET,
    "net.*.conf.all.*": None,
    "net.*.conf.default.*": None,
    "net.*.neigh.default.*": None,
    "net.*.conf.*": _INTERFACE,
    "net.*.neigh.*": _INTERFACE,
    "fs.aio-nr": _COUNTER,
    "fs.dentry-state": _COUNTER,
    "fs.file-nr": _COUNTER,
    "fs.inode-nr": _COUNTER,
    "fs.inode-state": _COUNTER,
    "kernel.hung_task_detect_count": _COUNTER,
    "kernel.ns_last_pid": _COUNTER,
    "kernel.pty.nr": _COUNTER,
    "net.netfilter.nf_conntrack_count": _COUNTER,
}
"""Keys that are never asked for, and the patterns among them that are: a first match decides."""

_BY_ITSELF = (
    # what the kernel moves under load
    "fs.quota.*",
    "kernel.hung_task_warnings",
    "kernel.perf_event_max_sample_rate",
    "kernel.sched_domain.*",
    "kernel.tainted",
    "sunrpc.transports",
    # what follows from the memory, and is another number after many an upgrade of the kernel
    "fs.epoll.max_user_watches",
    "fs.fanotify.max_user_marks",
    "fs.inotify.max_user_watches",
    "kernel.threads-max",
    "net.ipv4.tcp_mem",
    "net.ipv4.udp_mem",
    "user.max_*",
    "vm.min_free_kbytes",
    "vm.user_reserve_kbytes",
    # what follows from the kernel, its loaded modules and the host's name
    "dev.cdrom.info",
    "kernel.arch",
    "kernel.bootloader_*",
    "kernel.cap_last_cap",
    "kernel.domainname",
    "kernel.hostname",
    "kernel.ngroups_max",
    "kernel.os*",
    "kernel.seccomp.actions_avail",
    "kernel.version",
    "net.*available_*",
    "net.ipv4.tcp_allowed_congestion_control",
    "net.netfilter.nf_log.*",
    # what moves with another key
    "kernel.watchdog",
    "net.*.conf.default.forwarding",
    "net.*.conf.default.ignore_routes_with_linkdown",
    "net.ipv4.conf.all.accept_redirects",
    "net.ipv4.conf.all.forwarding",
    "net.ipv6.conf.default.disable_ipv6",
    "net.*.neigh.default.base_reachable_time",
    "net.*.neigh.default.retrans_time",
    "net.*.route.gc_min_interval",
    "net.nf_conntrack_max",
    "vm.nr_hugepages_mempolicy",
)
_PATTERN = re.compile(r"[*?\[]")


def key_of(path: str) -> str:
    """`net/core/somaxconn` → `net.core.somaxconn`. A dot in a name becomes a slash, as sysctl writes it."""
    return path.translate(_SWAPPED)


_SWAPPED = str.maketrans("/.", "./")


@lru_cache(maxsize=16_384)  # a fleet has the same keys on every host
def is_by_itself(key: str) -> bool:
    """Whether the kernel sets this key by itself: compared only where somebody says what it should be."""
    return any(fnmatchcase(key, pattern) for pattern in _BY_ITSELF)


@lru_cache(maxsize=16_384)
def _is_never_seen(key: str) -> bool:
    return next((why for glob, why in _NEVER.items() if fnmatchcase(key, glob)), None) is not None


@dataclass(slots=True)
class Persisted:
    """What the files set: by key, by pattern (a later one wins), keys that no pattern sets, and by
    key the file that names it."""

    exact: dict[str, str] = field(default_factory=dict)
    patterns: dict[str, str] = field(default_factory=dict)
    excluded: set[str] = field(default_factory=set)
    where: dict[str, str] = field(default_factory=dict)

    def value(self, key: str) -> str | None:
        """A key that is named wins over any pattern."""
        if key in self.exact or key in self.excluded:
            return self.exact.get(key)
        matching = [value for pattern, value in self.patterns.items() if fnmatchcase(key, pattern)]
        return matching[-1] if matching else None


def parse_files(texts: Mapping[str, str], *, main_counts: bool) -> Persisted:
    """By the rules of sysctl.d: files by name whatever their directory, a later line wins, `sysctl.conf` last."""
    found = Persisted()
    for path in (*in_effect(texts, "sysctl.d"), *([MAIN] if main_counts else [])):
        for line in settings(texts.get(path, "")):
            _read_line(line, path, found)
    return found


def _read_line(line: str, path: str, found: Persisted) -> None:
    name, equals, value = line.partition("=")
    optional = name.startswith("-")  # whether an error while setting it matters
    name = name.removeprefix("-").strip()
    first = re.search(r"[/.]", name)
    key = key_of(name) if first and first[0] == "/" else name
    if not key:
        return
    if not equals:
        if optional:
            found.excluded.add(key)
        return
    value = "".join(filter(str.isprintable, words(value)))[:MAX_VALUE]
    if not _PATTERN.search(key):
        found.exact[key] = value
        found.where[key] = path
    elif len(found.patterns) < MAX_GLOBS:
        found.patterns.pop(key, None)  # so that the order is that of the last mention
        found.patterns[key] = value


def parse_values(lines: Iterable[str]) -> dict[str, str | Unknown]:
    """From `PATH:VALUE`, a line for each line of a value."""
    values: dict[str, str] = {}
    for line in lines:
        path, colon, value = line.partition(":")
        if not colon or not path.startswith(ROOT):
            raise GarbledError("not a line of a kernel setting")
        before = values.get(path)
        values[path] = value if before is None else f"{before[:MAX_VALUE]} {value}"
    return {key_of(path.removeprefix(ROOT)): _value(words(value)) for path, value in values.items()}


def _value(text: str) -> str | Unknown:
    if len(text) > MAX_VALUE:
        return Unknown(reason(reasons.OVER_LIMIT, f"more than {MAX_VALUE} characters"))
    return text if text.isprintable() else Unknown(reason(reasons.GARBLED, "not text"))


def _parse(body: bytes) -> Listed:
    tools, rest = parse_tools(body)
    texts = parse_texts(rest)
    if "rooted" in tools:
        return _of_files(texts, reason(reasons.NOT_SUPPORTED, "only a running system can tell"))
    if "values" not in tools:
        raise GarbledError("no values")
    running = parse_values(tools["values"].lines)
    if not running:
        return Listed(incomplete=reason(reasons.READ_ERROR, "/proc/sys"))
    for path in tools["denied"].lines if "denied" in tools else ():
        running[key_of(path.removeprefix(ROOT))] = Unknown(reasons.DENIED)
    persisted = parse_files(texts.texts, main_counts="systemd" not in tools)
    states: dict[str, State] = {}
    declared: dict[str, State] = {}
    state: State
    unseen: dict[str, dict[str, str]] = {}
    hidden = denied_whole(texts.failed)
    for key in sorted(running.keys() | persisted.exact.keys()):
        if _is_never_seen(key):
            continue
        now, then = running.get(key), persisted.value(key)
        data = {} if then is None or hidden else {"persisted": then}
        missing: dict[str, str] = {"persisted": hidden} if hidden else {}
        if isinstance(now, Unknown):
            missing["value"] = now.reason
        elif now is not None:
            data = {"value": now, **data}
        declared[key] = state = Present(data)
        if missing:
            unseen[key] = missing
            state = Unknown(hidden or missing["value"])
        if then is not None or not is_by_itself(key):
            states[key] = state
    failure = tools["values"].failure
    gaps = {glob: why or failure for glob, why in _NEVER.items()}
    evidence = {key: texts.evidence[path] for key, path in persisted.where.items() if path in texts.evidence}
    return Listed(states, failure, evidence, declared=declared, unseen=unseen, gaps=gaps)


def _of_files(texts: HostTexts, why: str) -> Listed:
    """What a directory root can tell: what would be set if it were started."""
    if texts.failed:
        return Listed(incomplete=denied_whole(texts.failed))
    exact = parse_files(texts.texts, main_counts=True).exact
    return Listed(
        {key: Present({"persisted": value}) for key, value in exact.items()},
        why,
        unseen={key: {"value": why} for key in exact},
    )


SYSCTL = ListedKind("sysctl", "sysctl", ("value", "persisted"), verb="sysctl", parse=never_raising(_parse))
