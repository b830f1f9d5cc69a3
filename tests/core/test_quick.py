"""Quick looks: what has not moved is not looked at again, and what has is found; never the other way round."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.collector.question import Question, Recalled
from deployments.collector.quick import Quick, QuickLook
from deployments.core.states import ABSENT, State
from tests.core.quick_looks import (
    NONCE,
    OLD,
    full,
    hashed,
    host_with,
    moved,
    quick,
    sections,
    touch,
)
from tests.fake_host import FakeHost, Node

# --- unmoved ------------------------------------------------------------------------------------------------------------


def test_a_host_that_has_not_moved_is_asked_for_one_digest_a_section_and_nothing_else() -> None:
    host = host_with()
    before = full(host)
    assert before.memory is not None
    assert set(before.memory.sums) == {"about", "paths", "packages", "sysctl", "contents"}
    assert moved(host, before) == frozenset()
    look = QuickLook(Quick(sections(), before.memory.sums), nonce=NONCE)
    answer = host.answer(look.send())
    assert len(answer) < 4 * 150


def test_what_is_remembered_says_what_the_look_said() -> None:
    host = host_with()
    before = full(host)
    assert before.memory is not None
    again = Recalled(before.memory, before.states).observation()
    assert again.states == before.states
    assert again.listed == before.listed
    assert again.problems == before.problems
    assert again.recalled == frozenset(before.states)
    assert again.state_of("file:/srv/app/none") == ABSENT


def test_a_memory_survives_looks_at_which_only_a_part_was_asked() -> None:
    host = host_with()
    before = full(host)
    touch(host, b"/etc/motd", content=b"changed")
    after = quick(host, before)
    assert moved(host, after) == frozenset()
    assert after.memory is not None and set(after.memory.sums) == {"about", "paths", "packages", "sysctl"}


# --- moved --------------------------------------------------------------------------------------------------------------


def test_one_acl_on_what_nobody_asked_about_does_not_blind_us_for_a_whole_tree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A directory that only holds what is declared, a name that is no text: getfacl tells of them too."""
    nodes = {f"/srv/app/f{n}": Node(content=b"x", ctime=OLD, inode=100 + n) for n in range(400)}
    nodes["/srv/app/conf"] = Node(type="d", mode=0o755, ctime=OLD, inode=98)
    nodes["/srv/app/conf/app.ini"] = Node(content=b"i", ctime=OLD, inode=99)
    host = host_with(**nodes)
    told = "getfacl\0# file: ./srv/app/{}\nuser::rwx\nuser:ana:rwx\n\n\0"
    question = Question.of(["file:/srv/app/conf/app.ini"], ["/srv/app"])
    for name in ("conf", "f7", "\\377"):
        acls = told.format(name).encode()
        monkeypatch.setattr(FakeHost, "_tree_acl", lambda self, top, acls=acls: acls)
        assert full(host, question).unknown() == {}
    assert any(verb == b"tree_acl" for verb, *_ in host.asked)


def test_only_what_moved_is_asked_about_and_only_its_content_is_read() -> None:
    nodes = {
        f"/srv/app/f{number}": Node(content=b"x", ctime=OLD, inode=100 + number) for number in range(500)
    }
    host = host_with(**nodes)
    before = full(host)
    touch(host, b"/srv/app/f7", content=b"edited by hand")
    assert moved(host, before) == {"paths"}
    host.asked.clear()
    after = quick(host, before)
    assert after.states == full(host_after(host)).states
    host.asked.clear()
    quick(host, before)
    assert b"./srv/app/f7" in hashed(host)
    assert len(hashed(host)) <= 40  # its bucket, of 505
    asked_then = host.asked[host.asked.index([b"facts"]) :]
    assert [b"packages"] not in asked_then and [b"sysctl"] not in asked_then


def host_after(host: FakeHost) -> FakeHost:
    return FakeHost(dict(host.nodes), verbs=dict(host.verbs))


@pytest.mark.parametrize(
    "edit",
    [
        lambda host: touch(host, b"/etc/motd", content=b"HELLO"),
        lambda host: touch(host, b"/etc/motd", mode=0o600),
        lambda host: touch(host, b"/etc/motd", uid=1000),
        lambda host: touch(host, b"/etc/motd", inode=99),
        lambda host: host.nodes.pop(b"/etc/motd"),
        lambda host: host.nodes.update({b"/etc/gone": Node(content=b"new", ctime=OLD)}),
        lambda host: host.nodes.update({b"/srv/app/new": Node(content=b"new", ctime=OLD)}),
        lambda host: host.denied.add(b"/etc/motd"),
        lambda host: host.nodes.update({b"/etc/motd": Node(type="l", target=b"elsewhere", ctime=OLD)}),
        lambda host: host.nodes.update({b"/x": Node(owner="eve", uid=1000)}),  # who 1000 is
    ],
)
def test_whatever_moves_is_found_as_a_full_look_finds_it(edit: Callable[[FakeHost], Any]) -> None:
    host = host_with()
    before = full(host)
    edit(host)
    assert moved(host, before) == {"paths"}
    after = quick(host, before)
    fresh = full(host)
    assert after.states == fresh.states
    assert after.listed == fresh.listed
    assert after.states != before.states or moved(host, after) == frozenset()


