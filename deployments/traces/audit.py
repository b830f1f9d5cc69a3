"""The kernel's audit log and process accounting, where somebody has switched them on.

Audit: lines `type=… msg=audit(SECONDS.MILLIS:SERIAL): key=value …` of one event share the serial; `auid` is the
account that logged in, whatever it became later. Accounting: struct acct_v3 of Linux, acct(5), 64 bytes.
"""

import re
import struct
from dataclasses import dataclass, field

from deployments.collector.reasons import printable
from deployments.traces.base import MAX_TRACES, HostClock, Trace, command_text, login_name

_EVENT = re.compile(r"(?:node=\S+ )?type=([A-Z_]{1,32}) msg=audit\((\d{9,11}\.\d{1,3}):(\d{1,20})\): ?(.*)")
_FIELD = re.compile(r'(\w{1,32})=(?:"([^"]{0,4096})"|(\S{1,8192}))')
_UNSET = ("4294967295", "-1")
_ACCT = struct.Struct("<bbH6If8H16s")
_NAMES = ("name", "cwd", "exe", "comm")


@dataclass(slots=True)
class _Event:
    at: float
    auid: str = ""
    program: str = ""
    paths: list[str] = field(default_factory=list)


def parse_audit_log(text: str, clock: HostClock, names: dict[str, str]) -> list[Trace]:
    """Events that name files. `names` maps numbers of users to their names."""
    events: dict[str, _Event] = {}
    cwd: dict[str, str] = {}
    for line in text.split("\n"):
        found = _EVENT.match(line[:16_000])
        if found is None:
            continue
        kind, at, serial, rest = found.groups()
        values = {name: quoted or _plain(name, plain) for name, quoted, plain in _FIELD.findall(rest)}
        event = events.setdefault(serial, _Event(float(at)))
        if kind == "SYSCALL":
            event.auid = "" if values.get("auid", "-1") in _UNSET else values["auid"]
            event.program = values.get("exe", values.get("comm", ""))
            if values.get("success") == "no":
                event.auid = ""
        elif kind == "CWD":
            cwd[serial] = values.get("cwd", "")
        elif kind == "PATH" and values.get("nametype") in ("NORMAL", "CREATE", "DELETE") and "name" in values:
            event.paths.append(values["name"])
    found_traces = [
        Trace(
            "audit log",
            "write",
            login_name(names.get(event.auid, f"uid-{event.auid}")),
            event.at,
            None,
            f"{command_text(event.program)} opened or changed it",
            tuple(printable(_absolute(path, cwd.get(serial, "")), 1_000) for path in event.paths[:20]),
        )
        for serial, event in events.items()
        if event.auid and event.paths
    ]
    return found_traces[-MAX_TRACES:]


def parse_accounting(text: str, clock: HostClock, names: dict[str, str]) -> list[Trace]:
    """Processes that ended, with the user they ran as (not who became root); `text` is hexadecimal."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return []
    raw = raw[len(raw) % _ACCT.size :]
    found = []
    for fields in _ACCT.iter_unpack(raw):
        version, uid, began, elapsed = fields[1], fields[4], fields[8], fields[9]
        login = login_name(names.get(str(uid), f"uid-{uid}"))
        command = printable(fields[-1].split(b"\0", 1)[0], 16)
        if version & 0x0F == 3 and command and login:
            lasted = elapsed / 100 if 0 <= elapsed < 1e9 else 0.0  # in hundredths of a second
            found.append(
                Trace("accounting", "command", login, float(began), float(began) + lasted, f"ran {command}")
            )
    return found[-MAX_TRACES:]


def _plain(name: str, text: str) -> str:
    """A value without quotes; a name with unusual bytes is written in hexadecimal."""
    if name in _NAMES and len(text) % 2 == 0 and re.fullmatch(r"[0-9A-F]+", text):
        return bytes.fromhex(text).decode("utf-8", "replace")
    return text


def _absolute(path: str, cwd: str) -> str:
    return path if path.startswith("/") else f"{cwd.rstrip('/')}/{path}"
