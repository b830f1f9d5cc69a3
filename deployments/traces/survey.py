"""Asks a host for traces, after everything else, and only where something moved: it costs one more round trip."""

import math
import re

from deployments.collector.facts import LATEST
from deployments.collector.wire import Ask, Reply
from deployments.traces.audit import parse_accounting, parse_audit_log
from deployments.traces.auth_log import parse_auth_log, parse_journal
from deployments.traces.base import HostClock, Parser, Trace, Traces
from deployments.traces.logins import parse_wtmp
from deployments.traces.packages import (
    parse_apk_log,
    parse_apt_history,
    parse_dnf_log,
    parse_dpkg_log,
    parse_yum_log,
)

VERB = "who"
ASKS = [Ask(VERB)]

PARSERS: dict[str, Parser] = {
    "wtmp": parse_wtmp,
    "auth.log": parse_auth_log,
    "secure": parse_auth_log,
    "dpkg.log": parse_dpkg_log,
    "apt": parse_apt_history,
    "yum.log": parse_yum_log,
    "dnf.rpm.log": parse_dnf_log,
    "apk.log": parse_apk_log,
}
_WITH_NAMES = {"journal": parse_journal, "audit": parse_audit_log, "pacct": parse_accounting}
_NUMBER, _ZONE = re.compile(r"[0-9]{1,12}"), re.compile(r"[01][0-9][0-5][0-9]")
MOST = 3_000
"""Traces of one host, of all sources together; the newest are kept."""
_BRIEF = 60.0
"""Seconds. A look lasts no longer; a person who logs in stays longer, or runs something that sudo logs."""


def parse_traces(reply: Reply, clock_offset: float | None = None) -> Traces:
    """All traces in the answer to the verb. Never raises; what can't be read is not there, and `sources` says so."""
    if reply.failure:
        return Traces(sources={"host": reply.failure}, clock_offset=clock_offset)
    fields = reply.body.decode("utf-8", "replace").split("\0")
    pairs = dict(zip(fields[0::2], fields[1::2], strict=False))
    clock = _clock(pairs.get("now", ""))
    if clock is None:
        return Traces(sources={"host": "garbled"}, clock_offset=clock_offset)
    # Of an account with two names the first counts, as for sudo.
    names: dict[str, str] = {}
    for number, space, name in (line.partition(" ") for line in pairs.get("names", "").split("\n")):
        if space:
            names.setdefault(number, name)
    found: list[Trace] = []
    sources: dict[str, str] = {}
    for name, content in pairs.items():
        source = name.removeprefix("x/")
        if source not in PARSERS and source not in _WITH_NAMES:
            continue  # no log that the verb reads: a host may send as many names as it likes
        if name != source:
            sources[source] = "denied"
        else:
            try:
                if name in PARSERS:
                    found += PARSERS[name](content, clock)
                else:
                    found += _WITH_NAMES[name](content, clock, names)
                sources[name] = "read"
            except (ValueError, OverflowError):  # a log that makes its parser stumble says nothing
                sources[name] = "garbled"
    found = _without_hearsay(found)
    login, _, connection = pairs.get("self", "").partition(" ")
    kept = [trace for trace in found if not _is_ours(trace, login, connection.partition(" ")[0], clock)]
    kept.sort(key=lambda trace: trace.at)
    return Traces(tuple(kept[-MOST:]), sources, clock_offset)


def _clock(text: str) -> HostClock | None:
    seconds, _, zone = text.partition(" ")
    if not _NUMBER.fullmatch(seconds) or float(seconds) > LATEST:
        return None
    sign = -1 if zone.startswith("-") else 1
    digits = zone[1:]
    east = int(digits[:2]) * 3600 + int(digits[2:]) * 60 if _ZONE.fullmatch(digits) else 0
    return HostClock(float(seconds), sign * east)


def _without_hearsay(traces: list[Trace]) -> list[Trace]:
    """Without what a file of syslog says of times that the journal tells of: anybody may write lines into the first."""
    first = min((trace.at for trace in traces if trace.source == "journal"), default=math.inf)
    return [trace for trace in traces if trace.source != "auth log" or trace.at < first]


def _is_ours(trace: Trace, login: str, address: str, clock: HostClock) -> bool:
    """A login of our own: the account that looks, from where we look, no longer than a look takes."""
    if trace.login != login or not login:
        return False
    if trace.what == "command":
        return "foldback" in trace.text and "collect" in trace.text
    if trace.what != "session" or trace.until is None or (trace.origin and trace.origin != address):
        return False
    return min(trace.until, clock.now) - trace.at <= _BRIEF
