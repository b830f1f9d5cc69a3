"""What a simulated host answers to a program of the collector: framed sections, without a shell.

The program is not run: the question at its end is read, and each of its lines is answered as the collector's verb of
that name would. Hosts share nearly everything, so what is shared is made once; only what differs on a host is made
for that host, and its sums are kept until it is changed.
"""

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.simulated.nodes import Node, RecordForm

_CALL = b"foldback '"
_FORM = re.compile(rb"^ *gnu_format='([^']*)'", re.MULTILINE)
_ESCAPE = re.compile(rb"\\0([0-7]{3})")
_KEPT_QUESTIONS = 128

Body = tuple[bytes, bytes]
"""What a section holds, and its status."""


@dataclass(eq=False)
class HostView:
    """What differs on one host: `nodes` by path (None: not there), bodies of listed kinds by verb."""

    name: str
    nodes: dict[bytes, Node | None] = field(default_factory=dict)
    listed: dict[bytes, bytes] = field(default_factory=dict)
    sums: dict[tuple[bytes, int], bytes] = field(default_factory=dict, repr=False)

    def changed(self) -> None:
        self.sums.clear()


@dataclass(frozen=True)
class Machine:
    """What all hosts of a fleet have in common. `listed` are the bodies of the verbs of kinds."""

    nodes: Mapping[bytes, Node]
    users: Mapping[int, str]
    groups: Mapping[int, str]
    listed: Mapping[bytes, bytes] = field(default_factory=dict)
    kernel: str = "Linux 6.1.0-40-amd64"
    architecture: str = "x86_64"
    os_lines: Sequence[str] = ()
    rooted: bool = False


@dataclass(eq=False)
class _Ask:
    section: int
    verb: bytes
    args: tuple[bytes, ...]
    paths: frozenset[bytes] = frozenset()
    below: bytes | None = None
    shared: Body | None = None

    def concerns(self, host: HostView) -> bool:
        """Whether this host's own things may show in the answer."""
        if self.verb in _OF_THE_HOST or self.verb in host.listed:
            return True
        if self.below is not None:
            return any(path.startswith(self.below) for path in host.nodes)
        return any(path in self.paths for path in host.nodes)


@dataclass(eq=False)
class _Question:
    """A question without its nonce; the same for all hosts that are alike."""

    key: bytes
    quick: bool
    form: RecordForm
    sections: list[list[_Ask]]
    sums: dict[int, bytes] = field(default_factory=dict)


_OF_THE_HOST = frozenset((b"facts", b"about", b"clock", b"who"))
_ACCOUNTS = (b"/etc/passwd", b"/etc/group")
_NAMED = {
    b"group": re.compile(rb"([^:/]*):[^:]*:([0-9]{1,10}):[^:]*"),
    b"passwd": re.compile(rb"([^:/]*):[^:]*:([0-9]{1,10}):.*:.*"),
}
_OF_PATHS = frozenset((b"list", b"hash", b"hash_odd", b"acl", b"caps", b"dirs"))


