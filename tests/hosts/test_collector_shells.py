"""The real collector, run by real shells with real tools, on trees in temporary folders."""

import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.collector.protocol import Collection, Limits, Question
from deployments.collector.question import Recalled
from deployments.collector.quick import Quick, QuickLook, Sections, first_asks, surveys_of
from deployments.collector.wire import Ask, SumQuestion, program_input, section_sum, split_answer
from deployments.core.states import ABSENT, Present, Unknown
from deployments.kinds import path_trees
from tests.fake_host import FakeHost
from tests.hosts.userlands import (
    GNU_PATH,
    KEY,
    NONCE,
    USUAL,
    Userland,
    as_ordinary_user,
    everything,
    sha256,
)

AWKWARD = [
    "plain",
    "with space",
    "two  spaces ",
    "it's",
    'say "hi"',
    "-rf",
    "--help",
    "$(touch pwned)",
    "`touch pwned`",
    "$HOME",
    ";reboot",
    "a&b|c>d<e",
    "back\\slash",
    "\\0101",
    "\\n",
    "star*",
    "[abc]",
    "que?tion",
    "#hash",
    "~tilde",
    "{a,b}",
    "tab\there",
    "carriage\rreturn",
    "esc\x1b[31m",
    "ünïcødé",
    "日本語",
    "e\u0301",
    "\u202egnp.exe",
    "%s%n%b",
    "(paren)",
    "!bang",
    "equals=1",
    "x" * 200,
]
WITH_NEWLINES = ["new\nline", "trailing\n", "\nleading", "forged\na\\0", "many\n\n\nlines"]


def test_awkward_names_arrive_as_they_are(userland: Userland, tree: Path) -> None:
    for name in AWKWARD:
        (tree / "etc" / name).write_text(f"content of {name}")
    question = Question.of([f"file:/etc/{name}" for name in AWKWARD])
    found = userland.at(tree).look(question, wanted=everything)
    for name in AWKWARD:
        content = f"content of {name}".encode()
        state = found.states[f"file:/etc/{name}"]
        assert isinstance(state, Present), (name, state)
        assert state.data["sha256"] == sha256(content)
        assert found.contents[sha256(content)] == content
    assert not (tree / "pwned").exists()
    assert not list(tree.rglob("pwned"))


def test_awkward_names_that_do_not_exist_are_absent(userland: Userland, tree: Path) -> None:
    question = Question.of([f"file:/etc/{name}" for name in AWKWARD])
    assert set(userland.at(tree).look(question).states.values()) == {ABSENT}


def test_awkward_names_below_an_exhaustive_directory_are_listed_and_read(
    userland: Userland, tree: Path
) -> None:
    top = tree / "etc" / "it's $(here) \\d"
    top.mkdir()
    for name in (*AWKWARD, *WITH_NEWLINES):
        (top / name).write_text(name)
    (top / "dir\nwith newline").mkdir()
    (top / "dir\nwith newline" / "in\nside").write_text("deep")
    (top / "link").symlink_to("to\nnew line \\x\n")
    found = userland.at(tree).look(Question.of([], ["/etc/it's $(here) \\d"]), wanted=everything)
    inside = "/etc/it's $(here) \\d/"
    assert found.listed == {inside.rstrip("/"): None}
    assert [problem for problem in found.problems if "getfacl" not in problem] == []
    for name in (*AWKWARD, *WITH_NEWLINES):
        assert found.states[f"file:{inside}{name}"].data["sha256"] == sha256(name.encode()), name  # type: ignore[union-attr]
        assert found.contents[sha256(name.encode())] == name.encode()
    assert found.states[f"file:{inside}dir\nwith newline/in\nside"].data["sha256"] == sha256(b"deep")  # type: ignore[union-attr]
    assert found.states[f"symlink:{inside}link"].data["target"] == "to\nnew line \\x\n"  # type: ignore[union-attr]
    assert f"directory:{inside}dir\nwith newline" in found.states
    assert len(found.states) == len(AWKWARD) + len(WITH_NEWLINES) + 3


