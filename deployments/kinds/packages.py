"""Installed packages: version, and whether the package is held back from upgrades.

Of dpkg, rpm and apk. Where a host has more than one of them, the packages of the system's own go by their names and
the others' carry their manager's: `hello:rpm`. A package of a foreign architecture is `libc6:i386`.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from deployments.collector import reasons
from deployments.collector.reasons import printable, reason
from deployments.core.states import Present, State, Unknown
from deployments.kinds.host_texts import HostTexts, denied_whole, never_raising, parse_texts
from deployments.kinds.listing import Listed, ListedKind
from deployments.kinds.path_entries import GarbledError
from deployments.kinds.tool_outputs import ToolOutput, parse_tools

MAX_LOCKS = 500
MAX_LOCK_CHECKS = 500_000
MAX_PROBLEMS = 50
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,255}", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9.+~:_^-]{1,255}", re.ASCII)
_ARCHITECTURE = re.compile(r"[A-Za-z0-9_-]{0,40}", re.ASCII)
_TROUBLE = {"H": "half-installed", "U": "unpacked, not configured", "F": "half-configured"}


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package. `trouble` is what its manager says is wrong with it."""

    name: str
    architecture: str
    version: str
    hold: bool = False
    installed_at: float | None = None
    trouble: str = ""


def dpkg_packages(output: ToolOutput, texts: HostTexts) -> list[Package]:
    """From lines of status, name, architecture, version and time, parted by tabs; removed ones are left out."""
    found = []
    for line in output.lines:
        status, name, architecture, version, time = _fields(line, 5)
        if len(status) != 3:
            raise GarbledError("dpkg: a status of another length")
        is_there, error = status[1], status[2]
        if is_there in "nc":  # not installed; removed, its configuration kept
            continue
        trouble = _TROUBLE.get(is_there, "to be installed again" if error == "R" else "")
        found.append(Package(name, architecture, version, status[0] == "h", _time(time), trouble))
    return found


def rpm_packages(output: ToolOutput, texts: HostTexts) -> list[Package]:
    """From lines of name, architecture, epoch, version-release and time. Versions of one name are joined by commas."""
    locks = rpm_locks(texts)
    if len(locks) * len(output.lines) > MAX_LOCK_CHECKS:
        raise GarbledError("more locks of versions than anybody has")
    by_name: dict[tuple[str, str], list[Package]] = {}
    for line in output.lines:
        name, architecture, epoch, version, time = _fields(line, 5)
        if name == "gpg-pubkey":  # a key that was trusted, no package
            continue
        full = version if epoch in ("(none)", "0") else f"{epoch}:{version}"
        held = any(_is_locked(name, epoch, version, architecture, lock) for lock in locks)
        package = Package(name, architecture, full, held, _time(time))
        by_name.setdefault((name, architecture), []).append(package)
    return [
        Package(
            name,
            architecture,
            ",".join(sorted(package.version for package in each)),
            any(package.hold for package in each),
            max((package.installed_at or 0 for package in each), default=0) or None,
        )
        for (name, architecture), each in by_name.items()
    ]


def rpm_locks(texts: HostTexts) -> list[str]:
    """The patterns of dnf's and yum's versionlock. Those that exclude a version hold nothing."""
    locks = []
    for path in ("/etc/dnf/plugins/versionlock.list", "/etc/yum/pluginconf.d/versionlock.list"):
        lines = (line.strip() for line in texts.texts.get(path, "").split("\n"))
        locks += [line for line in lines if line and not line.startswith(("#", "!"))]
    try:
        entries = tomllib.loads(texts.texts.get("/etc/dnf/versionlock.toml", "")).get("packages", [])
    except (tomllib.TOMLDecodeError, RecursionError):
        entries = []
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            locks.append(entry["name"])
    return locks[:MAX_LOCKS]


def apk_packages(output: ToolOutput, texts: HostTexts) -> list[Package]:
    """From the lines P:, V: and A: of apk's database; what is pinned in /etc/apk/world is held."""
    pinned = {
        match[1] for word in texts.texts.get("/etc/apk/world", "").split() if (match := _PINNED.match(word))
    }
    found = []
    fields: dict[str, str] = {}
    for line in [*output.lines, "P:"]:
        if line.startswith("P:") and fields:
            name = fields.get("P", "")
            if not name.startswith("."):  # a group of build dependencies, made by `apk add --virtual`
                found.append(Package(name, fields.get("A", ""), fields.get("V", ""), name in pinned))
            fields = {}
        fields.setdefault(line[:1], line[2:])
    return found


