"""ACLs and capabilities as getfacl and getcap show them. Whole looks are among the recorded answers of the collector."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.collector.protocol import Collection, Question
from deployments.core.states import Present
from deployments.kinds.path_rights import parse_acls
from tests.fake_host import FakeHost, Node

NONCE = "n0123456789abcdef"


@pytest.mark.parametrize(
    ("shown", "means"),
    [
        (b"", {}),
        (
            b"# file: ./a\nuser::rwx\nuser:ana:rw-\t#effective:r--\nmask::r--\n\n",
            {b"./a": ["user:ana:rw-"]},
        ),
        (b"# file: ./new\\012line\nuser:1:r--\n\n", {b"./new\nline": ["user:1:r--"]}),
        (b"# file: ./back\\\\slash\\\\012\nuser:1:r--\n\n", {b"./back\\slash\\012": ["user:1:r--"]}),
        (
            b"# file: ./# file: x\n# flags: -s-\ndefault:mask::rwx\n\n",
            {b"./# file: x": ["default:mask::rwx"]},
        ),
    ],
)
def test_an_acl_is_what_the_mode_does_not_show(shown: bytes, means: dict[bytes, list[str]]) -> None:
    assert parse_acls(shown) == means


@pytest.mark.parametrize(
    "shown", [b"user:ana:rwx\n", b"# file: ./a\nuser:ana\n", b"# file: ./a\nuser:\x1b:rwx\n"]
)
def test_what_is_no_acl_is_refused(shown: bytes) -> None:
    with pytest.raises(ValueError, match="not an"):
        parse_acls(shown)


class Rights(FakeHost):
    """A host that answers anything about rights."""

    acl = caps = b""

    def _acl(self, *paths: bytes) -> bytes:
        return self.acl

    def _caps(self, *paths: bytes) -> bytes:
        return self.caps


@given(st.binary(max_size=200), st.binary(max_size=200), st.sampled_from([b"", b"getfacl\0", b"ls\0"]))
def test_no_answer_raises_or_gives_rights_to_another_path(acl: bytes, caps: bytes, tool: bytes) -> None:
    host = Rights({b"/a": Node(mode=0o755), b"/b": Node(type="d")})
    host.acl, host.caps = tool + acl.replace(b"\0n0", b"") + b"\0", caps.replace(b"\0n0", b"")
    running = Collection(Question.of(["file:/a", "directory:/b"]), nonce=NONCE, hmac_key=b"k" * 32)
    while (program := running.send()) is not None:
        running.receive(host.answer(program))
    assert set(running.result().states) == {"file:/a", "directory:/b"}


def test_rights_are_asked_once_for_many_paths_and_of_programs_only() -> None:
    host = FakeHost({b"/f%d" % number: Node(mode=0o755 if number < 3 else 0o644) for number in range(150)})
    running = Collection(
        Question.of([f"file:/f{number}" for number in range(150)]), nonce=NONCE, hmac_key=b"k" * 32
    )
    while (program := running.send()) is not None:
        running.receive(host.answer(program))
    asked = [(words[0], len(words) - 1) for words in host.asked if words[0] in (b"acl", b"caps")]
    assert asked == [(b"acl", 150), (b"caps", 3)]
    assert all(isinstance(state, Present) for state in running.result().states.values())