def test_a_name_that_is_not_utf8_is_a_problem_and_its_neighbours_are_fine(
    userland: Userland, tree: Path
) -> None:
    (tree / "etc" / "fine").write_text("x")
    Path(os.fsdecode(os.fsencode(tree) + b"/etc/\xff\xfe")).write_text("x")
    found = userland.at(tree).look(Question.of([], ["/etc"]))
    assert set(found.states) == {"file:/etc/fine"}
    assert len([problem for problem in found.problems if "getfacl" not in problem]) == 1
    assert found.problems[0].startswith("name is not UTF-8")


def test_types_modes_owners_and_targets_are_told(userland: Userland, tree: Path) -> None:
    (tree / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nana:x:4242:7::/:/bin/sh\n")
    (tree / "etc/group").write_text("root:x:0:\nweb:x:4243:ana\n")
    (tree / "etc/suid").write_text("x")
    (tree / "etc/suid").chmod(0o4755)
    (tree / "etc/sticky").mkdir()
    (tree / "etc/sticky").chmod(0o1777)
    (tree / "etc/dangling").symlink_to("/no/where else")
    (tree / "etc/loop").symlink_to("loop")
    os.mkfifo(tree / "etc/pipe", 0o600)
    owned = {"owner": "root", "group": "root"}
    if os.geteuid() == 0:
        os.chown(tree / "etc/suid", 4242, 4243)
        os.chmod(tree / "etc/suid", 0o4755)
    else:
        owned = {"owner": str(os.geteuid()), "group": str(os.getegid())}
    names = [
        "file:/etc/suid",
        "directory:/etc/sticky",
        "symlink:/etc/dangling",
        "file:/etc/loop",
        "file:/etc/pipe",
    ]
    found = userland.at(tree).look(Question.of(names))
    theirs = {"owner": "ana", "group": "web"} if os.geteuid() == 0 else owned
    assert dict(found.states) == {
        "file:/etc/suid": Present({"type": "file", "mode": "4755", "sha256": sha256(b"x"), **theirs}),
        "directory:/etc/sticky": Present({"type": "directory", "mode": "1777", **owned}),
        "symlink:/etc/dangling": Present({"type": "symlink", "target": "/no/where else", **owned}),
        "file:/etc/loop": Present({"type": "symlink", "target": "loop", **owned}),
        "file:/etc/pipe": Present({"type": "other", "mode": "0600", **owned}),
    }
    assert found.evidence["file:/etc/suid"]["size"] == 1
    assert abs(found.evidence["file:/etc/suid"]["mtime"] - (tree / "etc/suid").stat().st_mtime) < 1.1


def test_denied_is_told_from_absent(userland: Userland, tree: Path) -> None:
    shut = tree / "etc/shut"
    shut.mkdir()
    (shut / "in").write_text("x")
    (tree / "etc/unreadable").write_text("x")
    (tree / "etc/unreadable").chmod(0)
    (tree / "etc/listed").mkdir()
    (tree / "etc/listed/below").mkdir()
    (tree / "etc/listed/below").chmod(0)
    shut.chmod(0)
    names = [
        "file:/etc/shut/in",
        "file:/etc/shut/no",
        "file:/etc/unreadable",
        "file:/etc/no",
        "file:/etc/no/no",
    ]
    found = as_ordinary_user(userland).at(tree).look(Question.of(names, ["/etc/listed", "/etc/shut"]))
    assert {name: found.states[name] for name in names} == {
        "file:/etc/shut/in": Unknown("denied"),
        "file:/etc/shut/no": Unknown("denied"),
        "file:/etc/unreadable": Unknown("denied"),
        "file:/etc/no": ABSENT,
        "file:/etc/no/no": ABSENT,
    }
    assert found.listed == {"/etc/listed": "denied", "/etc/shut": "denied"}
    assert isinstance(found.states["directory:/etc/listed/below"], Present)
    assert found.state_of("file:/etc/listed/other") == Unknown("denied")


def test_a_file_as_a_parent_means_absent(userland: Userland, tree: Path) -> None:
    (tree / "etc/file").write_text("x")
    found = userland.at(tree).look(Question.of(["file:/etc/file/below"]))
    assert found.states["file:/etc/file/below"] == ABSENT


def test_many_missing_paths_among_denied_ones_are_each_told_right(userland: Userland, tree: Path) -> None:
    (tree / "etc/shut").mkdir(mode=0)
    names = [f"file:/etc/none-{number}" for number in range(20)] + ["file:/etc/shut/x"]
    found = as_ordinary_user(userland).at(tree).look(Question.of(names))
    assert found.unknown() == {"file:/etc/shut/x": "denied"}
    assert sum(state == ABSENT for state in found.states.values()) == 20


@pytest.mark.parametrize("tool", ["sha256sum", "find", "head"])
def test_a_missing_tool_is_unknown_by_its_name(
    userland: Userland, tree: Path, tmp_path: Path, tool: str
) -> None:
    (tree / "etc/a").write_text("x")
    bin_path = tmp_path / "bin"
    bin_path.mkdir()
    for name in {"sh", "find", "stat", "tr", "head", "date", "uname", "readlink", "sha256sum"} - {tool}:
        found_at = shutil.which(name, path=userland.path)
        assert found_at is not None
        (bin_path / name).symlink_to(found_at)
    program_of = Userland("bare", userland.shell, str(bin_path), str(tree), alone=True)
    collection = Collection(
        Question.of(["file:/etc/a", "file:/etc/no"], ["/etc"]),
        nonce=NONCE,
        hmac_key=KEY,
        wanted=everything,
    )
    while (program := collection.send()) is not None:
        assert USUAL in program
        collection.receive(program_of.run(program).stdout)
    found = collection.result()
    if tool == "sha256sum":
        assert found.states["file:/etc/a"] == Unknown("tool missing: sha256sum")
        assert found.states["file:/etc/no"] == ABSENT
    elif tool == "find":
        assert set(found.states.values()) == {Unknown("tool missing: find")}
        assert found.listed == {"/etc": "tool missing: find"}
    else:
        assert isinstance(found.states["file:/etc/a"], Present)
        assert found.listed == {"/etc": "tool missing: head"}
        assert set(found.withheld.values()) == {"tool missing: head"}


def test_a_file_that_changes_while_it_is_read_is_unknown(
    userland: Userland, tree: Path, tmp_path: Path
) -> None:
    (tree / "etc/busy").write_text("x")
    (tree / "etc/calm").write_text("x")
    real = shutil.which("sha256sum", path=userland.path)
    meddler = tmp_path / "sha256sum"
    meddler.write_text(f'#!/bin/sh\n{real} "$@"\necho more >>{tree}/etc/busy\n')
    meddler.chmod(0o755)
    meddled = replace(userland, path=f"{tmp_path}:{userland.path}")
    found = meddled.at(tree).look(Question.of(["file:/etc/busy", "file:/etc/calm"]))
    assert found.unknown() == {"file:/etc/busy": "changed while being read"}


def test_a_link_among_the_parents_is_followed_inside_the_root_and_not_out_of_it(
    userland: Userland, tree: Path
) -> None:
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/tool").write_text("tool")
    (tree / "bin").symlink_to("usr/bin")
    (tree / "out").symlink_to("/etc")
    (tree / "gone").symlink_to("/nowhere/at/all")
    (tree / "up").symlink_to("../../../../../../etc")
    names = [
        "file:/bin/tool",
        "file:/bin/no",
        "file:/out/passwd",
        "file:/out/no",
        "file:/gone/x",
        "file:/up/passwd",
    ]
    found = userland.at(tree).look(Question.of(names, ["/out"]), wanted=everything)
    assert found.states["file:/bin/tool"].data["sha256"] == sha256(b"tool")  # type: ignore[union-attr]
    assert found.states["file:/bin/no"] == ABSENT
    for name in names[2:]:
        assert found.states[name] == Unknown("outside the root"), name
    assert list(found.contents.values()) == [b"tool"]
    assert found.listed["/out"] == "not a directory: a symbolic link"


def test_a_secret_behind_a_linked_directory_is_neither_read_nor_hashed(
    userland: Userland, tree: Path
) -> None:
    (tree / "root/.ssh").mkdir(parents=True)
    (tree / "root/.ssh/id_work").write_text("key")
    (tree / "srv").mkdir()
    (tree / "srv/conf").symlink_to("../root/.ssh")
    names = ["file:/srv/conf/id_work", "file:/root/.ssh/id_work"]
    found = userland.at(tree).look(Question.of(names), wanted=everything)
    assert found.states[names[0]] == Unknown("secret path: reached through a symbolic link") or "hmac" in str(
        found.states[names[0]]
    )
    assert sha256(b"key") not in repr(found)
    assert not found.contents


def test_the_clock_and_the_facts_are_told(userland: Userland, tree: Path) -> None:
    (tree / "etc/hostname").write_text("web-1\n")
    (tree / "etc/os-release").write_text('NAME="X"\nID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"')
    found = userland.at(tree).look(Question.of([]))
    assert found.clock_offset is not None
    assert abs(found.clock_offset) < 2
    assert found.facts["hostname"] == "web-1"
    assert (found.facts["os_id"], found.facts["os_version"], found.facts["os_name"]) == (
        "debian",
        "12",
        "Debian 12",
    )
    assert found.facts["kernel"].startswith("Linux ")


def test_nothing_is_changed_and_nothing_is_left(userland: Userland, tree: Path, tmp_path: Path) -> None:
    for number in range(300):
        (tree / f"etc/file {number}").write_text(str(number))
    before = {path: (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns) for path in sorted(tree.rglob("*"))}
    empty = tmp_path / "tmp"
    empty.mkdir(mode=0o555)
    collection = Collection(Question.of([f"file:/etc/file {n}" for n in range(300)], ["/etc"]), nonce=NONCE)
    while (program := collection.send()) is not None:
        # A shell that puts here-documents into files would fail here, and leave a trace of it.
        done = userland.at(tree).run(program, TMPDIR=str(empty), HOME=str(empty))
        assert done.stderr == b""
        collection.receive(done.stdout)
    assert not collection.result().unknown()
    assert before == {
        path: (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns) for path in sorted(tree.rglob("*"))
    }
    assert list(empty.iterdir()) == []


def test_a_program_that_was_cut_off_does_nothing(userland: Userland, tree: Path) -> None:
    (tree / "etc/a").write_text("x")
    program = program_input(NONCE, [Ask("list", ("./etc/a",)), Ask("hash", ("./etc/a",))])
    assert NONCE.encode() + b" close" in userland.at(tree).run(program).stdout
    size = len(program)
    for cut in [*range(0, size - 120, size // 25), *range(size - 120, size - 12, 6)]:
        assert userland.at(tree).run(program[:cut]).stdout == b"", program[:cut][-40:]


def test_a_root_that_is_not_there_is_said(userland: Userland, tree: Path) -> None:
    found = userland.at(tree / "nowhere").look(Question.of(["file:/etc/a"], ["/etc"]))
    assert found.states["file:/etc/a"] == Unknown("root missing")
    assert found.listed == {"/etc": "root missing"}


def test_an_unknown_verb_is_told_and_the_rest_goes_on(userland: Userland, tree: Path) -> None:
    done = userland.at(tree).run(program_input(NONCE, [Ask("teleport", ("x",)), Ask("clock")]))
    framed = split_answer(done.stdout, NONCE, 2)
    assert [reply.failure for reply in framed.replies] == ["not supported", None]


def test_a_listing_is_cut_at_its_limit_on_the_host(userland: Userland, tree: Path) -> None:
    for number in range(400):
        (tree / f"etc/{number}").write_text("")
    sizes: list[int] = []

    class Measuring(Userland):
        def run(self, program: bytes, **environment: str) -> "subprocess.CompletedProcess[bytes]":
            done = super().run(program, **environment)
            sizes.append(len(done.stdout))
            return done

    measuring = Measuring(userland.name, userland.shell, userland.path, str(tree), alone=userland.alone)
    found = measuring.look(Question.of(["file:/etc/1"], ["/etc"]), limits=Limits(entries=20))
    assert found.listed == {"/etc": "over limit: more than 20 entries"}
    assert set(found.states) == {"file:/etc/1"}
    assert max(sizes) < 20 * 400 + 4000


def test_the_whole_machine_can_be_asked_without_a_root(userland: Userland) -> None:
    found = userland.look(Question.of(["file:/etc/passwd", "directory:/etc", "file:/dev/null"]))
    passwd = Path("/etc/passwd")
    assert found.states["file:/etc/passwd"].data["sha256"] == sha256(passwd.read_bytes())  # type: ignore[union-attr]
    assert found.states["directory:/etc"].data["owner"] == "root"  # type: ignore[union-attr]
    assert found.states["file:/dev/null"].data["type"] == "other"  # type: ignore[union-attr]
    assert found.facts["hostname"] == os.uname().nodename


def test_the_host_in_memory_answers_as_the_real_program_does(tree: Path) -> None:
    """So that tests, and the simulated fleet, may use it in its place."""
    (tree / "etc/a b").write_text("secret = hunter2\n")
    (tree / "etc/sub").mkdir(mode=0o2750)
    (tree / "etc/sub/x").write_bytes(b"\0binary")
    (tree / "etc/odd\nname").write_text("odd")
    (tree / "bin").symlink_to("etc")
    os.mkfifo(tree / "etc/pipe")
    question = Question.of(["file:/etc/a b", "file:/bin/a b", "file:/etc/none", "symlink:/bin"], ["/etc"])
    real = Userland("dash", ("/bin/sh", "-s"), GNU_PATH, str(tree)).look(question, wanted=everything)
    host = FakeHost.of_tree(tree)
    for path, node in list(host.nodes.items()):  # the fake does not follow links among parents by itself
        if path.startswith(b"/etc/"):
            host.nodes[b"/bin" + path[4:]] = node
    collection = Collection(question, nonce=NONCE, hmac_key=KEY, wanted=everything)
    while (program := collection.send()) is not None:
        collection.receive(host.answer(program))
    fake = collection.result()
    assert fake.states == real.states
    assert fake.listed == real.listed
    assert fake.contents == real.contents
    assert fake.withheld == real.withheld
    assert fake.evidence == real.evidence


def test_a_thousand_files_take_few_processes(tree: Path, tmp_path: Path) -> None:
    """The cost on the host is that of its processes, so their number is what we hold."""
    for number in range(1000):
        (tree / f"etc/{number}").write_text(str(number))
    log = tmp_path / "log"
    wrappers = tmp_path / "bin"
    wrappers.mkdir()
    for name in ("find", "stat", "tr", "head", "date", "uname", "readlink", "sha256sum"):
        real = shutil.which(name, path=GNU_PATH)
        (wrappers / name).write_text(f'#!/bin/sh\necho {name} >>{log}\nexec {real} "$@"\n')
        (wrappers / name).chmod(0o755)
    counting = Userland("dash", ("/bin/sh", "-s"), f"{wrappers}:{GNU_PATH}", str(tree))
    found = counting.look(Question.of([f"file:/etc/{number}" for number in range(1000)]))
    assert not found.unknown()
    assert len(log.read_text().split()) < 40


def test_a_digest_of_a_section_is_that_of_what_would_have_been_answered(
    userland: Userland, tree: Path
) -> None:
    (tree / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nana:x:4242:7::/:/bin/sh\n")
    for name in AWKWARD:
        (tree / "etc" / name).write_text(name)
    os.utime(tree / "etc/plain", (1, 1))
    question = Question.of(
        [f"file:/etc/{name}" for name in (*AWKWARD, "none")], ["/etc"], watched={"package"}
    )
    asks = first_asks([survey.asks() for survey in surveys_of(question, Limits())])
    assert set(asks) == {"about", "paths", "packages"}
    at = userland.at(tree)
    told = at.run(SumQuestion(list(asks.values())).program_input(NONCE))
    assert told.stderr == b""
    sums = split_answer(told.stdout, NONCE, len(asks))
    assert sums.failure is None
    for (name, part), reply in zip(asks.items(), sums.replies, strict=True):
        whole = split_answer(at.run(program_input(NONCE, part)).stdout, NONCE, len(part))
        assert reply.body.decode() == section_sum(whole.replies), name


def test_a_quick_look_finds_what_was_edited_since(userland: Userland, tree: Path) -> None:
    folder = tree / "srv"
    folder.mkdir()
    for number in range(300):
        (folder / f"f{number}").write_text("as it was")
    question = Question.of(["file:/etc/motd"], ["/srv"])
    at = userland.at(tree)
    time.sleep(2.2)  # so that the times can be relied on
    before = at.look(question)
    assert before.memory is not None
    sections = Sections.of(question)

    def moved() -> frozenset[str]:
        quick = QuickLook(Quick(sections, before.memory.sums), nonce=NONCE)  # type: ignore[union-attr]
        quick.receive(at.run(quick.send()).stdout)
        return quick.moved

    assert moved() == frozenset()
    stamp = (folder / "f7").stat()
    (folder / "f7").write_text("as it is.")
    os.utime(folder / "f7", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # the change time can't be set back
    assert moved() == {"paths"}
    recalled = Recalled(before.memory, before.states)
    after = at.look(question, recalled=recalled, moved_sections=frozenset({"paths"}))
    assert after.states == at.look(question).states != before.states


@pytest.fixture
def large_tree(tree: Path) -> Path:
    for number in range(40):
        (tree / "srv" / f"d{number}").mkdir(parents=True)
    for number in range(400):
        (tree / "srv" / f"d{number % 40}" / f"f{number}").write_text(f"content {number % 7}")
    for name in (*AWKWARD, *WITH_NEWLINES):
        (tree / "srv" / name).write_text(name)
    (tree / "srv/too-large").write_bytes(b"x" * 5000)
    (tree / "srv/link").symlink_to("f1")
    os.mkfifo(tree / "srv/pipe")
    (tree / "srv/d3/tool").write_text("#!/bin/sh")
    (tree / "srv/d3/tool").chmod(0o755)
    return tree


@pytest.mark.parametrize("denied", [False, True])
def test_a_large_tree_is_seen_at_once_as_it_is_seen_file_by_file(
    userland: Userland, large_tree: Path, monkeypatch: pytest.MonkeyPatch, denied: bool
) -> None:
    at = userland.at(large_tree)
    if denied:
        at = as_ordinary_user(at)
        (large_tree / "srv/d1/f1").chmod(0)
    question = Question.of(["file:/srv/d2/f2", "file:/srv/none"], ["/srv"])
    options = {"wanted": everything, "limits": Limits(hash_file_bytes=4000)}
    at_once = at.look(question, **options)
    monkeypatch.setattr(path_trees, "LARGE", 10**9)
    one_by_one = at.look(question, **options)
    assert at_once.states == one_by_one.states
    assert at_once.contents == one_by_one.contents
    assert at_once.listed == one_by_one.listed
    assert set(at_once.problems) == set(one_by_one.problems)
    assert isinstance(at_once.states["file:/srv/too-large"], Unknown)
    if denied:
        assert at_once.states["file:/srv/d1/f1"] == Unknown("denied")


def test_what_changes_while_a_large_tree_is_read_is_unknown_and_nothing_else(large_tree: Path) -> None:
    """The host is made to change a file after it was read: between two rounds nothing can."""
    host = FakeHost.of_tree(large_tree)

    class Restless(FakeHost):
        def _tree_hash(self, most: bytes, top: bytes) -> bytes:
            told = super()._tree_hash(most, top)
            self.nodes[b"/srv/d2/f2"] = replace(
                self.nodes[b"/srv/d2/f2"], content=b"new", mtime="9.0", ctime="9.0"
            )
            return told

    restless = Restless(host.nodes, rooted=True)
    running = Collection(Question.of([], ["/srv"]), nonce=NONCE, hmac_key=KEY)
    while (program := running.send()) is not None:
        running.receive(restless.answer(program))
    found = running.result()
    unknown = {name for name, state in found.states.items() if isinstance(state, Unknown)}
    assert unknown == {"file:/srv/d2/f2"}
    assert found.memory is not None and "paths" not in found.memory.sums
