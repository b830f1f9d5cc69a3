"""What lies on a simulated host, and how its records are written: in the format that the collector itself sends."""

import grp
import hashlib
import os
import pwd
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_LETTERS = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFIFO: "p", stat.S_IFSOCK: "s"}
_DIRECTIVE = re.compile(r"%T@|%C@|%[ymUGugsiDnpl]|\\0")


@dataclass(slots=True, eq=False)
class Node:
    """One entry of a file system. Times are nanoseconds since 1970; `size` None means that of the content."""

    type: str = "f"
    content: bytes = b""
    target: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int | None = None
    mtime: int = 1_750_000_000_000_000_000
    ctime: int = 1_750_000_000_000_000_000
    inode: int = 7
    device: int = 2049
    links: int = 1
    _sha256: str | None = field(default=None, repr=False)
    _line: tuple[object, bytes] | None = field(default=None, repr=False)

    @property
    def sha256(self) -> str:
        if self._sha256 is None:
            self._sha256 = hashlib.sha256(self.content).hexdigest()
        return self._sha256

    def record(self, path: bytes, form: "RecordForm") -> bytes:
        """The record of this node at `path` ("/etc/motd"); a node lies at one path only, so it is kept."""
        if self._line is None or self._line[0] is not form:
            self._line = form, form.write(self, path)
        return self._line[1]


class RecordForm:
    """The format of the records of paths, taken from the collector's own line `gnu_format='…'`."""

    def __init__(self, template: str, users: Mapping[int, str], groups: Mapping[int, str]) -> None:
        self._parts: list[bytes | Callable[[Node, bytes], bytes]] = []
        fields: dict[str, Callable[[Node, bytes], bytes]] = {
            "%y": lambda node, path: node.type.encode(),
            "%m": lambda node, path: b"%o" % node.mode,
            "%U": lambda node, path: b"%d" % node.uid,
            "%G": lambda node, path: b"%d" % node.gid,
            "%u": lambda node, path: users.get(node.uid, str(node.uid)).encode(),
            "%g": lambda node, path: groups.get(node.gid, str(node.gid)).encode(),
            "%s": lambda node, path: b"%d" % (len(node.content) if node.size is None else node.size),
            "%T@": lambda node, path: _seconds(node.mtime),
            "%C@": lambda node, path: _seconds(node.ctime),
            "%i": lambda node, path: b"%d" % node.inode,
            "%D": lambda node, path: b"%d" % node.device,
            "%n": lambda node, path: b"%d" % node.links,
            "%p": lambda node, path: b"." + path,
            "%l": lambda node, path: node.target,
            "\\0": lambda node, path: b"\0",
        }
        position = 0
        for match in _DIRECTIVE.finditer(template):
            self._parts += [template[position : match.start()].encode(), fields[match[0]]]
            position = match.end()
        self._parts.append(template[position:].encode())

    def write(self, node: Node, path: bytes) -> bytes:
        return b"".join(part if isinstance(part, bytes) else part(node, path) for part in self._parts)


def _seconds(nanoseconds: int) -> bytes:
    """As GNU find writes them: ten digits after the point."""
    return b"%d.%09d0" % divmod(nanoseconds, 10**9)


def nodes_of(root: Path) -> dict[bytes, Node]:
    """The nodes of a real tree in the order in which `find` comes upon them, by path from its root."""
    found: dict[bytes, Node] = {}
    _walk(os.fsencode(root), b"", found)
    return found


def _walk(root: bytes, below: bytes, found: dict[bytes, Node]) -> None:
    with os.scandir(root + (below or b"/")) as entries:
        names = [entry.name for entry in entries]  # as they lie in the directory, unsorted
    for name in names:
        path = below + b"/" + name
        seen = os.lstat(root + path)
        letter = _LETTERS[stat.S_IFMT(seen.st_mode)]
        found[path] = Node(
            type=letter,
            content=Path(os.fsdecode(root + path)).read_bytes() if letter == "f" else b"",
            target=os.readlink(root + path) if letter == "l" else b"",
            mode=stat.S_IMODE(seen.st_mode),
            uid=seen.st_uid,
            gid=seen.st_gid,
            size=seen.st_size,
            mtime=seen.st_mtime_ns,
            ctime=seen.st_ctime_ns,
            inode=seen.st_ino,
            device=seen.st_dev,
            links=seen.st_nlink,
        )
        if letter == "d":
            _walk(root, path, found)


def names_here() -> tuple[dict[int, str], dict[int, str]]:
    """Users and groups of this machine by number: what `find` calls the owners in a directory root."""
    return (
        {entry.pw_uid: entry.pw_name for entry in reversed(pwd.getpwall())},
        {entry.gr_gid: entry.gr_name for entry in reversed(grp.getgrall())},
    )
