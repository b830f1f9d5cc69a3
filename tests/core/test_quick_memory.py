"""What a look may leave behind for the next one, and what it must not."""

from dataclasses import replace

import pytest

from deployments.collector.protocol import Collection
from deployments.collector.question import Observation, Question, Recalled, WatchedRoots
from deployments.core.states import Present, Unknown
from tests.core.quick_looks import (
    KEY,
    NONCE,
    OLD,
    QUESTION,
    full,
    hashed,
    host_with,
    moved,
    quick,
    sections,
    touch,
)
from tests.fake_host import FakeHost, Node


def test_what_was_changed_a_moment_before_the_look_is_looked_at_once_more() -> None:
    host = host_with()
    host.nodes[b"/etc/motd"].ctime = f"{host.now - 0.5}"
    before = full(host)
    assert moved(host, before) == {"paths"}
    host.nodes[b"/etc/motd"].content = b"HELLO"  # in the same tick of the clock
    assert quick(host, before).states == full(host).states
    host.now += 10
    settled = quick(host, before)
    assert moved(host, settled) == frozenset()


def test_a_file_from_the_future_is_never_taken_for_unmoved() -> None:
    host = host_with()
    host.nodes[b"/etc/motd"].ctime = f"{host.now + 5000}"
    assert "paths" not in (full(host).memory or pytest.fail()).sums


def test_what_the_kernel_makes_up_when_it_is_read_is_read_at_every_look() -> None:
    """Nothing that `lstat` tells of it moves when it does."""
    question = Question.of(["file:/proc/sys/vm/swappiness", "file:/etc/motd"])
    host = host_with(**{"/proc/sys/vm/swappiness": Node(content=b"60", ctime=OLD, inode=70)})
    before = full(host, question)
    host.nodes[b"/proc/sys/vm/swappiness"].content = b"10"
    host.asked.clear()
    assert quick(host, before, question).states == full(host, question).states
    assert before.states != full(host, question).states


def test_a_host_that_has_too_much_to_say_is_not_remembered() -> None:
    """Names that are no text are told one by one."""
    names = {
        f"/srv/app/{'x' * 200}{n}".encode() + b"\xff": Node(ctime=OLD, inode=1000 + n) for n in range(9_000)
    }
    host = host_with()
    watching = replace(
        QUESTION, exhaustive=(), roots=WatchedRoots(("/srv/app",), first=frozenset({"/srv/app"}))
    )
    host.nodes |= names
    found = full(host, watching)
    assert len(found.problems) > 8_000
    assert found.memory is not None and "paths" not in found.memory.sums and "paths" not in found.memory.rest


def test_an_owner_whose_name_was_not_told_is_asked_for_once_more() -> None:
    """The directory service was away: that is no drift that lasts until the next deep look."""
    host = host_with()
    host.verbs |= {b"names": b"passwd/0/root\0group/0/root\0", b"uids": b""}
    away = full(host)
    host.verbs[b"uids"] = b"passwd/1000/ana\0"
    assert moved(host, away) == {"paths"}
    back = quick(host, away)
    assert back.states == full(host).states
    assert moved(host, back) == frozenset()


def test_a_host_without_a_clock_is_always_looked_at() -> None:
    host = host_with()
    host.now = float("nan")
    before = full(host)
    assert before.memory is not None and "paths" not in before.memory.sums


def test_what_changed_while_it_was_read_is_looked_at_once_more() -> None:
    host = host_with()

    class Moving(FakeHost):
        def _hash(self, *paths: bytes) -> bytes:
            touch(self, b"/etc/motd", number=3)
            return super()._hash(*paths)

    moving = Moving(dict(host.nodes), verbs=host.verbs)
    before = full(moving)
    assert before.states["file:/etc/motd"] == Unknown("changed while being read")
    assert before.memory is not None and "paths" not in before.memory.sums
    after = quick(moving, before)
    assert isinstance(after.states["file:/etc/hosts"], Present)


def test_denied_stays_denied_as_long_as_nothing_moves_and_stays_unknown() -> None:
    host = host_with()
    host.nodes[b"/etc/motd"].readable = False
    before = full(host)
    assert moved(host, before) == frozenset()
    assert before.memory is not None
    again = Recalled(before.memory, before.states).observation()
    assert again.states["file:/etc/motd"] == Unknown("denied")


def test_a_look_that_was_cut_short_leaves_nothing_to_rely_on() -> None:
    host = host_with()
    running = Collection(QUESTION, nonce=NONCE, hmac_key=KEY)
    program = running.send()
    assert program is not None
    answer = host.answer(program)
    running.receive(answer[: len(answer) // 2], "timed out")
    found = running.result()
    assert found.memory is not None and "paths" not in found.memory.sums
    assert quick(host, found).states == full(host).states


def test_another_question_another_key_another_secret_path_is_another_memory() -> None:
    host = host_with()
    before = full(host)
    more = replace(QUESTION, resources={**QUESTION.resources, "package:vim": None})
    assert moved(host, before, more) == {"packages"}
    less = replace(QUESTION, resources={**QUESTION.resources, "file:/etc/motd": frozenset({"mode"})})
    assert moved(host, before, less) == {"paths"}
    secret = replace(QUESTION, secret_files=frozenset({"/etc/hosts"}))
    assert moved(host, before, secret) == {"paths"}
    assert moved(host, before, salt=b"another key") == {"about", "paths", "packages", "sysctl"}


def test_what_another_key_or_another_program_read_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = replace(QUESTION, secret_files=frozenset({"/etc/hosts"}))
    host = host_with()
    before = full(host, secret, salt=b"one")
    recalled = Recalled(before.memory or pytest.fail(), before.states)
    every = frozenset(sections(secret).names)

    def again(salt: bytes, key: bytes) -> Observation:
        host.asked.clear()
        running = Collection(
            secret, nonce=NONCE, hmac_key=key, recalled=recalled, moved_sections=every, salt=salt
        )
        while (program := running.send()) is not None:
            running.receive(host.answer(program), None, times=(1_700_000_100.0, 1_700_000_100.5))
        return running.result()

    assert again(b"one", KEY).states == before.states
    assert hashed(host) == set()
    assert again(b"two", b"j" * 32).states["file:/etc/hosts"] != before.states["file:/etc/hosts"]
    monkeypatch.setattr("deployments.collector.quick._version", lambda: b"another")
    again(b"one", KEY)
    assert b"./etc/hosts" in hashed(host)


def test_a_root_that_is_newly_watched_is_looked_at() -> None:
    host = host_with()
    before = full(host)
    watching = replace(QUESTION, roots=WatchedRoots(("/etc",), first=frozenset({"/etc"})))
    assert moved(host, before, watching) == {"paths"}
    assert quick(host, before, watching).states == full(host, watching).states


def test_a_declared_thing_that_memory_does_not_know_is_never_taken_for_absent() -> None:
    host = host_with()
    before = full(host)
    assert before.memory is not None
    more = replace(QUESTION, resources={**QUESTION.resources, "file:/etc/hosts.allow": None})
    host.nodes[b"/etc/hosts.allow"] = Node(content=b"x", ctime=OLD)
    recalled = Recalled(before.memory, before.states)
    found = full(host, more, recalled=recalled, moved_sections=frozenset({"about"}))
    assert isinstance(found.states["file:/etc/hosts.allow"], Present)
