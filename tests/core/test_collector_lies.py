"""Answers of hosts that lie, break off or make noise."""

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.collector.protocol import Collection, Observation, Question
from deployments.collector.wire import split_answer
from deployments.core.content_digests import keyed_digest
from deployments.core.states import ABSENT, Absent, Present, State, Unknown
from deployments.kinds.registry import SECTIONS, split_resource
from tests.fake_host import FakeHost, Node

NONCE = "n0123456789abcdef"
KEY = b"k" * 32
CASES = sorted((Path(__file__).parent / "collector_answers").glob("*.json"))


def everything(resource: str, state: State) -> bool:
    return True


def collection(question: Question, **options: Any) -> Collection:
    return Collection(question, nonce=NONCE, hmac_key=options.pop("hmac_key", KEY), **options)


def look(question: Question, host: FakeHost, **options: Any) -> Observation:
    running = collection(question, **options)
    while (program := running.send()) is not None:
        running.receive(host.answer(program), None, times=(1_700_000_000.0, 1_700_000_000.5))
    return running.result()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --- lies ------------------------------------------------------------------------------------------------------

TREE = FakeHost(
    {
        b"/etc/a": Node(content=b"a"),
        b"/etc/b": Node(content=b"b" * 40),
        b"/etc/l": Node("l", target=b"a"),
        b"/d": Node("d"),
        b"/d/x": Node(content=b"x"),
        b"/d/y": Node("d"),
    },
    denied={b"/etc/no"},
)
ABOUT = Question.of(
    ["file:/etc/a", "file:/etc/b", "symlink:/etc/l", "file:/etc/no", "file:/etc/none"], ["/d"]
)
HONEST = look(ABOUT, TREE, wanted=everything)


def answered(mangle: Any) -> Observation:
    running = collection(ABOUT, wanted=everything)
    number = 0
    while (program := running.send()) is not None:
        number += 1
        running.receive(mangle(number, TREE.answer(program)), None)
    return running.result()


def keyed(state: State) -> State:
    """What is known of a file whose content did not arrive: it may hold a secret."""
    if not isinstance(state, Present) or "sha256" not in state.data:
        return state
    return Present({**state.data, "sha256": keyed_digest(KEY, state.data["sha256"])})


def never_claims_more(found: Observation) -> None:
    """Each state is the honest one or unknown, and nothing is known of what was not completely listed."""
    for name, state in found.states.items():
        assert isinstance(state, Unknown) or state in (HONEST.states[name], keyed(HONEST.states[name])), name
    for name, state in HONEST.states.items():
        seen = found.state_of(name)
        assert isinstance(seen, Unknown) or seen in (state, keyed(state)), name
    assert found.listed["/d"] is None or isinstance(found.state_of("file:/d/other"), Unknown)


@given(st.integers(1, 3), st.floats(0, 1))
def test_an_answer_cut_anywhere_never_claims_more(at: int, part: float) -> None:
    found = answered(lambda number, output: output[: int(len(output) * part)] if number == at else output)
    never_claims_more(found)


@given(st.integers(1, 3), st.binary(max_size=400))
def test_rubbish_instead_of_an_answer_is_unknown(at: int, rubbish: bytes) -> None:
    found = answered(lambda number, output: rubbish if number == at else output)
    never_claims_more(found)
    if at == 1:
        assert all(isinstance(state, Unknown) for state in found.states.values())
        assert found.failure is not None


@given(st.integers(1, 3), st.binary(max_size=200).filter(lambda noise: NONCE.encode() not in noise))
def test_noise_around_an_answer_changes_nothing(at: int, noise: bytes) -> None:
    found = answered(lambda number, output: noise + output + noise if number == at else output)
    assert found.states == HONEST.states
    assert found.listed == HONEST.listed


