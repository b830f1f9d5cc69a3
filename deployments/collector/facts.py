"""What a host says about itself in passing: name, kernel, distribution, and its clock."""

from deployments.collector.reasons import printable

LATEST = 2.0**33
"""Seconds since 1970, in the 23rd century: a clock beyond it is no clock, and its times are no dates."""
_OS_FACTS = {"ID": "os_id", "VERSION_ID": "os_version", "PRETTY_NAME": "os_name"}


def parse_facts(body: bytes) -> dict[str, str]:
    """`hostname`, `kernel`, `machine`, `os_id`, `os_version`, `os_name`, `kit` (of an installed
    collector): those that came, as printable text."""
    facts: dict[str, str] = {}
    for text in body.split(b"\0"):
        name, _, value = text.partition(b"/")
        if name in (b"hostname", b"kernel", b"machine", b"kit"):
            facts[name.decode()] = printable(value)
        elif name == b"os":
            key, _, quoted = value.partition(b"=")
            if fact := _OS_FACTS.get(key.decode("ascii", "replace")):
                facts[fact] = printable(quoted.strip().strip(b"\"'"))
    return {name: value for name, value in facts.items() if value}


def parse_clock(body: bytes) -> float | None:
    """The host's time in seconds since 1970; BusyBox has whole ones, of which we take the middle."""
    for text in body.split(b"\0"):
        if text.startswith(b"clock/"):
            whole, _, fraction = text[len(b"clock/") :].partition(b".")
            if not whole.isdigit() or len(whole) > 12 or float(whole) > LATEST:
                return None
            return float(whole) + (float(b"0." + fraction) if fraction.isdigit() else 0.5)
    return None


def clock_offset(sent: float, started: float, ended: float, received: float) -> float:
    """Host minus ours, in seconds: of the offsets that fit, the least.

    The host read its clock after we sent and before we received, so the offset is at most `started - sent` and at
    least `ended - received`. The middle of the two (as NTP takes it) is off by seconds where a busy machine is slow to
    begin and quick to answer; most clocks are right, and one that is not shows here all the same.
    """
    return min(max(0.0, ended - received), started - sent) if ended - received <= started - sent else 0.0
