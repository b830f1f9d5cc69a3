"""What the collector writes about paths: records parsed strictly, entries of a file system as values.

Records are NUL-terminated fields; the tag before the first slash says what follows.

    e/TYPE/MODE/UID/GID/SIZE/MTIME/CTIME/INODE/DEVICE/LINKS/PATH NUL TARGET NUL    GNU find
    s/RAWMODE/UID/GID/SIZE/MTIME/CTIME/INODE/DEVICE/LINKS/PATH NUL                 stat
    l/PATH NUL TARGET NUL          where a link of an "s" record leads
    a/PATH NUL                     the kernel says that it does not exist
    x/PATH NUL MESSAGE NUL         it could not be looked at
    SHA256  PATH NUL               64 hex digits, two spaces
    done/MESSAGE NUL               end of a tree; a message says that a part of it could not be seen
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from deployments.collector import reasons
from deployments.collector.reasons import printable, reason

_NUMBERS = rb"(?P<size>\d{1,20})/(?P<mtime>-?\d{1,20}(?:\.\d{1,12})?)/(?P<ctime>-?\d{1,20}(?:\.\d{1,12})?)"
_NUMBERS += rb"/(?P<inode>\d{1,20})/(?P<device>\d{1,20})/(?P<links>\d{1,20})/(?P<path>\./.*)"
_OWNERS = rb"(?P<uid>\d{1,10})/(?P<gid>\d{1,10})/"
_FIND_RECORD = re.compile(rb"e/(?P<type>[fdlpscb])/(?P<mode>[0-7]{1,4})/" + _OWNERS + _NUMBERS, re.DOTALL)
_STAT_RECORD = re.compile(rb"s/(?P<raw>[0-9a-f]{1,6})/" + _OWNERS + _NUMBERS, re.DOTALL)
_HASH_RECORD = re.compile(rb"(?P<sha256>[0-9a-f]{64}) [ *](?P<path>\./.*)", re.DOTALL)
_NO_NAME = re.compile(rb"/\.{0,2}(?:/|\Z)")
_Value = TypeVar("_Value")
_STAT_TYPES = {0o10: "f", 0o04: "d", 0o12: "l", 0o01: "p", 0o14: "s", 0o06: "b", 0o02: "c"}

OTHER_TYPES = {"p": "FIFO", "s": "socket", "b": "block device", "c": "character device"}


@dataclass(slots=True)
class Entry:
    """One entry of a file system, by `lstat`. Times are in seconds by the host's clock. `owner` and `group` are numbers
    as text until `name_owners` knows better. Not frozen, since a look may make a hundred thousand; nothing else is changed.
    """

    type: str
    mode: int
    uid: int
    gid: int
    owner: str
    group: str
    size: int
    mtime: float
    ctime: float
    inode: int
    device: int
    links: int
    target: bytes | None = None

    @property
    def mode_text(self) -> str:
        return f"{self.mode:04o}"

    def same_moment(self, other: "Entry") -> bool:
        """Whether both were taken of the same, unchanged inode."""
        return (self.inode, self.device, self.size, self.mtime, self.ctime, self.type) == (
            other.inode,
            other.device,
            other.size,
            other.mtime,
            other.ctime,
            other.type,
        )

    def evidence(self) -> dict[str, object]:
        """What is worth keeping beside the state: JSON values, never compared."""
        found: dict[str, object] = {
            "size": self.size,
            "mtime": self.mtime,
            "ctime": self.ctime,
            "inode": self.inode,
            "device": self.device,
            "links": self.links,
            "uid": self.uid,
            "gid": self.gid,
        }
        if self.type in OTHER_TYPES:
            found["what"] = OTHER_TYPES[self.type]
        return found


@dataclass(slots=True)
class Records:
    """A parsed section, by path as the host wrote it (relative to the root, without the dot)."""

    entries: dict[bytes, Entry] = field(default_factory=dict)
    absent: set[bytes] = field(default_factory=set)
    failed: dict[bytes, str] = field(default_factory=dict)
    hashes: dict[bytes, str] = field(default_factory=dict)
    done: str | None = None

    @property
    def paths(self) -> set[bytes]:
        return {*self.entries, *self.absent, *self.failed, *self.hashes}


class GarbledError(ValueError):
    """The section does not follow the format; nothing of it is used."""


def parse_records(body: bytes) -> Records:
    """Parse a complete section. Raises GarbledError at the first field that is not as documented."""
    records = Records()
    if not body:
        return records
    fields = body.split(b"\0")
    if fields.pop():
        raise GarbledError("the last field has no end")
    links: dict[bytes, bytes] = {}
    position = 0

    def following() -> bytes:
        nonlocal position
        position += 1
        if position >= len(fields):
            raise GarbledError("a field is missing")
        return fields[position]

    while position < len(fields):
        text = fields[position]
        tag, _, rest = text.partition(b"/")
        if records.done is not None:
            raise GarbledError("something follows the end")
        if tag == b"e":
            path, entry = _find_entry(text, following())
            _put(records.entries, path, entry)
        elif tag == b"s":
            path, entry = _stat_entry(text)
            _put(records.entries, path, entry)
        elif tag == b"l":
            _put(links, _path(rest), following())
        elif tag == b"a":
            records.absent.add(_path(rest))
        elif tag == b"x":
            _put(records.failed, _path(rest), failure_reason(following()))
        elif tag == b"done":
            records.done = failure_reason(rest) if rest else ""
        elif match := _HASH_RECORD.fullmatch(text):
            _put(records.hashes, _path(match["path"]), match["sha256"].decode())
        else:
            raise GarbledError("unknown record")
        position += 1
    for path, target in links.items():
        link = records.entries.get(path)
        if link is not None and link.type == "l":
            records.entries[path] = replace(link, target=target)
    return records


def failure_reason(message: bytes) -> str:
    """The reason for what a tool said: "Permission denied" → denied."""
    text = printable(message)
    if text == "Permission denied":
        return reasons.DENIED
    return reasons.CHANGED if text == "changed" else reason(reasons.READ_ERROR, text)


@dataclass(frozen=True, slots=True)
class Names:
    """Names by number. `rooted`: a directory root is looked at, so these hold and not those of the machine."""

    rooted: bool
    users: Mapping[int, str]
    groups: Mapping[int, str]


def parse_names(body: bytes) -> Names:
    """The section "names": `rooted/`, then `passwd/NUMBER/NAME` and `group/NUMBER/NAME`; anything else is skipped."""
    tables: dict[bytes, dict[int, str]] = {
        b"passwd": {0: "root"},
        b"group": {0: "root"},
    }  # 0 is root everywhere
    rooted = False
    for text in body.split(b"\0"):
        table, _, rest = text.partition(b"/")
        number, _, name = rest.partition(b"/")
        rooted = rooted or table == b"rooted"
        if table in tables and name and number.isdigit() and len(number) <= 10:
            tables[table].setdefault(int(number), printable(name))  # the first line with a number names it
    return Names(rooted, tables[b"passwd"], tables[b"group"])


def name_owners(entry: Entry, names: Names) -> None:
    """Give the entry the names that its own root has for its numbers; a number that has none stays."""
    entry.owner = names.users.get(entry.uid, entry.owner)
    entry.group = names.groups.get(entry.gid, entry.group)


def _put(into: dict[bytes, _Value], key: bytes, value: _Value) -> None:
    if key in into:
        raise GarbledError("a path came twice")
    into[key] = value


def _path(raw: bytes) -> bytes:
    """`./etc/motd` → `/etc/motd`. A host may not name what lies elsewhere."""
    if raw == b"./":
        return b"/"
    if not raw.startswith(b"./") or _NO_NAME.search(raw, 1):
        raise GarbledError("not a path below the root")
    return raw[1:]


def _find_entry(text: bytes, target: bytes) -> tuple[bytes, Entry]:
    match = _FIND_RECORD.fullmatch(text)
    if match is None:
        raise GarbledError("not an entry")
    letter = match["type"].decode()
    if target and letter != "l":
        raise GarbledError("a target without a link")
    return _path(match["path"]), _entry(
        match, letter, int(match["mode"], 8), target if letter == "l" else None
    )


def _stat_entry(text: bytes) -> tuple[bytes, Entry]:
    match = _STAT_RECORD.fullmatch(text)
    if match is None:
        raise GarbledError("not an entry")
    raw = int(match["raw"], 16)
    letter = _STAT_TYPES.get(raw >> 12)
    if letter is None:
        raise GarbledError("an entry without a type")
    return _path(match["path"]), _entry(match, letter, raw & 0o7777, None)


def _entry(match: re.Match[bytes], letter: str, mode: int, target: bytes | None) -> Entry:
    uid, gid = int(match["uid"]), int(match["gid"])
    return Entry(
        type=letter,
        mode=mode,
        uid=uid,
        gid=gid,
        owner=str(uid),
        group=str(gid),
        size=int(match["size"]),
        mtime=float(match["mtime"]),
        ctime=float(match["ctime"]),
        inode=int(match["inode"]),
        device=int(match["device"]),
        links=int(match["links"]),
        target=target,
    )
