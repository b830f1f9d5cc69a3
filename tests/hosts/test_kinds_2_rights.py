"""ACLs and capabilities of real files, in real shells with and without the tools that tell them."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.collector.protocol import Observation, Question
from deployments.core.states import Present, Unknown
from tests.hosts.userlands import Userland, as_ordinary_user

TOOLS = ["sh", "find", "stat", "tr", "head", "date", "uname", "readlink", "sha256sum", "ls", "grep"]
AWKWARD = ["plain", "with space", "it's $(x)", "back\\slash", "tab\there", "star*", "# file: x", "ünï"]


def only(folder: Path, *names: str) -> str:
    """A PATH with these tools of this machine."""
    for name in names:
        found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        assert found is not None, name
        (folder / name).symlink_to(found)
    return str(folder)


def setfacl(*words: str) -> None:
    done = subprocess.run(["setfacl", *words], capture_output=True, text=True)
    if "not supported" in done.stderr:
        pytest.fail(f"the file system of {words[-1]} keeps no ACLs: set TMPDIR to one that does")
    assert done.returncode == 0, done.stderr


def data(found: Observation, resource: str) -> dict[str, object]:
    state = found.states[resource]
    assert isinstance(state, Present), state
    return dict(state.data)


@pytest.mark.needs("acl")
def test_an_acl_is_seen_on_what_is_declared_and_below_exhaustive_directories(
    userland: Userland, tree: Path
) -> None:
    for name in AWKWARD:
        (tree / "etc" / name).write_text("x")
        setfacl("-m", "u:12345:rw", str(tree / "etc" / name))
    (tree / "etc/none").write_text("x")
    (tree / "srv/open").mkdir(parents=True)
    (tree / "srv/open/new\nline").write_text("x")
    setfacl("-m", "g:54321:rwx", "-d", "-m", "u:12345:r", str(tree / "srv/open"))
    setfacl("-m", "u:12345:r", str(tree / "srv/open/new\nline"))
    names = [f"file:/etc/{name}" for name in (*AWKWARD, "none")]
    found = userland.at(tree).look(Question.of(names, ["/srv"]))
    if userland.alone:
        assert found.problems == ("ACLs are not seen: tool missing: getfacl",)
        assert "acl" not in data(found, "file:/etc/plain")
        return
    for name in AWKWARD:
        assert data(found, f"file:/etc/{name}")["acl"] == ["group::r--", "user:12345:rw-"], name
    assert "acl" not in data(found, "file:/etc/none")
    assert data(found, "file:/srv/open/new\nline")["acl"] == ["group::r--", "user:12345:r--"]
    folder = data(found, "directory:/srv/open")["acl"]
    assert isinstance(folder, list) and {"group:54321:rwx", "default:user:12345:r--"} <= set(folder)
    assert found.problems == ()


@pytest.mark.needs("acl")
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_without_getfacl_what_has_an_acl_is_unknown_and_the_rest_is_known(
    tree: Path, tmp_path: Path, shell: str
) -> None:
    for name in ("with", "without", "drwxrwxrwx+ name"):
        (tree / "etc" / name).write_text("x")
    setfacl("-m", "u:12345:rw", str(tree / "etc/with"))
    there = Userland(shell, (f"/bin/{shell}", "-s"), only(tmp_path, *TOOLS), str(tree), alone=True)
    found = there.look(Question.of([f"file:/etc/{name}" for name in ("with", "without", "drwxrwxrwx+ name")]))
    assert found.unknown() == {"file:/etc/with": "tool missing: getfacl"}
    assert found.problems == ()


@pytest.mark.needs("acl")
def test_an_acl_is_seen_by_who_may_not_read_the_file(tree: Path) -> None:
    (tree / "etc/shut").write_text("x")
    (tree / "etc/shut").chmod(0o600)
    setfacl("-m", "u:12345:rw", str(tree / "etc/shut"))
    there = as_ordinary_user(Userland("sh", ("/bin/sh", "-s"), "/usr/bin:/bin", str(tree)))
    found = there.look(Question({"file:/etc/shut": frozenset({"mode"})}))
    assert data(found, "file:/etc/shut")["acl"] == ["group::---", "user:12345:rw-"]


@pytest.mark.needs("root", "capabilities")
def test_capabilities_of_programs_are_seen(userland: Userland, tree: Path, tmp_path: Path) -> None:
    (tree / "usr/bin").mkdir(parents=True)
    names = [name for name in AWKWARD if "\t" not in name]
    for name in (*names, "plain too"):
        (tree / "usr/bin" / name).write_text("x")
        (tree / "usr/bin" / name).chmod(0o755)
    for name in names:
        subprocess.run(["/sbin/setcap", "cap_net_raw=ep", str(tree / "usr/bin" / name)], check=True)
    question = Question.of([f"file:/usr/bin/{name}" for name in (*names, "plain too")])
    found = userland.at(tree).look(question)
    if userland.alone:
        assert "capabilities are not seen: tool missing: getcap" in found.problems
        there = replace(userland, path=f"{only(tmp_path, 'getcap')}:{userland.path}")
        found = there.at(tree).look(question)
    for name in names:
        assert data(found, f"file:/usr/bin/{name}")["capabilities"] == "cap_net_raw=ep", name
    assert "capabilities" not in data(found, "file:/usr/bin/plain too")


def test_getcap_is_missed_only_where_there_is_a_program(tree: Path, tmp_path: Path) -> None:
    (tree / "etc/conf").write_text("x")
    there = Userland("sh", ("/bin/sh", "-s"), only(tmp_path, *TOOLS), str(tree), alone=True)
    question = Question.of(["file:/etc/conf", "directory:/etc"])
    assert there.look(question).problems == ()
    (tree / "etc/conf").chmod(0o755)
    assert there.look(question).problems == ("capabilities are not seen: tool missing: getcap",)


def test_what_vanishes_before_its_rights_are_asked_is_unknown(tree: Path, tmp_path: Path) -> None:
    (tree / "etc/gone").mkdir()
    meddler = tmp_path / "getfacl"
    meddler.write_text(f"#!/bin/sh\necho 'getfacl: no such file' >&2; rmdir {tree}/etc/gone; kill -9 $PPID\n")
    meddler.chmod(0o755)
    there = Userland("sh", ("/bin/sh", "-s"), f"{tmp_path}:/usr/bin:/bin", str(tree))
    assert there.look(Question.of(["directory:/etc/gone"])).states == {
        "directory:/etc/gone": Unknown("truncated")
    }
