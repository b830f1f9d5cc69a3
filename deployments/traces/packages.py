"""Logs of package managers: dpkg, apt's history (which knows who asked), yum and dnf, apk."""

import re
from datetime import datetime

from deployments.traces.base import MAX_TRACES, HostClock, Trace, command_text, login_name

_DPKG = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (install|upgrade|remove|purge) ([^\s:]{1,200})\S* (\S{1,200}) (\S{1,200})"
)
_YUM = re.compile(
    r"([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (Installed|Updated|Erased|Downgraded): (?:\d+:)?(\S{1,300})"
)
_DNF = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[+-]\d{4}|Z)) \S+ (Installed|Upgraded|Upgrade|Erase|Erased|Removed|Downgraded): (\S{1,300})"
)
_NEVRA = re.compile(r"(?P<name>.+)-[^-]+-[^-]+$")
_REQUESTED = re.compile(r"(?P<login>\S+) \(\d+\)")
_APT_NAME = re.compile(r"(?:^|, )([^\s:,(]{1,200})(?::[\w-]+)? \(")
_APK = re.compile(r"Running `(?P<command>[^`]{1,2000})`")


def parse_dpkg_log(text: str, clock: HostClock) -> list[Trace]:
    """`2026-11-23 07:45:56 install htop:amd64 <none> 3.2.2-2`, in the host's local time."""
    found = []
    for match in map(_DPKG.match, text.split("\n")):
        if match and (at := clock.local(match[1], "%Y-%m-%d %H:%M:%S")) is not None:
            said = f"{match[2]} {match[3]} {match[4]} → {match[5]}"
            found.append(Trace("dpkg log", "packages", "", at, None, command_text(said), (match[3],)))
    return found[-MAX_TRACES:]


def parse_apt_history(text: str, clock: HostClock) -> list[Trace]:
    """Paragraphs of `Key: value` lines; `Requested-By: ana (1001)` is there when it was run through sudo."""
    found = []
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.split("\n") if ": " in line)
        at = clock.local(" ".join(fields.get("Start-Date", "").split()), "%Y-%m-%d %H:%M:%S")
        if at is None:
            continue
        ended = clock.local(" ".join(fields.get("End-Date", "").split()), "%Y-%m-%d %H:%M:%S")
        asked = _REQUESTED.fullmatch(fields.get("Requested-By", "").strip())
        names = [
            name
            for key in ("Install", "Upgrade", "Remove", "Purge", "Downgrade", "Reinstall")
            for name in _APT_NAME.findall(fields.get(key, "")[:20_000])
        ]
        found.append(
            Trace(
                "apt history",
                "packages",
                login_name(asked["login"]) if asked else "",
                at,
                ended if ended is not None and ended > at else None,
                command_text(fields.get("Commandline", "apt")),
                tuple(dict.fromkeys(names)),
            )
        )
    return found[-MAX_TRACES:]


def parse_yum_log(text: str, clock: HostClock) -> list[Trace]:
    """`Nov 23 07:45:56 Installed: htop-3.2.2-2.el9.x86_64`."""
    found = []
    for match in map(_YUM.match, text.split("\n")):
        if match and (at := clock.without_year(match[1])) is not None:
            found.append(_rpm("yum log", match[2], match[3], at))
    return found[-MAX_TRACES:]


def parse_dnf_log(text: str, clock: HostClock) -> list[Trace]:
    """`2026-11-23T07:45:56+0000 SUBDEBUG Installed: htop-3.2.2-2.el9.x86_64`."""
    found = []
    for match in map(_DNF.match, text.split("\n")):
        if match:
            try:
                at = datetime.fromisoformat(match[1]).timestamp()
            except ValueError:
                continue
            found.append(_rpm("dnf log", match[2], match[3], at))
    return found[-MAX_TRACES:]


def parse_apk_log(text: str, clock: HostClock) -> list[Trace]:
    """``Running `apk add htop` at 2026-11-23 07:45:56``, in the host's local time."""
    found = []
    for line in text.split("\n"):
        match = _APK.match(line)
        _, _, said = line.rpartition(" at ")
        if match and (at := clock.local(said.strip()[:19], "%Y-%m-%d %H:%M:%S")) is not None:
            words = tuple(word for word in match["command"].split()[2:] if not word.startswith("-"))
            found.append(Trace("apk log", "packages", "", at, None, command_text(match["command"]), words))
    return found[-MAX_TRACES:]


def _rpm(source: str, verb: str, package: str, at: float) -> Trace:
    name = _NEVRA.match(package)
    names = (name["name"],) if name else (package,)
    return Trace(source, "packages", "", at, None, command_text(f"{verb.lower()} {package}"), names)