@settings(max_examples=300)
@given(st.data())
def test_a_mutated_answer_never_raises_and_absence_needs_its_record(data: st.DataObject) -> None:
    seen = bytearray()

    def mangle(number: int, output: bytes) -> bytes:
        for _ in range(data.draw(st.integers(0, 3))):
            start = data.draw(st.integers(0, len(output)))
            end = min(len(output), start + data.draw(st.integers(0, 60)))
            kind = data.draw(st.sampled_from(["cut", "insert", "repeat", "move"]))
            piece = output[start:end]
            rest = output[:start] + output[end:]
            if kind == "cut":
                output = rest
            elif kind == "insert":
                output = output[:start] + data.draw(st.binary(max_size=20)) + output[start:]
            elif kind == "repeat":
                output = output[:end] + piece + output[end:]
            else:
                place = data.draw(st.integers(0, len(rest)))
                output = rest[:place] + piece + rest[place:]
        seen.extend(output)
        return output

    found = answered(mangle)
    assert set(ABOUT.resources) <= set(found.states)
    for name, state in found.states.items():
        path = name.partition(":")[2].encode()
        if isinstance(state, Absent):
            assert b"a/." + path + b"\0" in seen
        elif isinstance(state, Present):
            assert b"/." + path + b"\0" in seen
            if "sha256" in state.data:
                at = b"  ." + re.escape(path) + b"\0"
                digests = re.findall(rb"([0-9a-f]{64})" + at, bytes(seen).replace(b" *.", b"  ."))
                proven = {digest.decode() for digest in digests}
                proven |= {keyed_digest(KEY, digest) for digest in proven}
                assert state.data["sha256"] in proven


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b" end 3 ok", b" end 4 ok"),
        (b" begin 3\0", b" begin 2\0"),
        (b" close\0", b" open\0"),
        (b"e/f/", b"q/f/"),
        (b"e/f/", b"e/z/"),
        (b"./etc/a\0", b"./etc/../a\0"),
        (b"./etc/a\0", b"./etc/zzz\0"),
        (b"a/./etc/none\0", b""),
        (b"done/\0", b""),
        (b"done/\0", b"done/Permission denied\0"),
        (b"/d/x\0", b"/elsewhere/x\0"),
    ],
)
def test_a_lie_in_the_listing_is_unknown(old: bytes, new: bytes) -> None:
    found = answered(lambda number, output: output.replace(old, new) if number == 1 else output)
    assert found.states != HONEST.states or found.listed != HONEST.listed
    never_claims_more(found)


def test_complete_sections_count_when_the_rest_is_missing() -> None:
    framed = split_answer(
        b"\0n open\0\0n begin 1\0abc\0n end 1 ok\0\0n begin 2\0de", "n", 3, failure="timed out"
    )
    assert [(reply.body, reply.failure) for reply in framed.replies] == [
        (b"abc", None),
        (b"de", "timed out"),
        (b"", "timed out"),
    ]
    assert framed.failure == "timed out"


# --- kinds -----------------------------------------------------------------------------------------------------


def test_a_kind_names_what_differs_in_the_order_people_read() -> None:
    kind, path = split_resource("file:/etc/motd")
    assert (kind.section, path, kind.resource(path)) == ("files", "/etc/motd", "file:/etc/motd")
    wanted = Present({"type": "file", "mode": "0644", "sha256": "a", "owner": "root"})
    live = Present({"type": "file", "mode": "0600", "sha256": "b", "owner": "ana"})
    assert [str(each) for each in kind.differences(wanted, live, ["mode", "sha256"])] == [
        "sha256: a → b",
        "mode: 0644 → 0600",
    ]
    assert [str(each) for each in kind.differences(wanted, ABSENT)] == ["state: present → absent"]
    assert kind.differences(wanted, Unknown("denied")) == []
    assert kind.differences(ABSENT, ABSENT) == []


def test_every_section_of_the_definition_here_has_its_kind() -> None:
    assert {"files", "directories", "symlinks"} < set(SECTIONS)
    assert all(split_resource(f"{kind.name}:/x")[0] is kind for kind in SECTIONS.values())
    with pytest.raises(ValueError, match="not a resource"):
        split_resource("teapot:/x")
