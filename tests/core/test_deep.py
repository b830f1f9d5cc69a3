"""Deep looks: everything is read once more, also where nothing seems to have moved; and one digest tells that it is the same."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from deployments.collector.question import Observation, Question, Recalled
from deployments.collector.quick import CONTENTS, ContentsLook, Limits, Quick
from deployments.kinds import path_trees
from deployments.transport.base import Answer
from drift.scanner import HostResult, Scan, Target, look_at, run
from tests.core.quick_looks import KEY, NONCE, OLD, QUESTION, full, hashed, host_with, quick, sections, touch
from tests.fake_host import FakeHost, Node

ODD = b"/srv/app/a\\b"


@dataclass
class Way:
    """To a host in memory; `programs` are what it was sent."""

    host: FakeHost
    programs: list[bytes] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    @asynccontextmanager
    async def session(self) -> Any:
        yield self

    async def run(self, command: str, stdin: bytes, *, max_output: int, timeout: float) -> Answer:
        self.programs.append(stdin)
        self.timeouts.append(timeout)
        await asyncio.sleep(0.02)
        return Answer(self.host.answer(stdin))


def deep(
    host: FakeHost, before: Observation | None, question: Question = QUESTION, salt: bytes = b""
) -> tuple[HostResult, int]:
    """What a deep look shows, and in how many rounds."""
    return asked(Way(host), before, question, salt)


def asked(
    way: Way, before: Observation | None, question: Question = QUESTION, salt: bytes = b""
) -> tuple[HostResult, int]:
    scan = Scan(
        open_transport=lambda target: way,  # type: ignore[arg-type, return-value]
        nonce=lambda: NONCE,
        clock=lambda: 1_700_000_100.0,
        hmac_key=KEY,
        salt=salt,
    )
    target = Target("web-1", question, deep=True)
    if before is not None:
        assert before.memory is not None
        recalled = Recalled(before.memory, before.states)
        target = replace(target, quick=Quick(sections(question, salt), before.memory.sums), recalled=recalled)
    return run(look_at(target, scan)), len(way.programs)


def test_where_nothing_is_another_everything_is_read_and_nothing_is_listed() -> None:
    host = host_with()
    before = full(host)
    host.asked.clear()
    result, rounds = deep(host, before)
    assert result.unmoved and result.status == "ok"
    assert rounds == 2
    assert hashed(host) == {b"./etc/motd", b"./etc/hosts", b"./srv/app/b"}


@pytest.mark.parametrize("path", [b"/etc/motd", b"/etc/hosts", b"/srv/app/b"])
def test_a_content_behind_forged_times_is_found(path: bytes) -> None:
    host = host_with()
    before = full(host)
    host.nodes[path] = replace(host.nodes[path], content=b"x" * len(host.nodes[path].content))
    assert quick(host, before).states == before.states  # it is for the deep look
    result, _ = deep(host, before)
    assert not result.unmoved
    assert result.observation.states == full(host).states != before.states
    assert not result.observation.recalled


def test_what_has_moved_is_looked_at_in_full_and_can_be_told_by_a_digest_the_next_time() -> None:
    host = host_with()
    before = full(host)
    touch(host, b"/etc/motd", content=b"by hand")
    result, _ = deep(host, before)
    assert not result.unmoved
    assert result.observation.states == full(host).states
    again, rounds = deep(host, result.observation)
    assert again.unmoved and rounds == 2


def test_large_trees_are_read_whole_with_their_odd_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_trees, "LARGE", 2)
    host = host_with()
    host.nodes[ODD] = Node(content=b"odd", ctime=OLD, inode=77)
    before = full(host)
    assert before.memory is not None and CONTENTS in before.memory.sums
    assert deep(host, before)[0].unmoved
    for path in (ODD, b"/srv/app/b", b"/etc/motd"):
        other = FakeHost(dict(host.nodes), verbs=dict(host.verbs))
        other.nodes[path] = replace(other.nodes[path], content=b"?" * len(other.nodes[path].content))
        result, _ = deep(other, before)
        assert not result.unmoved
        assert result.observation.states == full(other).states


def test_a_quick_look_that_read_a_part_leaves_no_digest_of_all() -> None:
    nodes = {f"/srv/app/f{n}": Node(content=b"x", ctime=OLD, inode=100 + n) for n in range(100)}
    host = host_with(**nodes)
    before = full(host)
    touch(host, b"/srv/app/f7", content=b"by hand")
    after = quick(host, before)
    assert after.memory is not None and CONTENTS not in after.memory.sums
    result, _ = deep(host, after)
    assert not result.unmoved
    assert result.observation.memory is not None and CONTENTS in result.observation.memory.sums


def test_a_quick_look_at_something_else_keeps_the_digest_of_all_contents() -> None:
    host = host_with()
    before = full(host)
    host.verbs[b"packages"] = b"another\0"
    after = quick(host, before)
    assert after.memory is not None and CONTENTS in after.memory.sums
    assert deep(host, after)[0].unmoved


@pytest.mark.parametrize(
    "spoil",
    [
        lambda host: setattr(host.nodes[b"/etc/motd"], "readable", False),
        lambda host: setattr(host.nodes[b"/etc/motd"], "ctime", f"{host.now + 5000}"),
    ],
)
def test_what_could_not_be_read_or_relied_on_is_asked_for_in_full_each_time(
    spoil: Callable[[FakeHost], Any],
) -> None:
    host = host_with()
    spoil(host)
    before = full(host)
    assert before.memory is not None and CONTENTS not in before.memory.sums
    assert not deep(host, before)[0].unmoved


def test_a_host_without_files_to_read_is_looked_at_in_full() -> None:
    question = Question.of(["sysctl:net.core.somaxconn"])
    host = host_with()
    result, _ = deep(host, full(host, question), question)
    assert not result.unmoved


def test_another_key_is_another_digest() -> None:
    host = host_with()
    before = full(host)
    assert before.memory is not None
    recalled = Recalled(before.memory, before.states)
    for salt, same in ((b"", True), (b"another", False)):
        look = ContentsLook.of(recalled, Limits(), salt=salt, nonce=NONCE)
        assert look is not None
        look.receive(host.answer(look.send()))
        assert look.same is same


@pytest.mark.parametrize("answer", [b"", b"noise", b"\0" * 100])
def test_no_answer_proves_nothing(answer: bytes) -> None:
    before = full(host_with())
    assert before.memory is not None
    look = ContentsLook.of(Recalled(before.memory, before.states), Limits(), salt=b"", nonce=NONCE)
    assert look is not None
    look.receive(answer)
    assert not look.same


def test_a_look_that_read_everything_in_vain_has_as_long_once_more() -> None:
    way = Way(host_with())
    before = full(way.host)
    way.host.nodes[b"/etc/motd"] = replace(way.host.nodes[b"/etc/motd"], content=b"HELLO")
    result, _ = asked(way, before)
    assert not result.unmoved
    quickly, contents, in_full, *_ = way.timeouts
    assert contents < quickly < in_full + 0.01
