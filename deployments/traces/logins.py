"""wtmp: logins with terminal and address. Format: struct utmp of glibc on Linux, utmp(5), 384 bytes a record."""

import math
import struct

from deployments.collector.reasons import printable
from deployments.traces.base import MAX_TRACES, HostClock, Trace, login_name

_RECORD = struct.Struct("<hxxi32s4s32s256shhiii16s20x")
_BOOT, _USER, _DEAD = 2, 7, 8


def parse_wtmp(text: str, clock: HostClock) -> list[Trace]:
    """`text` is the file's end in hexadecimal. What was cut off at the front is passed over."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return []
    raw = raw[len(raw) % _RECORD.size :]
    open_on: dict[str, Trace] = {}
    done: list[Trace] = []

    def close(line: str, at: float) -> None:
        if (begun := open_on.pop(line, None)) is not None:
            done.append(_until(begun, at))

    for kind, _pid, line, _id, user, host, _t, _e, _session, seconds, micros, _addr in _RECORD.iter_unpack(
        raw
    ):
        at = seconds % 2**32 + max(0, micros) / 1e6
        terminal = _text(line)
        if kind == _BOOT:
            for name in list(open_on):
                close(name, at)
        elif kind in (_USER, _DEAD):
            close(terminal, at)
        if kind == _USER and (login := login_name(_text(user))):
            origin = printable(_text(host), 80) or terminal
            open_on[terminal] = Trace(
                "wtmp", "session", login, at, math.inf, f"logged in on {terminal}", (), origin
            )
    return [*done, *open_on.values()][-MAX_TRACES:]


def _until(trace: Trace, at: float) -> Trace:
    return Trace(trace.source, trace.what, trace.login, trace.at, at, trace.text, trace.names, trace.origin)


def _text(field: bytes) -> str:
    return printable(field.split(b"\0", 1)[0], 80)
