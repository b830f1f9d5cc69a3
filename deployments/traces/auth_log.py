"""The log of authentication, from the journal (`-o short-unix`) or a file of syslog's: sudo, su, sshd, logind.

Messages as written by sudo 1.8 and 1.9, util-linux's and shadow's su, OpenSSH, pam_unix and systemd-logind.
"""

import math
import re
from collections.abc import Iterator
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
    r"pam_unix\((?P<service>[\w-]{1,40}):session\): session opened for user (?P<user>[^\s(]{1,64})(?:\(uid=\d+\))? by (?P<by>[^\s(]{0,64})"
)
_CLOSED = re.compile(r"pam_unix\([\w-]{1,40}:session\): session closed for user ")
_NEW = re.compile(r"New session (?P<id>\S{1,40}) of user (?P<login>\S{1,64}?)\.?$")
_REMOVED = re.compile(r"Removed session (?P<id>\S{1,40}?)\.?$")
_SHELLS = frozenset(("sudo-i", "su", "su-l"))
_SHELL_COMMAND = re.compile(r"(?:/\S*/)?(?:ba|da|z|k|fi|a)?sh(?: -\S*)?$|(?:/\S*/)?su(?: .*)?$")


@dataclass(frozen=True, slots=True)
class _Line:
    at: float
    tag: str
    pid: str
    message: str


def parse_journal(text: str, clock: HostClock) -> list[Trace]:
    return _parse(text, clock, "journal")


def parse_auth_log(text: str, clock: HostClock) -> list[Trace]:
    return _parse(text, clock, "auth log")


def _parse(text: str, clock: HostClock, source: str) -> list[Trace]:
    reader = _Reader(source)
    for line in _lines(text, clock):
        reader.take(line)
    return reader.traces()[-MAX_TRACES:]


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
        if found := _ACCEPTED.match(line.message):
            self._origins[line.pid] = printable(found["origin"], 80)
        elif found := _OPENED.match(line.message):
            self._opened(line, found)
        elif _CLOSED.match(line.message):
            self._close(("process", f"{line.tag}/{line.pid}"), line.at)
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
        if login:
            terminal = next((part.removeprefix("TTY=") for part in parts if part.startswith("TTY=")), "")
            self._done.append(
                Trace(
                    self._source,
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
        if service in _SHELLS and by and by != user:
            self._open[key] = Trace(
                self._source, "shell", by, line.at, math.inf, f"shell as {user or 'another user'} ({service})"
            )
        elif service in ("sudo", "sudo-i") and by:
            self._root_shell(key, line, by, user)
        elif service in ("sshd", "login") and user:
            origin = self._origins.get(line.pid, "")
            self._open[key] = Trace(
                self._source, "session", user, line.at, math.inf, f"logged in ({service})", (), origin
            )

    def _root_shell(self, key: tuple[str, str], line: _Line, by: str, user: str) -> None:
        """`sudo bash`: the command before this line was a shell, in which anything can be done until it ends."""
        last = next((trace for trace in reversed(self._done) if trace.what == "command"), None)
        if (
            last is not None
            and last.login == by
            and _SHELL_COMMAND.fullmatch(last.text.removeprefix("sudo "))
        ):
            self._open[key] = Trace(
                self._source, "shell", by, line.at, math.inf, f"shell as {user or 'another user'} (sudo)"
            )

    def _close(self, key: tuple[str, str], at: float) -> None:
        if (begun := self._open.pop(key, None)) is not None:
            self._done.append(replace(begun, until=at))
