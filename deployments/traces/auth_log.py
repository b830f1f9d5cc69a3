"""The log of authentication, from the journal (`-o json`) or a file of syslog's: sudo, su, sshd, logind.

Messages as written by sudo 1.8 and 1.9, util-linux's and shadow's su, OpenSSH, pam_unix and systemd-logind.

Anybody may write under the name of sudo. A file of syslog says nothing of who did; in the journal the kernel says as
whom the writer ran when it wrote. Root is believed, and everybody else about himself: sudo, su and doas write as
whoever called them, whom the line names, and nobody can make up another's deed.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from deployments.collector.reasons import printable
from deployments.traces.base import MAX_TRACES, HostClock, Trace, command_text, login_name

_LINE = re.compile(
    r"(?:(?P<unix>\d{9,11}\.\d{1,9})|(?P<iso>\d{4}-\d\d-\d\dT[0-9:.]{8,16}(?:Z|[+-]\d\d:?\d\d))|(?P<old>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d))"
    r" \S{1,255} (?P<tag>[\w.-]{1,40})(?:\[(?P<pid>\d{1,10})\])?: (?P<message>.*)"
)
_SUDO = re.compile(r"\s*(?P<login>\S{1,64}) : (?P<rest>.*)")
_ACCEPTED = re.compile(r"Accepted \S{1,40} for (?P<login>\S{1,64}) from (?P<origin>\S{1,80}) port")
_OPENED = re.compile(
    r"pam_unix\((?P<service>[\w-]{1,40}):session\): session opened for user (?P<user>[^\s(]{1,64})(?:\(uid=(?P<uid>\d{1,10})\))? by (?P<by>[^\s(]{0,64})"
)
_CLOSED = re.compile(r"pam_unix\([\w-]{1,40}:session\): session closed for user ")
_NEW = re.compile(r"New session (?P<id>\S{1,40}) of user (?P<login>\S{1,64}?)\.?$")
_REMOVED = re.compile(r"Removed session (?P<id>\S{1,40}?)\.?$")
_SHELLS = frozenset(("sudo-i", "su", "su-l"))
_SHELL_COMMAND = re.compile(r"(?:/\S*/)?(?:ba|da|z|k|fi|a)?sh(?: -\S*)?$|(?:/\S*/)?su(?: .*)?$")


_BECOME_ROOT = re.compile(r"/(?:usr/)?(?:local/)?bin/(?:sudo|su|doas)")
_ROOT, _UNKNOWN = "0", "*"
UNPROVEN = "unproven journal"
"""The source of a line by an account that has no name we know, from a program that seems to be sudo: the journal saw
which only afterwards."""


@dataclass(frozen=True, slots=True)
class _Line:
    """`about`: of whose deeds alone the writer is believed, None: of everybody's; _UNKNOWN: who wrote it has no name."""

    at: float
    tag: str
    pid: str
    message: str
    about: str | None = None

    def is_believed_of(self, login: str) -> bool:
        return self.about in (None, _UNKNOWN, login)


def parse_journal(text: str, clock: HostClock, names: Mapping[str, str]) -> list[Trace]:
    """`names`: of accounts, by number."""
    entries = [entry for entry in map(_entry, text.split("\n")) if entry]
    names = {**_names_of_logins(entries), **names}
    return _traces(_journal_lines(entries, names), "journal")


def parse_auth_log(text: str, clock: HostClock) -> list[Trace]:
    return _traces(_lines(text, clock), "auth log")


def _traces(lines: Iterable["_Line"], source: str) -> list[Trace]:
    reader = _Reader(source)
    for line in lines:
        reader.take(line)
    return reader.traces()[-MAX_TRACES:]


def _entry(line: str) -> dict[str, str]:
    """The fields of an entry that are text, else nothing. What isn't printable comes as a list of its bytes."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    if isinstance(message := found.get("MESSAGE"), list):
        found["MESSAGE"] = "".join(
            chr(byte) for byte in message if isinstance(byte, int) and 32 <= byte < 127
        )
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _names_of_logins(entries: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Accounts that are in no file of the host, by number: root's sshd and login say both when somebody logs in."""
    opened = (
        _OPENED.match(entry.get("MESSAGE", "")[:4_000]) for entry in entries if entry.get("_UID") == _ROOT
    )
    return {found["uid"]: found["user"] for found in opened if found and found["uid"]}


