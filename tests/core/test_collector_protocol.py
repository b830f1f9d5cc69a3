"""The collector's protocol without a host: recorded answers, an honest host in memory, and lies.

The recorded answers are in collector_answers/*.json: `about` says what each promises, `rounds` what the host
writes (␀ is NUL, {n} the nonce of the round), `expect` what we must conclude from it.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.collector.facts import clock_offset
from deployments.collector.protocol import Collection, Limits, Observation, Question, unknown_observation
from deployments.collector.wire import Ask, encode, program_input
from deployments.core.content_digests import NO_KEY, keyed_digest
from deployments.core.redaction import secret_content_digest
from deployments.core.states import ABSENT, UNDECLARED, Present, State, Unknown, to_json
from tests.fake_host import FakeHost, Node, decoded

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


# --- recorded answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_a_recorded_answer_means_what_it_says(case: Path) -> None:
    recorded = json.loads(case.read_text())
    asked = recorded["question"]
    limits = Limits(**recorded.get("limits", {}))
    running = collection(Question.of(asked["resources"], asked.get("exhaustive", ())), limits=limits)
    for number, answer in enumerate(recorded["rounds"], start=1):
        assert running.send() is not None
        output = "".join(answer["output"]).replace("␀", "\0").replace("{n}", f"{NONCE}{number}")
        running.receive(
            output.encode("utf-8", "surrogateescape"),
            answer.get("failure"),
            stderr=answer.get("stderr", "").encode(),
            exit_status=answer.get("exit_status", 0),
        )
    found, expected = running.result(), recorded["expect"]
    assert {name: to_json(state) for name, state in found.states.items()} == expected["states"], recorded[
        "about"
    ]
    assert found.failure == expected.get("failure")
    assert list(found.problems) == expected.get("problems", [])
    assert dict(found.listed) == expected.get("listed", {})


def test_there_are_recorded_answers_for_what_every_kind_must_have() -> None:
    names = {path.stem for path in CASES}
    assert {"tool-missing", "permission-denied", "truncated", "busybox-stat"} <= names


# --- what is sent ----------------------------------------------------------------------------------------------


@given(st.binary(min_size=1).filter(lambda raw: 0 not in raw))
def test_an_argument_can_never_be_code(raw: bytes) -> None:
    text = encode(raw)
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+:@,=-\\")
    assert decoded(text.encode()) == raw


def test_the_call_is_the_last_line_and_its_data_are_quoted() -> None:
    program = program_input(NONCE, [Ask("list", ("./etc/it's $(reboot)\n'",))])
    assert program.endswith(
        b"\nfoldback '"
        + NONCE.encode()
        + b"' '1 list ./etc/it\\0047s\\0040\\0044\\0050reboot\\0051\\0012\\0047' </dev/null\n"
    )


@pytest.mark.parametrize("nonce", ["", "short", "a'; reboot; '0000000000", "A" * 20, "0" * 20])
def test_a_nonce_that_could_be_code_is_refused(nonce: str) -> None:
    with pytest.raises(ValueError, match="nonce"):
        program_input(nonce, [Ask("list", ("./etc",))])


def test_no_comment_and_no_byte_beyond_ascii_is_sent() -> None:
    program = program_input(NONCE, [Ask("facts")])
    assert not any(line.strip().startswith(b"#") for line in program.splitlines())
    program.decode("ascii")


def test_content_of_a_secret_path_is_never_asked_for() -> None:
    host = FakeHost({b"/etc/shadow": Node(content=b"root:x"), b"/etc/motd": Node(content=b"hi")})
    found = look(Question.of(["file:/etc/shadow", "file:/etc/motd"]), host, wanted=everything)
    assert [line for line in host.asked if line[0] == b"read"] == [[b"read", b"3", b"./etc/motd"]]
    assert sha256(b"root:x") not in repr(found)
    state = found.states["file:/etc/shadow"]
    assert isinstance(state, Present)
    assert state.data["hmac"] == secret_content_digest(KEY, b"root:x")
    assert "sha256" not in state.data


def test_without_a_key_a_secret_path_is_unknown_and_not_even_read() -> None:
    host = FakeHost({b"/etc/shadow": Node(content=b"root:x")})
    found = look(Question.of(["file:/etc/shadow"]), host, hmac_key=None)
    assert found.states["file:/etc/shadow"] == Unknown("secret path: no key to compare it with")
    assert not any(line[0].startswith(b"hash") for line in host.asked)


def test_a_path_declared_as_secret_is_treated_as_one() -> None:
    host = FakeHost({b"/etc/app/x[1].conf": Node(content=b"s3cret")})
    question = Question.of(["file:/etc/app/x[1].conf"], secret_files=frozenset({"/etc/app/x[1].conf"}))
    assert "hmac" in look(question, host, wanted=everything).states["file:/etc/app/x[1].conf"].data  # type: ignore[union-attr]


def test_a_secret_reached_through_a_linked_directory_stays_secret() -> None:
    host = FakeHost({b"/srv/keys": Node("l", target=b"/root/.ssh"), b"/srv/keys/id_x": Node(content=b"key")})
    found = look(Question.of(["file:/srv/keys/id_x"]), host, wanted=everything)
    assert found.states["file:/srv/keys/id_x"] == Unknown("secret path: reached through a symbolic link")
    assert not any(line[0] in (b"hash", b"read") for line in host.asked)


def test_a_file_is_only_read_when_its_content_matters() -> None:
    host = FakeHost({b"/etc/a": Node(content=b"a"), b"/etc/b": Node(content=b"b")})
    question = Question({"file:/etc/a": frozenset({"type", "mode"}), "file:/etc/b": frozenset({"sha256"})})
    found = look(question, host)
    assert [line for line in host.asked if line[0] == b"hash"] == [[b"hash", b"./etc/b"]]
    assert found.states["file:/etc/a"] == Present(
        {"type": "file", "owner": "root", "group": "root", "mode": "0644"}
    )


def test_only_wanted_content_is_fetched_once_and_redacted_on_arrival() -> None:
    secret = b"db_password = hunter2\n"
    host = FakeHost({b"/a": Node(content=secret), b"/b": Node(content=secret), b"/c": Node(content=b"plain")})
    found = look(
        Question.of(["file:/a", "file:/b", "file:/c"]), host, wanted=lambda name, _: name != "file:/c"
    )
    keyed = keyed_digest(KEY, sha256(secret))
    assert dict(found.contents) == {keyed: b"db_password = [redacted]\n"}
    assert dict(found.redactions) == {keyed: 1}
    assert sum(line[0] == b"read" for line in host.asked) == 1


def test_no_bare_digest_of_a_content_with_a_secret_leaves_the_survey() -> None:
    secret, plain = b"db_password = hunter2\n", b"plain\n"
    host = FakeHost({b"/a": Node(content=secret), b"/b": Node(content=secret), b"/c": Node(content=plain)})
    question = Question.of(["file:/a", "file:/b", "file:/c"])
    found = look(question, host, wanted=everything)
    assert sha256(secret) not in repr(found)
    assert found.states["file:/a"] == found.states["file:/b"]
    assert found.states["file:/a"].data["sha256"] == keyed_digest(KEY, sha256(secret))  # type: ignore[union-attr]
    assert found.states["file:/c"].data["sha256"] == sha256(plain)  # type: ignore[union-attr]
    declared = replace(question, secret_contents=frozenset({sha256(secret)}))
    assert look(declared, host).states["file:/a"] == found.states["file:/a"]


def test_without_a_key_a_content_that_may_hold_a_secret_is_unknown() -> None:
    host = FakeHost({b"/a": Node(content=b"password = hunter2\n"), b"/b": Node(content=b"plain\n")})
    found = look(Question.of(["file:/a", "file:/b"]), host, wanted=everything, hmac_key=None)
    assert found.states["file:/a"] == Unknown(NO_KEY)
    assert found.states["file:/b"].data["sha256"] == sha256(b"plain\n")  # type: ignore[union-attr]


def test_content_that_is_not_text_too_large_or_changed_is_withheld_with_the_reason() -> None:
    host = FakeHost(
        {b"/bin": Node(content=b"\0\1"), b"/latin": Node(content=b"\xff"), b"/big": Node(content=b"x" * 99)}
    )
    question = Question.of(["file:/bin", "file:/latin", "file:/big"])
    found = look(question, host, wanted=everything, limits=Limits(content_file_bytes=50))
    assert not found.contents
    assert dict(found.withheld) == {
        keyed_digest(KEY, sha256(b"\0\1")): "not text",
        keyed_digest(KEY, sha256(b"\xff")): "not text",
        keyed_digest(KEY, sha256(b"x" * 99)): "over limit: 99 bytes",
    }

    class Changing(FakeHost):
        def _read(self, room: bytes, path: bytes) -> bytes:
            return b"other"

    found = look(Question.of(["file:/a"]), Changing({b"/a": Node(content=b"a")}), wanted=everything)
    assert dict(found.withheld) == {keyed_digest(KEY, sha256(b"a")): "changed while being read"}
    assert isinstance(found.states["file:/a"], Present)


# --- what is concluded -----------------------------------------------------------------------------------------


def test_an_honest_host_is_believed() -> None:
    host = FakeHost(
        {
            b"/etc/motd": Node(content=b"hi", mode=0o4755, owner="ana", uid=1000),
            b"/etc/link": Node("l", target=b"../motd"),
            b"/etc/d": Node("d", mode=0o1777),
            b"/etc/pipe": Node("p", mode=0o600),
        }
    )
    names = [
        "file:/etc/motd",
        "file:/etc/link",
        "symlink:/etc/link",
        "directory:/etc/d",
        "file:/etc/pipe",
        "file:/no",
    ]
    found = look(Question.of(names), host)
    owned = {"owner": "root", "group": "root"}
    assert dict(found.states) == {
        "file:/etc/motd": Present(
            {"type": "file", "owner": "ana", "group": "root", "mode": "4755", "sha256": sha256(b"hi")}
        ),
        "file:/etc/link": Present({"type": "symlink", "target": "../motd", **owned}),
        "symlink:/etc/link": Present({"type": "symlink", "target": "../motd", **owned}),
        "directory:/etc/d": Present({"type": "directory", "mode": "1777", **owned}),
        "file:/etc/pipe": Present({"type": "other", "mode": "0600", **owned}),
        "file:/no": ABSENT,
    }
    assert found.evidence["file:/etc/motd"]["mtime"] == 1_700_000_000.5
    assert found.evidence["file:/etc/pipe"]["what"] == "FIFO"
    assert found.failure is None
    assert found.clock_offset == pytest.approx(100.0, abs=0.5)
    assert found.facts == {"kernel": "Linux 6.1", "machine": "x86_64", "hostname": "fake", "os_id": "debian"}


def test_below_an_exhaustive_directory_what_is_not_listed_is_absent() -> None:
    host = FakeHost(
        {
            b"/d": Node("d"),
            b"/d/a": Node(content=b"a"),
            b"/d/sub": Node("d"),
            b"/d/sub/l": Node("l", target=b"x"),
        }
    )
    found = look(Question.of(["file:/d/a"], ["/d"]), host)
    assert set(found.states) == {"file:/d/a", "directory:/d/sub", "symlink:/d/sub/l"}
    assert found.listed == {"/d": None}
    assert found.state_of("file:/d/gone") == ABSENT
    assert found.state_of("file:/d/sub/gone") == ABSENT
    assert found.state_of("file:/elsewhere") == Unknown("not asked")


def test_a_directory_that_holds_something_declared_is_not_undeclared_itself() -> None:
    host = FakeHost({b"/d": Node("d"), b"/d/sub": Node("d"), b"/d/sub/a": Node()})
    found = look(Question.of(["file:/d/sub/a"], ["/d"]), host)
    assert set(found.states) == {"file:/d/sub/a"}
    assert found.state_of("directory:/d/sub") == UNDECLARED


def test_nested_exhaustive_directories_are_listed_once() -> None:
    host = FakeHost({b"/d": Node("d"), b"/d/sub": Node("d"), b"/d/sub/a": Node()})
    found = look(Question.of([], ["/d/sub", "/d"]), host)
    assert found.listed == {"/d": None, "/d/sub": None}
    assert [line[2] for line in host.asked if line[0] == b"tree"] == [b"./d"]


def test_an_exhaustive_directory_that_is_not_there_is_empty_and_one_that_is_a_link_is_unknown() -> None:
    host = FakeHost({b"/link": Node("l", target=b"/etc")})
    found = look(Question.of([], ["/none", "/link"]), host)
    assert found.listed == {"/none": None, "/link": "not a directory: a symbolic link"}
    assert found.state_of("file:/none/a") == ABSENT
    assert found.state_of("file:/link/a") == Unknown("not a directory: a symbolic link")


def test_another_file_system_below_an_exhaustive_directory_is_unknown() -> None:
    host = FakeHost({b"/d": Node("d"), b"/d/mnt": Node("d", device=2)})
    found = look(Question.of([], ["/d"]), host)
    assert found.state_of("file:/d/mnt/x") == Unknown("other file system")
    assert found.state_of("file:/d/x") == ABSENT


def test_too_many_entries_make_the_listing_unknown_and_never_absent() -> None:
    host = FakeHost({b"/d": Node("d"), **{b"/d/%d" % number: Node() for number in range(50)}})
    found = look(Question.of(["file:/d/1", "file:/d/none"], ["/d"]), host, limits=Limits(entries=10))
    assert found.listed == {"/d": "over limit: more than 10 entries"}
    assert isinstance(found.states["file:/d/1"], Present)
    assert found.states["file:/d/none"] == ABSENT
    assert found.state_of("file:/d/77") == Unknown("over limit: more than 10 entries")


def test_too_many_undeclared_entries_are_unknown_and_declared_ones_are_still_known() -> None:
    entries = {b"/d/%d" % number: Node() for number in range(20)}
    host = FakeHost({b"/d": Node("d"), b"/e": Node("d"), b"/e/x": Node(), **entries})
    asked = Question.of([f"file:/d/{number}" for number in range(10)], ["/d", "/e"])
    assert look(asked, host, limits=Limits(undeclared=11)).listed == {"/d": None, "/e": None}
    found = look(asked, host, limits=Limits(undeclared=9))
    assert found.listed == {"/d": "over limit: more than 9 undeclared entries", "/e": None}
    assert isinstance(found.states["file:/d/9"], Present)
    assert found.state_of("file:/d/10") == Unknown("over limit: more than 9 undeclared entries")
    assert isinstance(found.states["file:/e/x"], Present)


def test_a_path_longer_than_a_system_call_takes_is_a_problem_and_not_a_resource() -> None:
    deep = b"/d" + b"/x" * 2500
    found = look(Question.of([], ["/d"]), FakeHost({b"/d": Node("d"), deep: Node(), b"/d/ok": Node()}))
    assert set(found.states) == {"file:/d/ok"}
    assert found.problems == (f"over limit: a path of {len(deep)} bytes",)


def test_a_name_that_is_not_utf8_is_a_problem_and_not_a_crash() -> None:
    host = FakeHost({b"/d": Node("d"), b"/d/\xff\x1b[31m": Node(), b"/d/ok": Node()})
    found = look(Question.of([], ["/d"]), host)
    assert set(found.states) == {"file:/d/ok"}
    assert len(found.problems) == 1
    assert found.problems[0].startswith("name is not UTF-8: /d/")
    assert "\x1b" not in found.problems[0]


def test_denied_is_not_absent() -> None:
    host = FakeHost({b"/etc/b": Node(readable=False)}, denied={b"/etc/a"})
    found = look(Question.of(["file:/etc/a", "file:/etc/b", "file:/etc/c"]), host)
    assert found.unknown() == {"file:/etc/a": "denied", "file:/etc/b": "denied"}
    assert found.states["file:/etc/c"] == ABSENT


def test_a_file_that_changes_while_it_is_read_is_unknown() -> None:
    class Changing(FakeHost):
        def _hash(self, *paths: bytes) -> bytes:
            self.nodes[b"/a"].ctime = "1700000001.0"
            return super()._hash(*paths)

    found = look(Question.of(["file:/a", "file:/b"]), Changing({b"/a": Node(), b"/b": Node()}))
    assert found.unknown() == {"file:/a": "changed while being read"}


def test_a_file_too_large_to_read_is_unknown() -> None:
    host = FakeHost({b"/a": Node(size=2000), b"/b": Node()})
    found = look(Question.of(["file:/a", "file:/b"]), host, limits=Limits(hash_file_bytes=1000))
    assert found.unknown() == {"file:/a": "over limit: 2000 bytes"}


@pytest.mark.parametrize(
    "path", ["relative", "/a/../b", "//a", "/a/", "/a\nb", "/a\0b", "", "/" + "x" * 5000, "/\ud800"]
)
def test_a_path_that_cannot_be_asked_about_is_unknown(path: str) -> None:
    host = FakeHost()
    found = look(Question.of([f"file:{path}", "file:/ok"]), host)
    assert found.states[f"file:{path}"] == Unknown("not supported: path")
    assert found.states["file:/ok"] == ABSENT


def test_an_answer_cut_off_between_rounds_leaves_no_half_known_file() -> None:
    """Type and mode without the digest would look like drift."""
    running = collection(Question.of(["file:/a", "file:/none"]))
    host = FakeHost({b"/a": Node()})
    program = running.send()
    assert program is not None
    running.receive(host.answer(program), None)
    assert running.send() is not None
    running.receive(b"", "connection lost")
    assert running.send() is None
    assert dict(running.result().states) == {"file:/a": Unknown("connection lost"), "file:/none": ABSENT}


def test_a_host_that_was_never_reached_is_unknown_in_everything() -> None:
    question = Question.of(["file:/a", "directory:/d"], ["/d"])
    found = unknown_observation(question, "connection refused")
    assert set(found.unknown().values()) == {"connection refused"}
    assert found.listed == {"/d": "connection refused"}
    assert found.failure == "connection refused"
    assert found.state_of("file:/d/x") == Unknown("connection refused")


def test_a_question_follows_the_manifest() -> None:
    class Wanted:
        def __init__(self, state: State, *attributes: str) -> None:
            self.state, self.attributes = state, frozenset(attributes)

    class Manifest:
        resources = {
            "file:/a": Wanted(Present({"type": "file", "mode": "0600"}), "type", "mode"),
            "file:/b": Wanted(ABSENT, "type"),
            "file:/c": Wanted(Unknown("render error")),
        }
        exhaustive = ("/d",)
        secret_paths = ("/etc/app/p",)
        watched = ("package",)
        roots = ("/etc",)

    question = Question.for_manifest(Manifest())
    assert question.resources == {"file:/a": frozenset({"type", "mode"}), "file:/b": None, "file:/c": None}
    assert question.exhaustive == ("/d",)
    assert question.secret_files == {"/etc/app/p"}
    assert question.watched == {"package"}
    assert question.roots.paths == ("/etc",) and question.roots.first == {"/etc"}


@pytest.mark.parametrize(
    ("sent", "started", "ended", "received", "offset"),
    [
        (0, 5, 5.1, 5.2, 0),  # slow to begin, quick to answer: a clock that is right stays right
        (0, 0.1, 0.2, 9, 0),
        (0, 100.5, 100.6, 1, 99.6),  # at least this fast
        (0, -99, -98.9, 1, -99),  # at least this slow
        (0, 0.5, 1.5, 0.3, 0),  # whole seconds only: nothing fits, nothing is claimed
    ],
)
def test_the_clocks_offset_is_the_least_that_fits(
    sent: float, started: float, ended: float, received: float, offset: float
) -> None:
    assert clock_offset(sent, started, ended, received) == pytest.approx(offset)