_PINNED = re.compile(r"([A-Za-z0-9][\w+.-]*?)(?:@[\w-]+)?[<>=~]")

_MANAGERS: dict[str, tuple[str, Callable[[ToolOutput, HostTexts], list[Package]]]] = {
    "dpkg": ("dpkg", dpkg_packages),
    "rpm": ("rpm", rpm_packages),
    "apk": ("apk-tools", apk_packages),
}
"""By manager: the package that it is in itself, and how to read its output."""


def _parse(body: bytes) -> Listed:
    tools, rest = parse_tools(body)
    texts = parse_texts(rest)
    if texts.failed:  # then nobody knows what is held
        return Listed(incomplete=denied_whole(texts.failed))
    by_manager = {name: read(tools[name], texts) for name, (_, read) in _MANAGERS.items() if name in tools}
    if not by_manager:
        return Listed(incomplete=reason(reasons.TOOL_MISSING, "package manager"))
    own = _own_manager(by_manager)
    states: dict[str, State] = {}
    evidence: dict[str, dict[str, float]] = {}
    problems: list[str] = []
    for manager, packages in by_manager.items():
        native = _native(packages, _MANAGERS[manager][0])
        for package in packages:
            if not (_NAME.fullmatch(package.name) and _ARCHITECTURE.fullmatch(package.architecture)):
                problems.append(f"not a package: {printable(package.name, 80)}")
                continue
            key = _key(package, native, "" if manager == own else manager)
            states[key] = _state(package)
            if package.installed_at:
                evidence[key] = {"changed_at": package.installed_at}
            if package.trouble:
                problems.append(f"package {key}: {package.trouble}")
    failures = (tools[name].failure for name in by_manager)
    return Listed(states, next(filter(None, failures), None), evidence, tuple(problems[:MAX_PROBLEMS]))


def _state(package: Package) -> State:
    if package.trouble == _TROUBLE["H"]:  # neither there nor gone: somebody is at it, or it broke
        return Unknown(reason(reasons.CHANGED, package.trouble))
    if not all(map(_VERSION.fullmatch, package.version.split(","))):
        return Unknown(reason(reasons.GARBLED, "not a version"))
    return Present({"version": package.version, "hold": package.hold})


def _own_manager(by_manager: dict[str, list[Package]]) -> str:
    """The one that has installed itself; else the first that has anything."""
    for name, packages in by_manager.items():
        if any(package.name == _MANAGERS[name][0] for package in packages):
            return name
    return next((name for name, packages in by_manager.items() if packages), next(iter(by_manager)))


def _native(packages: Iterable[Package], own: str) -> str:
    counts: Counter[str] = Counter()
    for package in packages:
        if package.name == own and package.architecture not in _ANY:
            return package.architecture
        counts[package.architecture] += package.architecture not in _ANY
    return max(sorted(counts), key=counts.__getitem__, default="")


_ANY = frozenset({"all", "noarch", ""})


def _key(package: Package, native: str, manager: str) -> str:
    foreign = "" if package.architecture in _ANY or package.architecture == native else package.architecture
    qualifier = "-".join(filter(None, (foreign, manager)))
    return f"{package.name}:{qualifier}" if qualifier else package.name


def _fields(line: str, count: int) -> Sequence[str]:
    fields = line.split("\t")
    if len(fields) != count:
        raise GarbledError("a line of packages with another number of fields")
    return fields


def _time(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _is_locked(name: str, epoch: str, version: str, architecture: str, lock: str) -> bool:
    number = "0" if epoch == "(none)" else epoch
    full = f"{name}-{number}:{version}"
    forms = (name, f"{name}-{version}", full, f"{full}.{architecture}", f"{number}:{name}-{version}")
    certain = re.split(r"[*?[]", lock, maxsplit=1)[
        0
    ]  # most locks are of other packages, and seen to be at once
    return any(form.startswith(certain) and fnmatchcase(form, lock) for form in forms)


PACKAGES = ListedKind(
    "package", "packages", ("version", "hold"), verb="packages", parse=never_raising(_parse)
)
