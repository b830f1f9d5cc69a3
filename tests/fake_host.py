"""A host in memory that answers the collector's question as the collector does: for tests of what comes after.

`tests/hosts/test_collector_shells.py` holds its answers against those of the real program on a real tree.
"""

import hashlib
import os
import posixpath
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

_CALL = re.compile(rb"^foldback '([a-z0-9]+)' '([^']*)' </dev/null$", re.MULTILINE)
_ESCAPE = re.compile(rb"\\0([0-7]{3})")
_LETTERS = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFIFO: "p", stat.S_IFSOCK: "s"}


@dataclass
class Node:
    type: str = "f"
    content: bytes = b""
    target: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    owner: str = "root"
    group: str = "root"
    size: int | None = None
    mtime: str = "1700000000.5000000000"
    ctime: str = "1700000000.5000000000"
    inode: int = 7
    device: int = 1
    links: int = 1
    readable: bool = True

    def record(self, path: bytes) -> bytes:
        size = len(self.content) if self.size is None else self.size
        head = f"e/{self.type}/{self.mode:o}/{self.uid}/{self.gid}/{self.owner}/{self.group}/{size}"
        tail = f"/{self.mtime}/{self.ctime}/{self.inode}/{self.device}/{self.links}/."
        return head.encode() + tail.encode() + path + b"\0" + self.target + b"\0"


@dataclass
class FakeHost:
    """`nodes` by path in bytes; `denied` are paths that can't be looked at."""

    nodes: dict[bytes, Node] = field(default_factory=dict)
    denied: set[bytes] = field(default_factory=set)
    rooted: bool = False
    now: float = 1_700_000_100.25
    asked: list[list[bytes]] = field(default_factory=list)
    """Every line that was asked, decoded into words."""

    @classmethod
    def of_tree(cls, root: Path) -> "FakeHost":
        """The same as a real tree, numbers for names."""
        host = cls(rooted=True)
        for directory, names, files in os.walk(os.fsencode(root)):
            for name in (*names, *files):
                path = os.path.join(directory, name)
                found = os.lstat(path)
                letter = _LETTERS[stat.S_IFMT(found.st_mode)]
                host.nodes[path[len(os.fsencode(root)) :]] = Node(
                    type=letter,
                    content=Path(os.fsdecode(path)).read_bytes() if letter == "f" else b"",
                    target=os.readlink(path) if letter == "l" else b"",
                    mode=stat.S_IMODE(found.st_mode),
                    uid=found.st_uid,
                    gid=found.st_gid,
                    size=found.st_size,
                    mtime=_seconds(found.st_mtime_ns),
                    ctime=_seconds(found.st_ctime_ns),
                    inode=found.st_ino,
                    device=found.st_dev,
                    links=found.st_nlink,
                )
        return host

    def answer(self, program: bytes) -> bytes:
        """The standard output that the program would write here."""
        call = _CALL.search(program)
        assert call is not None, "the program ends with the call"
        nonce, question = call[1], call[2]
        out = [_mark(nonce, b"open")]
        for line in question.split(b"\n"):
            number, verb, *args = [decoded(word) for word in line.split(b" ")]
            self.asked.append([verb, *args])
            body = getattr(self, f"_{verb.decode()}")(*args)
            out += [_mark(nonce, b"begin " + number), body, _mark(nonce, b"end " + number + b" ok")]
        return b"".join([*out, _mark(nonce, b"close")])

    def _clock(self) -> bytes:
        return f"clock/{self.now}\0".encode()

    def _facts(self) -> bytes:
        return self._clock() + b"kernel/Linux 6.1\0machine/x86_64\0hostname/fake\0os/ID=debian\0"

    def _names(self) -> bytes:
        return b"rooted/\0" if self.rooted else b""

    def _dirs(self, *paths: bytes) -> bytes:
        return b"".join(
            b".%s\0%s\0"
            % (path[1:], posixpath.normpath(posixpath.join(posixpath.dirname(path[1:]), node.target)))
            for path in paths
            if (node := self.nodes.get(path[1:])) is not None and node.type == "l"
        )

    def _list(self, *paths: bytes) -> bytes:
        out = []
        for path in (path[1:] for path in paths):
            if path in self.denied:
                out.append(b"x/.%s\0Permission denied\0" % path)
            elif (node := self.nodes.get(path)) is not None:
                out.append(node.record(path))
            else:
                out.append(b"a/.%s\0" % path)
        return b"".join(out)

    def _tree(self, room: bytes, top: bytes) -> bytes:
        inside = top[1:].rstrip(b"/") + b"/"
        body = b"".join(node.record(path) for path, node in self.nodes.items() if path.startswith(inside))
        return (body + b"done/\0")[: int(room)]

    def _acl(self, *paths: bytes) -> bytes:
        return b"getfacl\0\0"

    def _caps(self, *paths: bytes) -> bytes:
        return b""

    def _hash(self, *paths: bytes) -> bytes:
        out = []
        for path in (path[1:] for path in paths):
            node = self.nodes[path]
            if not node.readable:
                out.append(b"x/.%s\0Permission denied\0" % path)
            else:
                out.append(f"{hashlib.sha256(node.content).hexdigest()}  .".encode() + path + b"\0")
                out.append(node.record(path))
        return b"".join(out)

    _hash_odd = _hash

    def _read(self, room: bytes, path: bytes) -> bytes:
        return self.nodes[path[1:]].content[: int(room)]


def _mark(nonce: bytes, text: bytes) -> bytes:
    return b"\0%s %s\0" % (nonce, text)


def decoded(word: bytes) -> bytes:
    """A word of a question as the shell decodes it."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), word)


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09d}0"
