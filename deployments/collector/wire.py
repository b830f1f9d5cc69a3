"""The two directions of the wire: a question becomes a program and its data; an answer is cut into sections.

An answer is hostile input. A section counts only when both of its markers, with this run's nonce and in the
order that was asked, are there; whatever lies outside is noise. Nothing here raises for what a host sent.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deployments.collector import reasons
from deployments.collector.reasons import printable, reason

COMMAND = "sh -s"

_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+:@,=-")
_NONCE = re.compile(r"[a-z][a-z0-9]{15,63}")
_VERB = re.compile(r"[a-z_]{1,32}")
_NO_NONCE = "nonce" * 4


@dataclass(frozen=True, slots=True)
class Ask:
    """One section of a question. Arguments are texts, bytes or numbers; they travel as data, never as code."""

    verb: str
    args: tuple[str | bytes | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one Ask. `failure` is None when the section is complete and its status is "ok";
    otherwise it is the reason, and `body` may hold the part that arrived. `status` is as the host wrote it; None where
    the section has no end."""

    body: bytes = b""
    failure: str | None = None
    status: bytes | None = None


@dataclass(frozen=True, slots=True)
class Framed:
    """A whole answer: a reply for each ask, and why the answer as a whole is not complete (None: it is)."""

    replies: tuple[Reply, ...]
    failure: str | None = None


def encode(value: str | bytes | int) -> str:
    """An argument in the alphabet of the wire. Raises ValueError for a NUL or an empty argument."""
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    if not raw or 0 in raw:
        raise ValueError("an argument must not be empty or hold a NUL")
    if _SAFE.issuperset(raw):
        return raw.decode("ascii")
    return "".join(chr(byte) if byte in _SAFE else f"\\0{byte:03o}" for byte in raw)


def program_input(nonce: str, asks: Sequence[Ask]) -> bytes:
    """What is written to the standard input of `sh -s`: the program, then one call with the question."""
    lines = [f"{number} {line(ask)}" for number, ask in enumerate(asks, start=1)]
    return _input(nonce, lines, frozenset(ask.verb for ask in asks))


class SumQuestion:
    """The question for the digests of sections, each of one ask or more; made once for all hosts that are asked it."""

    def __init__(self, sections: Sequence[Sequence[Ask]]) -> None:
        lines = [f"{number} {line(ask)}" for number, asks in enumerate(sections, start=1) for ask in asks]
        verbs = frozenset(ask.verb for asks in sections for ask in asks)
        self._before, _, self._after = _input(_NO_NONCE, ["0 sum", *lines], verbs).partition(
            _NO_NONCE.encode()
        )

    def program_input(self, nonce: str) -> bytes:
        """What is written to the standard input of `sh -s`."""
        return self._before + _checked(nonce).encode() + self._after


def section_sum(replies: Sequence[Reply]) -> str | None:
    """The SHA-256 that a host gives for a section which it answers like this; None where an end is missing."""
    digest = hashlib.sha256()
    for reply in replies:
        if reply.status is None:
            return None
        digest.update(reply.body)
        digest.update(b"\0" + reply.status + b"\0")
    return digest.hexdigest()


def line(ask: Ask) -> str:
    """A line of a question, without its number."""
    if not _VERB.fullmatch(ask.verb):
        raise ValueError(f"not a verb: {ask.verb!r}")
    return " ".join([ask.verb, *(encode(arg) for arg in ask.args)])


def _checked(nonce: str) -> str:
    if not _NONCE.fullmatch(nonce):
        raise ValueError("the nonce must be 16 to 64 lower-case letters and digits, a letter first")
    return nonce


def _input(nonce: str, lines: Sequence[str], verbs: frozenset[str]) -> bytes:
    # Neither the nonce nor the alphabet of the arguments has a quote in it, so the quotes can't be left.
    call = f"foldback '{_checked(nonce)}' '{chr(10).join(lines)}' </dev/null\n"
    return f"{_program(verbs & _kind_verbs())}{call}".encode("ascii")


@cache
def _kind_verbs() -> frozenset[str]:
    return frozenset(path.stem for path in Path(__file__).with_name("verbs").glob("*.sh"))


