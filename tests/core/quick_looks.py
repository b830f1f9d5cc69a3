"""Looks at hosts in memory, full and quick, for the tests of what is remembered between them."""

from dataclasses import replace
from typing import Any

from deployments.collector.protocol import Collection
from deployments.collector.question import Observation, Question, Recalled
from deployments.collector.quick import Quick, QuickLook, Sections
from tests.fake_host import FakeHost, Node

NONCE = "n0123456789abcdef"
KEY = b"k" * 32
OLD = "1699999000.5000000000"
QUESTION = Question(
    {
        "file:/etc/motd": None,
        "file:/etc/hosts": None,
        "file:/etc/gone": None,
        "file:/srv/app/a": frozenset({"type", "mode"}),
        "package:nginx": frozenset({"version"}),
        "sysctl:net.core.somaxconn": frozenset({"value"}),
    },
    exhaustive=("/srv/app",),
)
PACKAGES = b"t/dpkg\0nginx\tinstall ok installed\t1.22\tamd64\n\x000 \0"


def host_with(**nodes: Node) -> FakeHost:
    host = FakeHost(
        {
            b"/etc/motd": Node(content=b"hello", ctime=OLD, inode=11),
            b"/etc/hosts": Node(content=b"127.0.0.1 localhost", ctime=OLD, inode=12, owner="ana", uid=1000),
            b"/srv/app": Node(type="d", mode=0o755, ctime=OLD, inode=13),
            b"/srv/app/a": Node(content=b"a", ctime=OLD, inode=14),
            b"/srv/app/b": Node(content=b"b", ctime=OLD, inode=15),
        },
        verbs={b"packages": b"no/such/answer\0", b"sysctl": b"neither\0"},
    )
    for name, node in nodes.items():
        host.nodes[name.encode()] = node
    return host


def sections(question: Question = QUESTION, salt: bytes = b"") -> Sections:
    return Sections.of(question, salt=salt)


def full(host: FakeHost, question: Question = QUESTION, **options: Any) -> Observation:
    running = Collection(question, nonce=NONCE, hmac_key=KEY, **options)
    while (program := running.send()) is not None:
        running.receive(host.answer(program), None, times=(1_700_000_100.0, 1_700_000_100.5))
    return running.result()


def moved(
    host: FakeHost, before: Observation, question: Question = QUESTION, salt: bytes = b""
) -> frozenset[str]:
    assert before.memory is not None
    quick = QuickLook(Quick(sections(question, salt), before.memory.sums), nonce=NONCE)
    quick.receive(host.answer(quick.send()))
    assert quick.failure is None
    return quick.moved


def quick(host: FakeHost, before: Observation, question: Question = QUESTION, **options: Any) -> Observation:
    """What a quick look knows, in all."""
    assert before.memory is not None
    recalled = Recalled(before.memory, before.states)
    what = moved(host, before, question)
    if not what:
        return recalled.observation()
    return full(host, question, recalled=recalled, moved_sections=what, **options)


def touch(host: FakeHost, path: bytes, number: int = 1, **changes: Any) -> None:
    host.nodes[path] = replace(host.nodes[path], ctime=f"16999990{number:02d}.0", **changes)


def hashed(host: FakeHost) -> set[bytes]:
    return {path for verb, *paths in host.asked if verb in (b"hash", b"hash_odd") for path in paths}
