"""Texts of well-known files, as verbs of kinds send them: parsed strictly, for the modules that read rules from them.

f/PATH NUL TEXT NUL        a file and its text, cut at 256 KiB
x/PATH NUL WHY NUL         denied, link, symlink or odd: why it could not be read
c/TEXT NUL                 what a person should know
times/ NUL ENTRY…          last: the entries of the files, as in `deployments.kinds.path_entries`
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.collector import reasons
from deployments.collector.reasons import printable, reason
from deployments.core.redaction import redact_command
from deployments.kinds.listing import Listed
from deployments.kinds.path_entries import GarbledError, parse_records

MAX_TEXT = 256 * 1024
MAX_FILES = 20_000
_WHY = {
    b"denied": reasons.DENIED,
    b"link": reasons.OUTSIDE_ROOT,
    b"symlink": reason(reasons.NOT_SUPPORTED, "a symbolic link"),
    b"odd": reason(reasons.NOT_SUPPORTED, "not a regular file"),
}


@dataclass(slots=True)
class HostTexts:
    """By path on the host. `failed` says why a file or a directory could not be read; `remarks` are for people."""

    texts: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    evidence: dict[str, dict[str, Any]] = field(default_factory=dict)


def parse_texts(body: bytes) -> HostTexts:
    """Raises GarbledError for what is not as documented. A path that came twice counts once."""
    found = HostTexts()
    *fields, unended = body.split(b"\0")
    if unended:
        raise GarbledError("the last field has no end")
    position = 0
    while position < len(fields) and fields[position] != b"times/":
        tag, _, rest = fields[position].partition(b"/")
        if tag == b"c":
            found.remarks.append(printable(rest))
            position += 1
            continue
        if tag not in (b"f", b"x") or position + 1 == len(fields):
            raise GarbledError("not a text")
        _take(found, tag, _path(rest), fields[position + 1])
        position += 2
    if position >= len(fields):
        raise GarbledError("texts without an end")
    if len(found.texts) + len(found.failed) > MAX_FILES:
        raise GarbledError(f"more than {MAX_FILES} files")
    times = b"".join(part + b"\0" for part in fields[position + 1 :])
    for name, entry in parse_records(times).entries.items():
        found.evidence[name.decode("utf-8", "replace")] = entry.evidence()
    return found


def never_raising(parse: Callable[[bytes], Listed]) -> Callable[[bytes], Listed]:
    """A parser that says "garbled" where it would raise: a host may send anything."""

    def guarded(body: bytes) -> Listed:
        try:
            return parse(body)
        except (ValueError, LookupError, RecursionError) as error:
            return Listed(incomplete=reason(reasons.GARBLED, error))

    return guarded


def redacted_lines(lines: list[str]) -> tuple[list[str], int]:
    """The lines as they may be stored, and how many secrets were taken out of them."""
    whole = redact_command("\n".join(lines))
    if not whole.count:
        return lines, 0
    if len(split := whole.text.split("\n")) == len(lines):
        return split, whole.count
    each = [redact_command(line) for line in lines]  # a secret that spanned lines took some of them along
    return [part.text for part in each], max(whole.count, sum(part.count for part in each))


def denied_whole(failed: Mapping[str, str]) -> str | None:
    """Why a listing is not complete where places could not be looked at: one reason for all of them."""
    if not failed:
        return None
    path, why = next(iter(failed.items()))
    more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    return reason(why.partition(":")[0], f"{path}{more}")


def _take(found: HostTexts, tag: bytes, path: str, value: bytes) -> None:
    if path in found.texts or path in found.failed:
        return
    if tag == b"x":
        found.failed[path] = _WHY.get(value) or reason(reasons.READ_ERROR, value)
    elif len(value) >= MAX_TEXT:
        found.failed[path] = reason(reasons.OVER_LIMIT, f"more than {MAX_TEXT // 1024} KiB")
    else:
        found.texts[path] = value.decode("utf-8", "replace")


def _path(raw: bytes) -> str:
    if not raw.startswith(b"./") or b"/../" in raw + b"/":
        raise GarbledError("not a path below the root")
    return raw[1:].decode("utf-8", "replace")
