"""The simulated fleet says what the real collector says: the same bytes, for the same tree."""

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.simulated.answers import Answers, HostView, Machine
from benchmarks.simulated.nodes import Node, names_here, nodes_of
from deployments.collector.protocol import Collection, Observation, Question
from deployments.collector.quick import Sections
from deployments.collector.wire import Ask, program_input
from tests.hosts.userlands import GNU_PATH, KEY, NONCE, everything

CLOCK = re.compile(rb"clock/[0-9.]+")


@pytest.fixture
def sample(tree: Path) -> Path:
    """A root with something of everything that simulated hosts have."""
    tree = tree.resolve()
    (tree / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\napp:x:2000:2000:An app:/srv:/bin/sh\nno line\n"
    )
    (tree / "etc/group").write_text("root:x:0:\napp:x:2000:root\n")
    (tree / "etc/hostname").write_text("sample\n")
    (tree / "etc/os-release").write_text('PRETTY_NAME="Sample 1"\nID=sample\nVERSION_ID="1"\nHOME_URL=x\n')
    below = tree / "etc/app/conf.d"
    below.mkdir(parents=True)
    for number in range(30):
        (below / f"{number}.conf").write_text(f"option = {number}\n" * number)
        os.utime(below / f"{number}.conf", ns=(10**18 + number, 10**18 + number * 7))
    (below / "deeper").mkdir(mode=0o700)
    (below / "deeper" / "with space & ünïcødé").write_bytes(b"\0\xff")
    (below / "link").symlink_to("../app.conf")
    os.mkfifo(below / "pipe")
    (tree / "etc/app/app.conf").write_text("x" * 5000)
    (tree / "etc/app/app.conf").chmod(0o4750)
    (tree / "etc/current").symlink_to("app")
    if os.geteuid() == 0:
        os.chown(tree / "etc/app/app.conf", 2000, 4711)
        (tree / "etc/app/app.conf").chmod(0o4750)
    return tree


@pytest.fixture
def answers(sample: Path) -> Answers:
    """A simulated machine that has the same tree."""
    users, groups = names_here()
    this = os.uname()
    lines = ('PRETTY_NAME="Sample 1"', "ID=sample", 'VERSION_ID="1"')
    return Answers(
        Machine(
            nodes_of(sample),
            users,
            groups,
            kernel=f"{this.sysname} {this.release}",
            architecture=this.machine,
            os_lines=lines,
            rooted=True,
        )
    )


HOST = HostView("sample")
QUESTION = Question.of(
    [
        "file:/etc/app/app.conf",
        "file:/etc/hostname",
        "file:/etc/none",
        "file:/etc/hostname/below a file",
        "symlink:/etc/current",
        "file:/etc/current/none",
        "directory:/etc/app/conf.d",
        "file:/etc/app/conf.d/7.conf",
        "user:app",
        "group:app",
    ],
    ["/etc/app/conf.d"],
)


def really(sample: Path, program: bytes) -> bytes:
    """What the collector itself writes."""
    environment = {"PATH": GNU_PATH, "FOLDBACK_ROOT": str(sample)}
    done = subprocess.run(["sh", "-s"], input=program, capture_output=True, env=environment, timeout=60)
    assert done.returncode == 0 and done.stderr == b""
    return done.stdout


def untimed(answer: bytes) -> bytes:
    return CLOCK.sub(b"clock/0", answer)


def looked(answer: Callable[[bytes], bytes]) -> tuple[Observation, list[bytes]]:
    """The observation and the answers that led to it."""
    collection = Collection(QUESTION, nonce=NONCE, hmac_key=KEY, wanted=everything)
    said = []
    while (program := collection.send()) is not None:
        said.append(answer(program))
        collection.receive(said[-1], None, times=(time.time(), time.time()))
    return collection.result(), said


@pytest.mark.needs("acl", "capabilities")
def test_a_simulated_host_answers_byte_for_byte_as_the_collector_does(sample: Path, answers: Answers) -> None:
    real, real_said = looked(lambda program: really(sample, program))
    simulated, simulated_said = looked(lambda program: answers.answer(HOST, program))
    assert [untimed(said) for said in simulated_said] == [untimed(said) for said in real_said]
    assert simulated.states == real.states
    assert simulated.listed == real.listed and simulated.contents == real.contents
    assert simulated.evidence == real.evidence and simulated.facts == real.facts
    assert len(real.states) > 40 and real.failure is None and len(real_said) >= 3


def test_its_sums_are_the_collectors(sample: Path, answers: Answers) -> None:
    sections = Sections.of(QUESTION)
    program = sections.question.program_input(NONCE)
    assert sections.names == ("about", "paths", "accounts")
    assert answers.answer(HOST, program) == really(sample, program)
    (sample / "etc/app/conf.d/3.conf").write_text("moved")
    assert answers.answer(HOST, program) != really(sample, program)


@pytest.mark.parametrize(
    "ask",
    [
        Ask("list", ("./etc/app", "./none", "./etc/current", "./etc/none")),
        Ask("tree", (200, "./etc/app/conf.d")),
        Ask("tree", (1_000_000, "./none")),
        Ask("hash", ("./etc/hostname", "./etc/none", "./etc/app", "./etc/group")),
        Ask("hash_odd", ("./etc/hostname", "./etc/none")),
        Ask("read", (10, "./etc/app/app.conf")),
        Ask("read", (10, "./etc/none")),
        Ask("dirs", ("./etc", "./etc/current")),
        Ask("accounts"),
        Ask("unheard_of"),
    ],
    ids=lambda ask: " ".join(map(str, (ask.verb, *ask.args))),
)
def test_a_single_answer_is_the_collectors(ask: Ask, sample: Path, answers: Answers) -> None:
    program = program_input(NONCE, [ask])
    assert answers.answer(HOST, program) == really(sample, program)


def test_what_is_done_to_a_simulated_host_is_told_as_if_it_were_done_to_a_real_one(
    sample: Path, answers: Answers
) -> None:
    answers.answer(HOST, program_input(NONCE, [Ask("tree", (100_000, "./etc"))]))  # shared by then
    (sample / "etc/hostname").write_text("another\n")
    (sample / "etc/app/conf.d/3.conf").unlink()
    nodes = nodes_of(sample)
    changed: dict[bytes, Node | None] = {
        path: node for path, node in nodes.items() if path in (b"/etc/hostname", b"/etc/app/conf.d")
    }
    host = HostView("sample", {**changed, b"/etc/app/conf.d/3.conf": None})
    for ask in (
        Ask("list", ("./etc/hostname", "./etc/app/conf.d/3.conf")),
        Ask("hash", ("./etc/hostname", "./etc/app/conf.d/3.conf")),
        Ask("tree", (100_000, "./etc/app")),
    ):
        program = program_input(NONCE, [ask])
        assert answers.answer(host, program) == really(sample, program)