class Answers:
    """Answers for every host of one make."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._questions: OrderedDict[bytes, _Question] = OrderedDict()
        self._forms: dict[bytes, RecordForm] = {}
        self._verbs: dict[bytes, Callable[[HostView, _Ask, RecordForm], Body]] = {
            b"clock": lambda host, ask, form: (self._clock(), b"ok"),
            b"facts": lambda host, ask, form: (self._clock() + self._about(host), b"ok"),
            b"about": lambda host, ask, form: (self._about(host), b"ok"),
            b"names": self._names,
            b"uids": lambda host, ask, form: (b"", b"ok"),
            b"gids": lambda host, ask, form: (b"", b"ok"),
            b"dirs": self._dirs,
            b"list": self._list,
            b"tree": self._tree,
            b"hash": self._hash,
            b"hash_odd": self._hash_odd,
            b"acl": lambda host, ask, form: (b"getfacl\0\0", b"ok"),
            b"caps": lambda host, ask, form: (b"", b"ok"),
            b"read": self._read,
            b"accounts": self._accounts,
            b"who": self._who,
        }

    def is_quick(self, program: bytes) -> bool:
        return b"' '0 sum\n" in program[program.rfind(_CALL) :][:120]

    def answer(self, host: HostView, program: bytes) -> bytes:
        """The standard output that the program would write on this host. Raises ValueError for no program of ours."""
        start = program.rfind(_CALL)
        nonce, _, rest = program[start + len(_CALL) :].partition(b"' '")
        text, end, _ = rest.rpartition(b"' </dev/null")
        if start < 0 or not end or not nonce:
            raise ValueError("no question at the end of the program")
        question = self._question(text, self._form(program[:start]))
        out = [b"\0%s open\0" % nonce]
        for asks in question.sections:
            body, status = (
                self._sum(host, question, asks) if question.quick else self.body(host, question, asks[0])
            )
            section = asks[0].section
            out += [
                b"\0%s begin %d\0" % (nonce, section),
                body,
                b"\0%s end %d %s\0" % (nonce, section, status),
            ]
        out.append(b"\0%s close\0" % nonce)
        return b"".join(out)

    def body(self, host: HostView, question: _Question, ask: _Ask) -> Body:
        if ask.concerns(host):
            return self._made(host, question, ask)
        if ask.shared is None:
            ask.shared = self._made(_NOBODY, question, ask)
        return ask.shared

    def _sum(self, host: HostView, question: _Question, asks: list[_Ask]) -> Body:
        """64 hex digits over what the section's asks would have been answered."""
        section = asks[0].section
        own = any(ask.concerns(host) for ask in asks)
        known = host.sums.get((question.key, section)) if own else question.sums.get(section)
        if known is None:
            digest = hashlib.sha256()
            for ask in asks:
                digest.update(b"%s\0%s\0" % self.body(host, question, ask))
            known = digest.hexdigest().encode()
            if own:
                host.sums[question.key, section] = known
            else:
                question.sums[section] = known
        return known, b"ok"

    def _made(self, host: HostView, question: _Question, ask: _Ask) -> Body:
        if (verb := self._verbs.get(ask.verb)) is not None:
            return verb(host, ask, question.form)
        body = host.listed.get(ask.verb, self.machine.listed.get(ask.verb))
        return (b"", b"verb") if body is None else (body, b"ok")

    def _form(self, program: bytes) -> RecordForm:
        found = _FORM.search(program)
        template = found[1] if found else b""
        if template not in self._forms:
            self._forms[template] = RecordForm(template.decode(), self.machine.users, self.machine.groups)
        return self._forms[template]

    def _question(self, text: bytes, form: RecordForm) -> _Question:
        question = self._questions.get(text)
        if question is None or question.form is not form:
            lines = [line.split(b" ") for line in text.split(b"\n")]
            quick = lines[0] == [b"0", b"sum"]
            sections: list[list[_Ask]] = []
            for number, verb, *args in lines[1:] if quick else lines:
                ask = _ask(int(number), verb, tuple(map(decoded, args)))
                if quick and sections and sections[-1][0].section == ask.section:
                    sections[-1].append(ask)
                else:
                    sections.append([ask])
            question = _Question(hashlib.sha256(text).digest(), quick, form, sections)
            self._questions[text] = question
            while len(self._questions) > _KEPT_QUESTIONS:
                self._questions.popitem(last=False)
        self._questions.move_to_end(text)
        return question

    # --- the verbs ---------------------------------------------------------------------------------------------

    def _clock(self) -> bytes:
        return b"clock/%.9f\0" % time.time()

    def _about(self, host: HostView) -> bytes:
        machine = self.machine
        said = [f"kernel/{machine.kernel}", f"machine/{machine.architecture}", f"hostname/{host.name}"]
        return "".join(f"{line}\0" for line in [*said, *(f"os/{line}" for line in machine.os_lines)]).encode()

    def _names(self, host: HostView, ask: _Ask, form: RecordForm) -> Body:
        out = [b"rooted/\0"] if self.machine.rooted else []
        for path in _ACCOUNTS:
            node = self._node(host, path)
            for line in node.content.splitlines() if node else ():
                for table, form_of_line in _NAMED.items():
                    if match := form_of_line.fullmatch(line):
                        out.append(b"%s/%s/%s\0" % (table, match[2], match[1]))
        return b"".join(out), b"ok"

    def _node(self, host: HostView, path: bytes) -> Node | None:
        return host.nodes[path] if path in host.nodes else self.machine.nodes.get(path)

    def _dirs(self, host: HostView, ask: _Ask, form: RecordForm) -> Body:
        nodes = ((arg, self._node(host, arg[1:])) for arg in ask.args)
        links = ((arg, node) for arg, node in nodes if node is not None and node.type == "l")
        return b"".join(b"%s\0%s\0" % (arg, self._leads(arg, node.target)) for arg, node in links), b"ok"

    def _leads(self, arg: bytes, target: bytes) -> bytes:
        parts = [] if target.startswith(b"/") else arg[2:].split(b"/")[:-1]
        for part in target.split(b"/"):
            if part == b"..":
                parts = parts[:-1]
            elif part not in (b"", b"."):
                parts.append(part)
        return b"/" + b"/".join(parts)

    def _list(self, host: HostView, ask: _Ask, form: RecordForm) -> Body:
        there, absent = [], []
        for arg in ask.args:
            node = self._node(host, arg[1:])
            if node is None:
                absent.append(b"a/%s\0" % arg)
            else:
                there.append(node.record(arg[1:], form))
        return b"".join(there + absent), b"ok"

    def _tree(self, host: HostView, ask: _Ask, form: RecordForm) -> Body:
        room, inside = int(ask.args[0]), ask.below or b""
        out = []
        for path, node in self.machine.nodes.items():
            if path.startswith(inside) and (here := host.nodes.get(path, node)) is not None:
                out.append(here.record(path, form))
        out += [
            node.record(path, form)
            for path, node in host.nodes.items()
            if node is not None and path.startswith(inside) and path not in self.machine.nodes
        ]
        return b"".join([*out, b"done/\0"])[:room], b"ok"

    def _hash(self, host: HostView, ask: _Ask, form: RecordForm) -> Body:
        odd, sums, records = [], [], []
        for arg in ask.args:
            node = self._node(host, arg[1:])
            if node is None or node.type != "f":
                odd.append(b"x/%s\0changed\0" % arg)
            else:
                sums.append(b"%s  %s\0" % (node.sha256.encode(), arg))
                records.append(node.record(arg[1:], form))
        return b"".join(odd + sums + records), b"ok"

    def _hash_odd(self, host: HostView, ask: _Ask, form: RecordForm) -> Body:
        out = []
        for arg in ask.args:
            node = self._node(host, arg[1:])
            if node is None or node.type != "f":
                out.append(b"x/%s\0changed\0" % arg)
            else:
                out += [b"%s  %s\0" % (node.sha256.encode(), arg), node.record(arg[1:], form)]
        return b"".join(out), b"ok"

    def _read(self, host: HostView, ask: _Ask, form: RecordForm) -> Body:
        node = self._node(host, ask.args[1][1:])
        if node is None or node.type != "f":
            return b"", b"changed"
        return node.content[: int(ask.args[0])], b"ok"

    def _accounts(self, host: HostView, ask: _Ask, form: RecordForm) -> Body:
        texts, times = [], []
        for path in _ACCOUNTS:
            if (node := self._node(host, path)) is not None:
                lines = (line.split(b":") for line in node.content.splitlines() if b":" in line)
                text = b"".join(b":".join(fields[:1] + fields[2:]) + b"\n" for fields in lines)
                texts.append(b"f/.%s\0%s\0" % (path, text))
                times.append(node.record(path, form))
        return b"".join([*texts, b"times/\0", *times]), b"ok"

    def _who(self, host: HostView, ask: _Ask, form: RecordForm) -> Body:
        names = b"".join(b"%d %s\n" % (uid, name.encode()) for uid, name in self.machine.users.items())
        said = [b"now", b"%d +0000" % int(time.time()), b"self", b"scan ", b"names", names]
        return b"".join(b"%s\0" % field for field in said), b"ok"


_NOBODY = HostView("")


def _ask(section: int, verb: bytes, args: tuple[bytes, ...]) -> _Ask:
    if verb == b"tree":
        return _Ask(section, verb, args, below=args[1][1:].rstrip(b"/") + b"/")
    if verb in (b"names", b"accounts"):
        return _Ask(section, verb, args, frozenset(_ACCOUNTS))
    if verb == b"read":
        return _Ask(section, verb, args, frozenset((args[1][1:],)))
    return _Ask(section, verb, args, frozenset(arg[1:] for arg in args) if verb in _OF_PATHS else frozenset())


def decoded(word: bytes) -> bytes:
    """A word of a question as the shell decodes it."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), word) if b"\\" in word else word
