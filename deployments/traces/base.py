"""Traces of people on a host: who was logged in, what was run with other rights, which packages were changed.

Each source has one pure parser: bytes of a log in, traces out. A log is hostile input as everything from a host:
lines that are not understood are passed over, and every text is printable, short and redacted.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from deployments.collector.reasons import printable
from deployments.core.redaction import redact_command

MAX_TRACES = 2_000
"""Of one source; the newest are kept."""

What = Literal["session", "shell", "command", "packages", "write"]


@dataclass(frozen=True, slots=True)
class Trace:
    """One thing somebody did, or a time during which they could have.

    `source` is where it was read ("sudo log"). `what`: a login ("session"), a shell with another's rights
    ("shell"), one command with them, a change of packages, a write to a path that the audit log saw. `login` is
    the account of the person, empty where the source does not say. `at` and `until` are seconds since 1970 by
    the host's clock; `until` is None for a moment, infinite for what still goes on. `names` are the paths or
    packages it was about. `origin` is the address or terminal.
    """

    source: str
    what: What
    login: str
    at: float
    until: float | None = None
    text: str = ""
    names: tuple[str, ...] = ()
    origin: str = ""


@dataclass(frozen=True, slots=True)
class HostClock:
    """The host's time now (seconds since 1970) and its zone (seconds east of UTC): many logs have neither year nor
    zone."""

    now: float
    zone: int = 0

    def local(self, text: str, form: str) -> float | None:
        """A local time as the host writes it, in seconds since 1970; None where it isn't one."""
        try:
            return self._seconds(datetime.strptime(text, form))  # noqa: DTZ007 - the zone is put in here
        except (ValueError, OverflowError):
            return None

    def without_year(self, text: str) -> float | None:
        """`Nov 23 07:45:56`: the last such time that is not in the host's future (but for a day of doubt)."""
        year = datetime.fromtimestamp(self.now + self.zone, UTC).year
        for candidate in (year, year - 1):
            at = self.local(f"{candidate} {text}", "%Y %b %d %H:%M:%S")
            if at is not None and at <= self.now + 86_400:
                return at
        return None

    def _seconds(self, moment: datetime) -> float:
        return moment.replace(tzinfo=timezone(timedelta(seconds=self.zone))).timestamp()


@dataclass(frozen=True, slots=True)
class Traces:
    """All traces of one host. `sources` says of each source that was there whether it was "read" or "denied".

    `clock_offset` is the host's clock minus ours in seconds, None where it was not measured.
    """

    traces: tuple[Trace, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
    clock_offset: float | None = None


Parser = Callable[[str, HostClock], list[Trace]]


def command_text(text: str) -> str:
    """A command line as it may be kept: without secrets, on one line, not long."""
    return printable(redact_command(text[:4_000]).text, 300)


def login_name(text: str) -> str:
    """An account's name where it can be one, else nothing."""
    name = text.strip()
    return name if name.isprintable() and 0 < len(name) <= 64 and not set(name) & set(" /:;,()'\"<>") else ""
