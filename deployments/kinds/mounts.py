"""Mounts: what /etc/fstab says, and what is mounted now, side by side.

The file's source, type and options are those attributes; what lives is `live_…`. What the kernel, a container
runtime or a session mounts for itself is left out where fstab does not name it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.collector import reasons
from deployments.collector.reasons import printable, reason
from deployments.core.canonical import unordered
from deployments.core.redaction import redact_command
from deployments.core.states import Present, State
from deployments.kinds.host_texts import never_raising, parse_texts
from deployments.kinds.listing import Listed, ListedKind
from deployments.kinds.path_entries import GarbledError
from deployments.kinds.tool_outputs import parse_tools

MAX_PROBLEMS = 20
MAX_LINE = 32_768
FSTAB = "/etc/fstab"
_PSEUDO_TYPES = """
    autofs bdev binder binfmt_misc bpf cgroup cgroup2 configfs cpuset debugfs devpts devtmpfs drm efivarfs fusectl
    hugetlbfs mqueue nfsd nsfs pipefs proc pstore ramfs resctrl rpc_pipefs securityfs selinuxfs smackfs sockfs sysfs
    tracefs fuse.gvfsd-fuse fuse.lxcfs fuse.portal fuse.snapfuse
"""
_NOISY_PLACES = """
    /dev /proc /run /sys /snap /var/lib/containerd /var/lib/containers /var/lib/docker /var/lib/incus /var/lib/kubelet
    /var/lib/lxc /var/lib/lxcfs /var/lib/lxd /var/lib/rancher /var/lib/snapd /var/run
"""
_PSEUDO = frozenset(_PSEUDO_TYPES.split())
_NOISE = tuple(_NOISY_PLACES.split())
_OF_THE_MOMENT = re.compile(
    r"(?:client|mount)?addr=.*|mountport=.*|(?:lower|upper|work)dir\+?=.*|[ef]d=.*|uuid=.*"
)
_SIZES = re.compile(r"(?:size|nr_inodes)=.*")
_SECRET = re.compile(r"((?:pass(?:word|wd|phrase)?2?|secret|psk|key|token)=).+", re.IGNORECASE)
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(slots=True)
class Mounted:
    """What is mounted at one place: the last of those that lie over each other. `on_demand`: something mounts it when
    it is needed, so what is there comes and goes."""

    source: str
    fstype: str
    options: list[str]
    on_demand: bool = False

    def attributes(self) -> dict[str, Any]:
        return {"live_source": self.source, "live_fstype": self.fstype, "live_options": self.options}


@dataclass(slots=True)
class Fstab:
    """By mount point: source, type and options; how many secrets were taken out of each."""

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def parse_fstab(text: str) -> Fstab:
    """Swap is left out, and what has no mount point. A mount point that is there twice counts once, as for mount."""
    found = Fstab()
    for line in text.split("\n"):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) < 3 or len(fields) > 6:
            found.problems.append(f"{FSTAB}: a line that mount would not take")
            continue
        source, point, fstype, *rest = map(_decoded, fields)
        if fstype == "swap" or not point.startswith("/"):
            continue
        point = point.rstrip("/") or "/"
        if point in found.entries:
            found.problems.append(f"{FSTAB}: {printable(point, 80)} is there twice")
            continue
        options, count = _options(rest[0] if rest else "")
        clean = redact_command(source)
        found.entries[point] = {"source": clean.text, "fstype": fstype, "options": options}
        if count + clean.count:
            found.redacted[point] = count + clean.count
    return found


def _options(text: str) -> tuple[list[str], int]:
    """(options as a set, without what is secret, how many were)."""
    kept = [_SECRET.sub(r"\1[redacted]", option) for option in text.split(",") if option]
    return unordered(kept), sum(bool(_SECRET.fullmatch(option)) for option in text.split(","))


def parse_mountinfo(lines: Iterable[str]) -> dict[str, Mounted]:
    """By mount point. Raises GarbledError for a line that the kernel does not write."""
    found: dict[str, Mounted] = {}
    for line in lines:
        before, dash, after = line.partition(" - ")
        fields, behind = before.split(" "), after.split(" ")
        if not dash or len(fields) < 6 or len(behind) < 3 or len(line) > MAX_LINE:
            raise GarbledError("not a line of mountinfo")
        inner, point = _decoded(fields[3]), _decoded(fields[4])
        if inner.endswith("//deleted"):
            continue
        fstype, source = _decoded(behind[0]), _decoded(behind[1])
        if inner != "/" and fstype not in _PSEUDO:
            source = f"{source}[{inner}]"
        options, _ = _options(",".join(map(_decoded, (fields[5], behind[2]))))
        earlier = found.get(point)
        on_demand = fstype == "autofs" or (earlier is not None and earlier.on_demand)
        found[point] = Mounted(source, fstype, _live(options, fstype), on_demand)
    automatic = {point for point, mounted in found.items() if mounted.fstype == "autofs"}
    for point, mounted in found.items():
        mounted.on_demand = mounted.on_demand or (bool(automatic) and _is_below(point, automatic))
    return found


def _is_below(point: str, places: set[str]) -> bool:
    while point.count("/") > 1:
        point = point.rpartition("/")[0]
        if point in places:
            return True
    return False


def _live(options: list[str], fstype: str) -> list[str]:
    """Without addresses and inner paths. Read-only is what the mount or what is mounted says to be."""
    kept = [option for option in options if not _OF_THE_MOMENT.fullmatch(option)]
    return [option for option in kept if option != "rw"] if "ro" in kept else kept


def _is_noise(point: str, mounted: Mounted) -> bool:
    inside = any(point == place or point.startswith(f"{place}/") for place in _NOISE)
    return inside or mounted.fstype in _PSEUDO or mounted.on_demand


def _decoded(text: str) -> str:
    """Spaces and the like are written in octal. What can't be shown is left out, so that no line breaks."""
    plain = _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
    return "".join(filter(str.isprintable, plain))


