"""A quick look: whether anything has moved since the last one, told by one digest a section.

The host is asked what a full look would ask in its first round, and answers with digests of what it would have
answered. What a look remembers is a digest of that and of the question, of this program, and of whatever else decides
what an answer means: so a memory holds only as long as all of them do.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deployments.collector.question import Limits, Question, Recalled
from deployments.collector.wire import COMMAND, Ask, Reply, SumQuestion, line, split_answer
from deployments.kinds.listing import ListingSurvey
from deployments.kinds.path_contents import contents_asks
from deployments.kinds.path_survey import SECTION as PATHS
from deployments.kinds.path_survey import PathSurvey
from deployments.kinds.registry import LISTED

ABOUT = "about"
CONTENTS = "contents"
"""Under this name the digest of all contents is remembered; no quick look asks for it."""
_MAX_OUTPUT = 64 * 1024


@dataclass(frozen=True)
class Sections:
    """What a quick look asks. The same for all hosts with the same question; safe to share between threads.

    `keys` has, by section, what its digests are only comparable under.
    """

    names: tuple[str, ...]
    keys: Mapping[str, bytes]
    question: SumQuestion

    @classmethod
    def of(cls, question: Question, limits: Limits | None = None, *, salt: bytes = b"") -> "Sections":
        """`salt` is what else decides how an answer is read: the key that contents are compared with."""
        surveys = surveys_of(question, limits or Limits())
        asks = first_asks([survey.asks() for survey in surveys])
        keys = {name: section_key(name, part, question, salt) for name, part in asks.items()}
        return cls(tuple(asks), keys, SumQuestion(list(asks.values())))


@dataclass(frozen=True)
class Quick:
    """What is asked, and what is remembered of the host (`Memory.sums`)."""

    sections: Sections
    sums: Mapping[str, str]


class QuickLook:
    """One quick look at one host, sans I/O: `send` once, `receive` once, then `moved`.

    `moved` has the sections that are not proven to be as they were; all of them where the host can't tell. `failure` is
    the reason why there was no answer; then nothing is known.
    """

    command = COMMAND
    max_output = _MAX_OUTPUT

    def __init__(self, quick: Quick, *, nonce: str) -> None:
        self._quick, self._nonce = quick, f"{nonce}q"
        self.moved: frozenset[str] = frozenset(quick.sections.names)
        self.failure: str | None = None

    def send(self) -> bytes:
        return self._quick.sections.question.program_input(self._nonce)

    def receive(
        self, output: bytes, failure: str | None = None, *, stderr: bytes = b"", exit_status: int | None = 0
    ) -> None:
        names, keys = self._quick.sections.names, self._quick.sections.keys
        framed = split_answer(
            output, self._nonce, len(names), failure=failure, stderr=stderr, exit_status=exit_status
        )
        self.failure = failure
        if framed.failure:
            return
        told = {name: _told(reply) for name, reply in zip(names, framed.replies, strict=True)}
        self.moved = frozenset(
            name for name in names if remembered(keys[name], told[name]) != self._quick.sums.get(name, "-")
        )


class ContentsLook:
    """What a deep look asks of a host on which nothing seems to have moved: whether all contents are what they were when
    they were last read. Sans I/O: `send` once, `receive` once, then `same`."""

    command = COMMAND
    max_output = _MAX_OUTPUT

    def __init__(self, asks: Sequence[Ask], told: str, *, salt: bytes, nonce: str) -> None:
        self._question, self._key = SumQuestion([asks]), contents_key(asks, salt)
        self._told, self._nonce = told, f"{nonce}d"
        self.same = False

    @classmethod
    def of(
        cls, recalled: Recalled | None, limits: Limits, *, salt: bytes, nonce: str
    ) -> "ContentsLook | None":
        """None where an earlier look did not read everything, or there is nothing to read."""
        told = recalled.memory.sums.get(CONTENTS) if recalled is not None else None
        if recalled is None or not told:
            return None
        tops = recalled.memory.rest.get(PATHS, {}).get("trees", ())
        asks = contents_asks(recalled.states, tops, limits.hash_file_bytes)
        return cls(asks, told, salt=salt, nonce=nonce) if asks else None

    def send(self) -> bytes:
        return self._question.program_input(self._nonce)

    def receive(
        self, output: bytes, failure: str | None = None, *, stderr: bytes = b"", exit_status: int | None = 0
    ) -> None:
        framed = split_answer(output, self._nonce, 1, failure=failure, stderr=stderr, exit_status=exit_status)
        if not framed.failure:
            self.same = remembered(self._key, _told(framed.replies[0])) == self._told


def surveys_of(question: Question, limits: Limits) -> tuple[PathSurvey, ListingSurvey]:
    """The surveys of a question, to see what they ask first."""
    paths = PathSurvey(question, hmac_key=None, wanted=lambda resource, state: False, limits=limits)
    return paths, ListingSurvey(question, LISTED)


def first_asks(asked: Sequence[Sequence[Ask]]) -> dict[str, tuple[Ask, ...]]:
    """Section → its asks, from those of the path survey and of the listed kinds, in this order."""
    paths, verbs = asked
    sections: dict[str, tuple[Ask, ...]] = {ABOUT: (Ask(ABOUT),)}
    if paths:
        sections[PATHS] = tuple(paths)
    return sections | {ask.verb: (ask,) for ask in verbs}


def section_key(section: str, asks: Sequence[Ask], question: Question, salt: bytes) -> bytes:
    """What was asked, and what decides how the answer is read."""
    digest = hashlib.sha256(salt + _version())
    for ask in asks:
        digest.update(line(ask).encode() + b"\n")
    for resource in sorted(_declared(section, question)):
        attributes = question.resources[resource]
        wanted = "*" if attributes is None else ",".join(sorted(attributes))
        digest.update(f"{resource}\0{wanted}\0".encode("utf-8", "backslashreplace"))
    if section == PATHS:
        for part in (
            question.secret_paths,
            sorted(question.secret_files),
            question.exhaustive,
            question.roots.paths,
            question.roots.sections,
        ):
            digest.update(repr(tuple(part)).encode("utf-8", "backslashreplace"))
    else:
        watched = (kind.name for kind in LISTED if kind.verb == section and kind.name in question.watched)
        digest.update(repr(tuple(watched)).encode())
    return digest.digest()


def contents_key(asks: Sequence[Ask], salt: bytes) -> bytes:
    """What the digest of all contents is only comparable under."""
    digest = hashlib.sha256(salt + _version())
    for ask in asks:
        digest.update(line(ask).encode() + b"\n")
    return digest.digest()


def stats_key(salt: bytes) -> bytes:
    """What `Memory.stats` are only comparable under: what was read by other programs, or with another key, is read again."""
    return hashlib.sha256(salt + _version()).digest()


def remembered(key: bytes, told: str | None) -> str:
    """What is kept of an answer: 32 hex digits; empty where there was none."""
    return "" if told is None else hashlib.sha256(key + told.encode()).hexdigest()[:32]


@cache
def section_of_kind(kind: str) -> str:
    """The section that tells of resources of a kind."""
    return next((listed.verb for listed in LISTED if listed.name == kind), PATHS)


def _declared(section: str, question: Question) -> list[str]:
    return [name for name in question.resources if section_of_kind(name.partition(":")[0]) == section]


def _told(reply: Reply) -> str | None:
    text = reply.body.decode("ascii", "replace")
    return text if reply.failure is None and len(text) == 64 else None


@cache
def _version() -> bytes:
    """The programs that ask and read: with another one, everything is looked at once more."""
    here = Path(__file__).parent
    paths = [
        path
        for folder in (here, here.parent / "kinds", here.parent / "core")
        for path in folder.rglob("*")
        if path.suffix in (".py", ".sh")
    ]
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(str(path.relative_to(here.parent)).encode() + b"\0" + path.read_bytes())
    return digest.digest()
