"""A host in memory that answers the collector's question as the collector does: for tests of what comes after.

`tests/hosts/test_collector_shells.py` holds its answers against those of the real program on a real tree.
"""

import hashlib
import os
import posixpath
import re
import stat
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

_CALL = re.compile(rb"^foldback '([a-z0-9]+)' '([^']*)' </dev/null$", re.MULTILINE)
_ESCAPE = re.compile(rb"\\0([0-7]{3})")
_ODD = re.compile(rb"[\\\x00-\x1f\x7f]")
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
        head = f"e/{self.type}/{self.mode:o}/{self.uid}/{self.gid}/{size}"
        tail = f"/{self.mtime}/{self.ctime}/{self.inode}/{self.device}/{self.links}/."
        return head.encode() + tail.encode() + path + b"\0" + self.target + b"\0"


@dataclass
class FakeHost:
    """`nodes` by path in bytes; `denied` are paths that can't be looked at."""

    nodes: dict[bytes, Node] = field(default_factory=dict)
    denied: set[bytes] = field(default_factory=set)
    rooted: bool = False
    now: float = 1_700_000_100.25
    verbs: dict[bytes, bytes] = field(default_factory=dict)
    """What it answers to verbs of listed kinds."""
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
        lines = [[decoded(word) for word in line.split(b" ")] for line in question.split(b"\n")]
        if lines[0] == [b"0", b"sum"]:
            bodies = self._sums(lines[1:])
        else:
            bodies = [(number, self._said(verb, args)) for number, verb, *args in lines]
        for number, body in bodies:
            out += [_mark(nonce, b"begin " + number), body, _mark(nonce, b"end " + number + b" ok")]
        return b"".join([*out, _mark(nonce, b"close")])

    def _said(self, verb: bytes, args: list[bytes]) -> bytes:
        self.asked.append([verb, *args])
        if verb in self.verbs:
            return self.verbs[verb]
        body: bytes = getattr(self, f"_{verb.decode()}")(*args)
        return body

    def _sums(self, lines: list[list[bytes]]) -> list[tuple[bytes, bytes]]:
        sums = []
        for number, section in groupby(lines, key=lambda line: line[0]):
            told = b"".join(self._said(verb, args) + b"\0ok\0" for _, verb, *args in section)
            sums.append((number, hashlib.sha256(told).hexdigest().encode()))
        return sums

    def _about(self) -> bytes:
        return b"kernel/Linux 6.1\0machine/x86_64\0hostname/fake\0os/ID=debian\0"

    def _clock(self) -> bytes:
        return f"clock/{self.now}\0".encode()

    def _facts(self) -> bytes:
        return self._clock() + self._about()

    def _names(self) -> bytes:
        if self.rooted:
            return b"rooted/\0"
        nodes = self.nodes.values()
        users = {f"passwd/{node.uid}/{node.owner}\0" for node in nodes}
        groups = {f"group/{node.gid}/{node.group}\0" for node in nodes}
        return "".join(sorted(users | groups)).encode()

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

    def _shipped(self) -> bytes:
        return b"done\0"

    def _tree_acl(self, top: bytes) -> bytes:
        return b"getfacl\0\0"

    def _tree_caps(self, top: bytes) -> bytes:
        return b""

    def _tree_hash(self, most: bytes, top: bytes) -> bytes:
        inside = top[1:].rstrip(b"/") + b"/"
        out = []
        for path, node in self.nodes.items():
            size = len(node.content) if node.size is None else node.size
            if not path.startswith(inside) or node.type != "f" or size > int(most) or _ODD.search(path):
                continue
            digest = hashlib.sha256(node.content).hexdigest().encode()
            out.append(digest + b"  ." + path if node.readable else b"x/." + path + b"\0Permission denied")
        return b"".join(part + b"\0" for part in out)

    def _tree_sum(self, room: bytes, top: bytes) -> bytes:
        return hashlib.sha256(self._tree(room, top)).hexdigest().encode()

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