def _state(entry: Mapping[str, Any] | None, mounted: Mounted | None, *, whole: bool) -> State:
    data: dict[str, Any] = {"persisted": entry is not None, "mounted": mounted is not None, **(entry or {})}
    if mounted is not None and (whole or not mounted.on_demand):
        live = mounted.attributes()
        wanted = entry["options"] if entry else []
        if mounted.fstype == "tmpfs" and not any(map(_SIZES.fullmatch, wanted)):
            # A share of the memory, unless somebody says how much.
            live["live_options"] = [one for one in mounted.options if not _SIZES.fullmatch(one)]
        data |= live
    return Present(data)


def _parse(body: bytes) -> Listed:
    tools, rest = parse_tools(body)
    texts = parse_texts(rest)
    if FSTAB in texts.failed:
        return Listed(incomplete=reason(texts.failed[FSTAB], FSTAB))
    fstab = parse_fstab(texts.texts.get(FSTAB, ""))
    evidence = dict.fromkeys(fstab.entries, texts.evidence.get(FSTAB, {}))
    problems = tuple(fstab.problems[:MAX_PROBLEMS])
    if "rooted" in tools:
        why = reason(reasons.NOT_SUPPORTED, "only a running system can tell")
        live = ("mounted", "live_source", "live_fstype", "live_options")
        return Listed(
            {point: Present({"persisted": True, **entry}) for point, entry in fstab.entries.items()},
            why,
            evidence,
            problems,
            fstab.redacted,
            unseen=dict.fromkeys(fstab.entries, dict.fromkeys(live, why)),
        )
    if "mountinfo" not in tools:
        raise GarbledError("no mounts")
    mounted = parse_mountinfo(tools["mountinfo"].lines)
    if "/" not in mounted:
        return Listed(
            incomplete=tools["mountinfo"].failure or reason(reasons.NOT_SUPPORTED, "no root among the mounts")
        )
    states: dict[str, State] = {}
    declared: dict[str, State] = {}
    for point in sorted(fstab.entries.keys() | mounted.keys()):
        entry, now = fstab.entries.get(point), mounted.get(point)
        declared[point] = _state(entry, now, whole=True)
        if entry is not None or (now is not None and not _is_noise(point, now)):
            states[point] = _state(entry, now, whole=False)
    return Listed(states, tools["mountinfo"].failure, evidence, problems, fstab.redacted, declared)


MOUNTS = ListedKind(
    "mount",
    "mounts",
    (
        "source",
        "fstype",
        "options",
        "persisted",
        "mounted",
        "live_source",
        "live_fstype",
        "live_options",
    ),
    verb="mounts",
    parse=never_raising(_parse),
    # Not the live source: disks have other names after many a reboot.
    compared=("source", "fstype", "options", "persisted", "mounted", "live_fstype", "live_options"),
)
