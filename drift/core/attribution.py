"""Who probably made a change by hand: traces of people on the host, held against when and what it was.

A candidate is not an owner, and nobody is blamed: the evidence is shown, and whoever it was claims it. Where
nothing speaks for anybody, nobody is named.
"""

import math
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.core.states import State
from deployments.traces.auth_log import UNPROVEN
from deployments.traces.base import Trace

MAX_CANDIDATES = 5
MAX_REASONS = 4
SLACK = 2.0
"""Seconds by which clocks and logs of one host may disagree."""
NEAR = 120.0
"""Seconds between a command and what it changed, where the command does not wait for a person."""
LONG = 8 * 3600.0
"""Seconds for which an editor may stay open."""
MANY_PACKAGES = 50

# How much each kind of evidence says, in hundredths; two pieces of evidence for one account do not add up.
AUDITED, ASKED, NAMED_NEAR, NAMED_IN_WINDOW, NAMED_BEFORE = 100, 95, 90, 80, 75
# A command that names something else says little: sudo logs what was run, and it was not that.
ONLY_SHELL, A_SHELL, AT_THAT_MOMENT, CLOSE_BY, ONLY_LOGIN, A_LOGIN = 70, 60, 40, 20, 50, 30
IN_WINDOW, LOGGED_IN_WINDOW, ONLY_IN_WINDOW = 20, 15, 35
HIGH, MEDIUM = 75, 45
FORGEABLE = frozenset({"auth log", UNPROVEN})
"""Logs in which an account of the host can tell of another's deeds, so that they never speak with high confidence."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When the change was made, by the host's clock, in seconds since 1970.

    `at` is the moment where the host tells it (None: it does not); `after` and `before` are the last look that
    did not show the change (minus infinity where there was none) and the first that did.
    """

    after: float
    before: float
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that may have made the change. `score` 0 to 100; `confidence` "high", "medium" or "low"."""

    login: str
    score: int
    at: float | None
    reasons: tuple[str, ...]

    @property
    def confidence(self) -> str:
        return "high" if self.score >= HIGH else "medium" if self.score >= MEDIUM else "low"

    def to_json(self) -> dict[str, Any]:
        return {
            "login": self.login,
            "confidence": self.confidence,
            "at": self.at,
            "evidence": list(self.reasons),
        }


def moment_of(
    evidence: Mapping[str, Any], live: State, *, after: float | None, before: float, offset: float | None
) -> Moment:
    """When it was, from a resource's evidence. `after` and `before` by our clock, `offset` host minus ours.

    The change time of an inode can't be set back, but a later change of anything moves it on; the modification time
    says when content was written, and can be set to anything. So the first is taken where it lies between the
    looks, then the second.
    """
    shift = offset or 0.0
    earliest = -math.inf if after is None else after + shift
    latest = before + shift
    for name in ("ctime", "changed_at", "mtime"):
        at = evidence.get(name)
        if isinstance(at, int | float) and earliest - SLACK <= at <= latest + SLACK:
            return Moment(earliest, latest, float(at))
    return Moment(earliest, latest)


@dataclass(slots=True)
class _Case:
    """All that speaks for one account."""

    score: int = 0
    at: float | None = None
    reasons: list[tuple[int, str]] = field(default_factory=list)


def candidates(resource: str, moment: Moment, traces: Iterable[Trace]) -> list[Candidate]:
    """Accounts that may have changed `resource`, most probable first; empty where nothing speaks for anybody."""
    traces = list(traces)
    words = _words(resource)
    cases: dict[str, _Case] = {}
    present = {trace.login for trace in traces if trace.what == "session" and _is_during(trace, moment)}
    shells = {trace.login for trace in traces if trace.what == "shell" and _is_during(trace, moment)}
    for trace in traces:
        if not trace.login:
            continue
        score, said = _weigh(resource, words, moment, trace, only=len(present) == 1, shells=len(shells))
        if not score:
            continue
        if trace.source in FORGEABLE:
            score = min(score, HIGH - 1)
        case = cases.setdefault(trace.login, _Case())
        case.reasons.append((score, said))
        if score > case.score:
            case.score, case.at = score, trace.at
    found = [
        Candidate(
            login,
            case.score,
            case.at,
            tuple(dict.fromkeys(text for _, text in sorted(case.reasons, key=lambda item: -item[0])))[
                :MAX_REASONS
            ],
        )
        for login, case in cases.items()
    ]
    return sorted(found, key=lambda item: (-item.score, item.login))[:MAX_CANDIDATES]


def _weigh(
    resource: str, words: frozenset[str], moment: Moment, trace: Trace, *, only: bool, shells: int
) -> tuple[int, str]:
    match trace.what:
        case "write":
            path = resource.partition(":")[2]
            if path in trace.names and _is_near(trace, moment, NEAR):
                return AUDITED, f"{trace.source}: {trace.text}"
        case "packages":
            kind, _, key = resource.partition(":")
            concerns = kind == "package" and key.partition(":")[0] in trace.names
            if concerns and _is_near(trace, moment, NEAR):
                return ASKED, f"{trace.source}: {trace.text}"
        case "command":
            return _weigh_command(words, moment, trace)
        case "shell":
            if moment.at is None:
                if _is_during(trace, moment):
                    return (
                        ONLY_IN_WINDOW if shells == 1 else IN_WINDOW
                    ), f"{trace.source}: {trace.text} meanwhile"
            elif _is_during(trace, moment):
                return (ONLY_SHELL if shells == 1 else A_SHELL), f"{trace.source}: {trace.text} at that time"
        case "session":
            return _weigh_session(moment, trace, only=only)
    return 0, ""


def _weigh_command(words: frozenset[str], moment: Moment, trace: Trace) -> tuple[int, str]:
    said = f"{trace.source}: {trace.text}"
    named = _names(trace.text, words)
    if moment.at is None:
        inside = moment.after - SLACK <= trace.at <= moment.before + SLACK
        return ((NAMED_IN_WINDOW if named else IN_WINDOW), said) if inside else (0, "")
    late = moment.at - trace.at
    if named and -SLACK <= late <= NEAR:
        return NAMED_NEAR, said
    if named and 0 <= late <= LONG:
        return NAMED_BEFORE, said
    if -SLACK <= late <= 10:
        return AT_THAT_MOMENT, said
    if 0 <= late <= NEAR:
        return CLOSE_BY, said
    return 0, ""


def _weigh_session(moment: Moment, trace: Trace, *, only: bool) -> tuple[int, str]:
    if not _is_during(trace, moment):
        return 0, ""
    where = f" from {trace.origin}" if trace.origin else ""
    if moment.at is None:
        return (ONLY_IN_WINDOW if only else LOGGED_IN_WINDOW), f"{trace.source}: logged in{where} meanwhile"
    return (ONLY_LOGIN if only else A_LOGIN), f"{trace.source}: logged in{where} at that time"


def _is_during(trace: Trace, moment: Moment) -> bool:
    """Whether it went on at the moment of the change, or at any time in which it may have been."""
    until = trace.at if trace.until is None else trace.until
    if moment.at is not None:
        return trace.at - SLACK <= moment.at <= until + SLACK
    return trace.at <= moment.before + SLACK and until >= moment.after - SLACK


def _is_near(trace: Trace, moment: Moment, seconds: float) -> bool:
    until = trace.at if trace.until is None else trace.until
    if moment.at is not None:
        return trace.at - seconds <= moment.at <= until + seconds
    return moment.after - seconds <= until and trace.at <= moment.before + SLACK


def _words(resource: str) -> frozenset[str]:
    """What a command that changes this resource would name: its path or name, and how else it may be written."""
    kind, _, key = resource.partition(":")
    words = {key}
    if key.startswith("/"):
        words.add(posixpath.basename(key))
    if kind == "service":
        words |= {f"{key}.service"} if "." not in key else {key.partition(".")[0]}
    if kind == "package":
        words.add(key.partition(":")[0])
    if kind == "sysctl":
        words.add(f"/proc/sys/{key.replace('.', '/')}")
    if kind == "cron" and not key.startswith("/"):
        words.add("crontab")
    if kind == "port":
        words.add(key.rpartition(":")[2])
    if kind == "firewall":
        words |= {"nft", "iptables", "ip6tables", "ufw", "firewall-cmd"}
    if kind == "container":
        words.add(key.rpartition("/")[2])
    return frozenset(word for word in words if len(word) > 1)


def _names(text: str, words: frozenset[str]) -> bool:
    """Whether a command line names one of the words, as a word or as the end of a path."""
    return any(re.search(rf"(?<![\w.-])(?:[^\s'\"]*/)?{re.escape(word)}(?![\w-])", text) for word in words)