def _journal_lines(entries: Iterable[Mapping[str, str]], names: Mapping[str, str]) -> Iterator[_Line]:
    for entry in entries:
        micros = entry.get("_SOURCE_REALTIME_TIMESTAMP") or entry.get("__REALTIME_TIMESTAMP", "")
        writer = entry.get("_UID", "")
        if not re.fullmatch(r"[0-9]{15,17}", micros) or not writer:
            continue
        about = None if writer == _ROOT else names.get(writer)
        if writer != _ROOT and about is None:
            if not _BECOME_ROOT.fullmatch(entry.get("_EXE", "")):
                continue
            about = _UNKNOWN
        tag, pid = entry.get("SYSLOG_IDENTIFIER", ""), entry.get("_PID", "")
        yield _Line(int(micros) / 1e6, tag, pid, entry.get("MESSAGE", "")[:4_000], about)


def _lines(text: str, clock: HostClock) -> Iterator[_Line]:
    for raw in text.split("\n"):
        found = _LINE.match(raw[:4_000])
        if found is None:
            continue
        at = _time(found, clock)
        if at is not None:
            yield _Line(at, found["tag"], found["pid"] or "", found["message"])


def _time(found: re.Match[str], clock: HostClock) -> float | None:
    if found["unix"]:
        return float(found["unix"])
    if found["iso"]:
        try:
            return datetime.fromisoformat(found["iso"]).timestamp()
        except ValueError:
            return None
    return clock.without_year(found["old"])


class _Reader:
    """What began, by process or session, until it ends."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._origins: dict[str, str] = {}
        self._open: dict[tuple[str, str], Trace] = {}
        self._done: list[Trace] = []

    def take(self, line: _Line) -> None:
        if line.tag == "sudo":
            self._sudo(line)
        if found := _OPENED.match(line.message):
            self._opened(line, found)
        elif _CLOSED.match(line.message):
            self._close(("process", f"{line.tag}/{line.pid}"), line.at)
        elif line.about is not None:
            return  # who logs in, only root knows
        elif found := _ACCEPTED.match(line.message):
            self._origins[line.pid] = printable(found["origin"], 80)
        elif line.tag == "systemd-logind":
            if (found := _NEW.match(line.message)) and (login := login_name(found["login"])):
                begun = Trace(
                    self._source, "session", login, line.at, math.inf, f"session {printable(found['id'], 20)}"
                )
                self._open["session", found["id"]] = begun
            elif found := _REMOVED.match(line.message):
                self._close(("session", found["id"]), line.at)

    def traces(self) -> list[Trace]:
        return sorted([*self._done, *self._open.values()], key=lambda trace: trace.at)

    def _sudo(self, line: _Line) -> None:
        found = _SUDO.match(line.message)
        if found is None or " ; " not in found["rest"] or "COMMAND=" not in found["rest"]:
            return
        before, _, command = found["rest"].partition("COMMAND=")
        parts = [part.strip() for part in before.split(" ; ")]
        if not parts[0].startswith("TTY=") and not parts[0].startswith("PWD="):
            return  # "command not allowed", "3 incorrect password attempts": nothing was run
        login = login_name(found["login"])
        if login and line.is_believed_of(login):
            terminal = next((part.removeprefix("TTY=") for part in parts if part.startswith("TTY=")), "")
            self._done.append(
                Trace(
                    self._source_of(line),
                    "command",
                    login,
                    line.at,
                    None,
                    f"sudo {command_text(command)}",
                    (),
                    printable(terminal, 40),
                )
            )

    def _opened(self, line: _Line, found: re.Match[str]) -> None:
        service, user, by = found["service"], login_name(found["user"]), login_name(found["by"])
        key = ("process", f"{line.tag}/{line.pid}")
        if service in ("sshd", "login"):
            if not user or line.about is not None:
                return
            origin = self._origins.get(line.pid, "")
            self._open[key] = Trace(
                self._source, "session", user, line.at, math.inf, f"logged in ({service})", (), origin
            )
        elif not by or not line.is_believed_of(by):
            return
        elif service in _SHELLS and by != user:
            self._open[key] = self._shell(line, by, user, service)
        elif service in ("sudo", "sudo-i"):
            self._root_shell(key, line, by, user)

    def _root_shell(self, key: tuple[str, str], line: _Line, by: str, user: str) -> None:
        """`sudo bash`: the command before this line was a shell, in which anything can be done until it ends."""
        last = next((trace for trace in reversed(self._done) if trace.what == "command"), None)
        if (
            last is not None
            and last.login == by
            and _SHELL_COMMAND.fullmatch(last.text.removeprefix("sudo "))
        ):
            self._open[key] = self._shell(line, by, user, "sudo")

    def _shell(self, line: _Line, by: str, user: str, service: str) -> Trace:
        said = f"shell as {user or 'another user'} ({service})"
        return Trace(self._source_of(line), "shell", by, line.at, math.inf, said)

    def _source_of(self, line: _Line) -> str:
        return UNPROVEN if line.about == _UNKNOWN else self._source

    def _close(self, key: tuple[str, str], at: float) -> None:
        if (begun := self._open.pop(key, None)) is not None:
            self._done.append(replace(begun, until=at))