@cache
def _program(verbs: frozenset[str]) -> str:
    """The collector, with the verbs of kinds that are asked for: each a file that defines `fb_VERB`."""
    here = Path(__file__).parent
    paths = [here / "collector.sh", *(here / "verbs" / f"{verb}.sh" for verb in sorted(verbs))]
    lines = [line for path in paths for line in path.read_text(encoding="ascii").splitlines()]
    code = "".join(f"{line}\n" for line in lines if line.strip() and not line.strip().startswith("#"))
    return f"{code}fb_verbs='{' '.join(sorted(verbs))}'\n"


def split_answer(
    output: bytes,
    nonce: str,
    asked: int,
    *,
    failure: str | None = None,
    stderr: bytes = b"",
    exit_status: int | None = 0,
) -> Framed:
    """Cut `output` into the replies to `asked` asks.

    `failure` is the transport's reason when the answer may be cut short ("timed out", "over limit"): sections
    that are complete still count, the others are unknown for that reason. Markers out of order, repeated or
    never asked for spoil everything after them.
    """
    marker = re.compile(
        rb"\0" + nonce.encode("ascii") + rb" ([a-z]+)(?: ([0-9]{1,6}))?(?: ([^\0]{0,200}))?\0"
    )
    found = list(marker.finditer(output))
    if not found or found[0][1] != b"open":
        return _nothing(found, asked, failure, output, stderr, exit_status)
    replies: list[Reply] = []
    position, closed, garbled = 1, False, False
    while position < len(found) and not closed:
        begin = found[position]
        if begin[1] == b"close" and begin[2] is None:
            closed = True
        elif begin[1] == b"begin" and begin[2] == b"%d" % (len(replies) + 1) and len(replies) < asked:
            end = found[position + 1] if position + 1 < len(found) else None
            if end is None:
                replies.append(Reply(output[begin.end() :], failure or reasons.TRUNCATED))
                position = len(found)
                break
            if end[1] != b"end" or end[2] != begin[2] or end[3] is None:
                garbled = True
                break
            replies.append(Reply(output[begin.end() : end.start()], _status(end[3]), end[3]))
            position += 2
            continue
        else:
            garbled = True
            break
        position += 1
    if closed and (position < len(found) or len(replies) < asked):
        garbled = True  # it says that it is done, and it isn't
    if garbled:
        missing: str | None = reason(reasons.GARBLED, "markers out of order")
    else:
        missing = None if closed else failure or reasons.TRUNCATED
    replies += [Reply(b"", missing)] * (asked - len(replies))
    return Framed(tuple(replies), missing)


def _status(status: bytes) -> str | None:
    text = printable(status)
    if text == "ok":
        return None
    if text.startswith("missing "):
        return reason(reasons.TOOL_MISSING, text.removeprefix("missing "))
    if text == "changed":
        return reasons.CHANGED
    if text == "denied" or text.startswith("denied "):
        return reason(reasons.DENIED, text.removeprefix("denied").strip())
    if text == "rooted":
        return reason(reasons.NOT_SUPPORTED, "only a running system can tell")
    return reason(
        reasons.NOT_SUPPORTED if text == "verb" else reasons.GARBLED, "" if text == "verb" else text
    )


def _nothing(
    found: list[re.Match[bytes]],
    asked: int,
    failure: str | None,
    output: bytes,
    stderr: bytes,
    exit_status: int | None,
) -> Framed:
    """No beginning: say as well as we can why not."""
    said = printable(stderr)
    if failure:
        why = failure
    elif found and found[0][1] == b"noroot":
        why = reasons.NO_ROOT
    elif "sudo:" in said:
        why = reason(reasons.SUDO_REFUSED, said)
    elif exit_status in (126, 127):
        why = reason(reasons.TOOL_MISSING, "sh")
    elif exit_status and not output.strip():
        why = reason(reasons.COMMAND_REFUSED, said)
    elif not output.strip():
        why = reason(reasons.TRUNCATED, "no answer")
    else:
        why = reasons.GARBLED
    return Framed((Reply(b"", why),) * asked, why)