def test_a_kind_that_moved_is_listed_and_no_other() -> None:
    host = host_with()
    before = full(host)
    host.verbs[b"packages"] = b"another\0"
    assert moved(host, before) == {"packages"}
    host.asked.clear()
    after = quick(host, before)
    asked = [verb for verb, *_ in host.asked[-3:]]
    assert asked == [b"facts", b"packages", b"clock"]
    assert after.states == full(host).states
    assert "file:/etc/motd" in after.recalled and "package:nginx" not in after.recalled


def test_a_content_with_the_times_and_the_inode_it_had_is_for_the_deep_look() -> None:
    host = host_with()
    before = full(host)
    host.nodes[b"/etc/motd"] = replace(host.nodes[b"/etc/motd"], content=b"HELLO")
    assert moved(host, before) == frozenset()
    assert full(host).states["file:/etc/motd"] != before.states["file:/etc/motd"]


# --- hosts that can't tell, or lie --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0n0123456789abcdefq open\0",
        b"\0n0123456789abcdefq open\0\0n0123456789abcdefq begin 0\0\0n0123456789abcdefq end 0 missing sha256sum\0"
        b"\0n0123456789abcdefq close\0",
        b"\x1b[2J" * 100,
        b"\0n0123456789abcdefq open\0\0n0123456789abcdefq begin 1\0"
        + b"a" * 63
        + b"\0n0123456789abcdefq end 1 ok\0",
    ],
)
def test_whatever_is_no_answer_proves_nothing(answer: bytes) -> None:
    before = full(host_with())
    assert before.memory is not None
    look = QuickLook(Quick(sections(), before.memory.sums), nonce=NONCE)
    look.send()
    look.receive(answer)
    assert look.moved == frozenset(sections().names)


def test_a_broken_connection_is_a_failure_and_not_a_verdict() -> None:
    host = host_with()
    before = full(host)
    assert before.memory is not None
    look = QuickLook(Quick(sections(), before.memory.sums), nonce=NONCE)
    answer = host.answer(look.send())
    look.receive(answer, "connection lost")
    assert look.failure == "connection lost"


def test_a_digest_that_is_repeated_for_another_section_does_not_count() -> None:
    host = host_with()
    before = full(host)
    assert before.memory is not None
    look = QuickLook(Quick(sections(), before.memory.sums), nonce=NONCE)
    answer = host.answer(look.send())
    sums = [part for part in answer.split(b"\0") if len(part) == 64]
    look.receive(answer.replace(sums[1], sums[2]))
    assert look.moved == {"paths"}


def test_what_a_host_is_told_to_do_is_the_same_for_all_that_are_asked_the_same_but_for_the_nonce() -> None:
    made = sections().question
    first, second = made.program_input("a" * 16), made.program_input("b" * 16)
    assert first.replace(b"a" * 16, b"b" * 16) == second
    assert hashlib.sha256(first).digest() != hashlib.sha256(second).digest()
    with pytest.raises(ValueError):
        made.program_input("'; reboot #")
    odd = Question.of([f"file:/etc/{'nonce' * 4}"])
    assert b"/etc/" + b"nonce" * 4 in sections(odd).question.program_input("a" * 16)


# --- any history ------------------------------------------------------------------------------------------------------------


PATHS = [
    b"/etc/motd",
    b"/etc/hosts",
    b"/etc/gone",
    b"/srv/app/a",
    b"/srv/app/b",
    b"/srv/app/c",
    b"/srv/app/d/e",
]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(PATHS),
        st.sampled_from(
            ["write", "chmod", "chown", "remove", "link", "deny", "allow", "wait", "package", "unreadable"]
        ),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=6,
)


@given(st.lists(EDITS, min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_after_any_history_quick_looks_know_what_a_full_look_shows(
    history: list[list[tuple[bytes, str, int]]],
) -> None:
    """As long as each edit leaves its trace in the change time, as kernels see to."""
    host = host_with()
    tick = 0
    known = full(host)
    for edits in history:
        for path, what, number in edits:
            tick += 1
            host.now += 1
            now = f"{host.now:.1f}"
            node = host.nodes.get(path)
            match what:
                case "write":
                    host.nodes[path] = Node(content=b"%d" % number, ctime=now, inode=1000 + tick)
                case "chmod" if node is not None:
                    host.nodes[path] = replace(node, mode=0o600 + number, ctime=now)
                case "chown" if node is not None:
                    host.nodes[path] = replace(
                        node, uid=number, owner=f"u{number}" if number else "root", ctime=now
                    )
                case "remove":
                    host.nodes.pop(path, None)
                case "link":
                    host.nodes[path] = Node(type="l", target=b"to%d" % number, ctime=now, inode=1000 + tick)
                case "deny":
                    host.denied.add(path)
                case "allow":
                    host.denied.discard(path)
                case "unreadable" if node is not None:
                    host.nodes[path] = replace(node, readable=not node.readable, ctime=now)
                case "package":
                    host.verbs[b"packages"] = b"%d\0" % number
                case "wait":
                    host.now += 30
        known = quick(host, known)
        fresh = full(host)
        assert dict(known.states) == dict(fresh.states)
        assert known.listed == fresh.listed and known.implied == fresh.implied
        assert set(known.problems) == set(fresh.problems)
        for name in ("file:/srv/app/z", "file:/etc/gone", "package:nginx"):
            assert _kind(known.state_of(name)) == _kind(fresh.state_of(name))


def _kind(state: State) -> type[State]:
    return type(state)
