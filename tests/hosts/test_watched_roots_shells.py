"""Watched roots in real shells, on trees: what is listed, what is read of it, and what packages brought."""

import hashlib
import os
from pathlib import Path

import pytest

from deployments.collector.protocol import Limits, Question
from deployments.collector.question import Observation, WatchedRoots
from deployments.core.content_digests import keyed_digest
from deployments.core.states import ABSENT, Present, Unknown
from tests.hosts.userlands import KEY, Userland, as_ordinary_user, sha256

SECRET = "[db]\npassword = hunter2hunter2\n"
KEYED = keyed_digest(KEY, sha256(SECRET.encode()))


def first(**rest: object) -> Question:
    return Question({}, roots=WatchedRoots(("/etc",), first=frozenset({"/etc"})), **rest)  # type: ignore[arg-type]


def later(before: Observation, kept: frozenset[str] = frozenset()) -> Question:
    return Question({}, roots=WatchedRoots(("/etc",), agreed=before.states, kept=kept))


def write(tree: Path, **files: str) -> None:
    (tree / "etc/app").mkdir(exist_ok=True)
    for name, text in files.items():
        (tree / "etc/app" / name).write_text(text)
        (tree / "etc/app" / name).chmod(0o644)


def digest(found: Observation, name: str) -> str:
    state = found.states[f"file:/etc/app/{name}"]
    assert isinstance(state, Present), state
    return str(state.data.get("sha256", state.data.get("hmac")))


def test_every_entry_below_a_root_is_looked_at_and_its_text_kept(userland: Userland, tree: Path) -> None:
    write(tree, a="one\n", b="two\n")
    (tree / "etc/ld.so.cache").write_text("x")
    (tree / "etc/link").symlink_to("app/a")
    (tree / "var").mkdir()
    found = userland.at(tree).look(first())
    assert set(found.states) == {
        "directory:/etc/app",
        "file:/etc/app/a",
        "file:/etc/app/b",
        "symlink:/etc/link",
    }
    assert found.listed == {"/etc": None}
    assert found.contents == {digest(found, "a"): b"one\n", digest(found, "b"): b"two\n"}
    assert found.state_of("file:/etc/none") == ABSENT
    assert isinstance(found.state_of("file:/var/x"), Unknown)


def test_what_is_as_agreed_is_not_read_and_what_differs_is(userland: Userland, tree: Path) -> None:
    write(tree, a="one\n", b="two\n", c="three\n")
    before = userland.at(tree).look(first())
    write(tree, b="two!\n", c="four\n")
    found = userland.at(tree).look(later(before, kept=frozenset({sha256(b"four\n")})))
    assert found.states["file:/etc/app/a"] == before.states["file:/etc/app/a"]
    assert found.contents == {sha256(b"two!\n"): b"two!\n"}, "another host has shown the third"
    assert digest(found, "c") == sha256(b"four\n")


def test_the_digest_of_a_secret_is_never_bare_at_whichever_look(userland: Userland, tree: Path) -> None:
    write(tree, ini=SECRET)
    (tree / "etc/shadow").write_text("root:$6$x:1::::::\n")
    bare = hashlib.sha256(b"root:$6$x:1::::::\n").hexdigest()
    before = userland.at(tree).look(first())
    again = userland.at(tree).look(later(before))
    elsewhere = userland.at(tree).look(later_first(before))
    for found in (before, again, elsewhere):
        assert digest(found, "ini") == KEYED
        assert b"hunter2" not in b"".join(found.contents.values())
        state = found.states["file:/etc/shadow"]
        assert isinstance(state, Present) and "sha256" not in state.data and bare not in str(found)
    assert (again.contents, elsewhere.contents) == ({}, {})
    assert before.redactions[KEYED] == 1


def later_first(before: Observation) -> Question:
    """Another host's first look, when these texts are kept already."""
    kept = frozenset(before.contents)
    return Question({}, roots=WatchedRoots(("/etc",), first=frozenset({"/etc"}), kept=kept))


def test_more_than_the_limit_is_no_listing_at_all(userland: Userland, tree: Path) -> None:
    write(tree, a="one\n", b="two\n", c="three\n")
    found = userland.at(tree).look(first(), limits=Limits(watched=3))
    assert found.states == {}
    assert found.listed["/etc"] == "over limit: more than 3 entries"
    assert isinstance(found.state_of("file:/etc/app/a"), Unknown)


def test_a_directory_that_may_not_be_read_is_told_by_name_and_the_rest_is_seen(
    userland: Userland, tree: Path
) -> None:
    write(tree, a="one\n")
    (tree / "etc/closed").mkdir()
    (tree / "etc/closed").chmod(0o700)
    if as_ordinary_user(userland).user is None:
        (tree / "etc/closed").chmod(0)
    found = as_ordinary_user(userland).at(tree).look(first())
    assert found.listed == {"/etc": None, "/etc/closed": "denied"}
    assert found.state_of("file:/etc/closed/x") == Unknown("denied")
    assert found.state_of("file:/etc/x") == ABSENT
    assert isinstance(found.states["directory:/etc/closed"], Present)


@pytest.mark.parametrize("name", ["it's", "new\nline", "sp ace"])
def test_a_directory_whose_name_can_not_be_told_for_sure_makes_the_listing_incomplete(
    userland: Userland, tree: Path, name: str
) -> None:
    (tree / "etc" / name).mkdir()
    (tree / "etc" / name).chmod(0)
    found = as_ordinary_user(userland).at(tree).look(first())
    assert found.listed["/etc"] is not None


def test_what_is_declared_or_in_an_exhaustive_directory_is_no_business_of_a_root(
    userland: Userland, tree: Path
) -> None:
    write(tree, a="one\n")
    (tree / "etc/d").mkdir()
    (tree / "etc/d/x").write_text("x")
    question = Question(
        {"file:/etc/app/a": frozenset({"type", "mode"}), "directory:/etc/d": frozenset({"type"})},
        ("/etc/d",),
        roots=WatchedRoots(("/etc", "/etc/d/e"), first=frozenset({"/etc"})),
    )
    found = userland.at(tree).look(question)
    declared = found.states["file:/etc/app/a"]
    assert isinstance(declared, Present) and "sha256" not in declared.data
    assert found.listed == {"/etc": None, "/etc/d": None, "/etc/d/e": None}
    assert {"directory:/etc/app", "file:/etc/d/x"} <= set(found.states)
    assert found.contents == {}


def packages(tree: Path) -> None:
    """A database of dpkg: `app` has two configuration files, one of them edited, and a directory."""
    write(tree, a="one\n", b="two\n", mine="mine\n")
    info = tree / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    md5 = {name: hashlib.md5(text.encode()).hexdigest() for name, text in (("a", "one\n"), ("b", "other\n"))}
    conffiles = "".join(f" /etc/app/{name} {value}\n" for name, value in md5.items())
    (tree / "var/lib/dpkg/status").write_text(
        "Package: app\nStatus: install ok installed\nMaintainer: A <a@b>\nArchitecture: all\nVersion: 1\n"
        f"Conffiles:\n{conffiles}Description: x\n"
    )
    (info / "app.list").write_text("/.\n/etc\n/etc/app\n/etc/app/a\n/etc/app/b\n/usr/share/app\n")
    (info / "app.md5sums").write_text(f"{hashlib.md5(b'x').hexdigest()}  usr/share/app\n")


def test_what_packages_brought_is_asked_only_where_something_is_new_or_different(
    userland: Userland, tree: Path
) -> None:
    packages(tree)
    before = userland.at(tree).look(first())
    if userland.alone:
        assert "what packages shipped is not known: tool missing: dpkg-query" in before.problems
        assert (before.shipped, before.packaged) == (None, None)
        return
    assert before.shipped == {"/etc/app/a"}
    assert before.packaged == {"/etc/app", "/etc/app/a", "/etc/app/b"}
    assert userland.at(tree).look(later(before)).packaged is None
    (tree / "etc/app/b").write_text("other\n")
    (tree / "etc/app/b").chmod(0o644)
    assert userland.at(tree).look(later(before)).shipped == {"/etc/app/a", "/etc/app/b"}
    (tree / "etc/app/mine").unlink()
    assert userland.at(tree).look(later(before)).packaged is not None


def test_packages_whose_files_can_not_be_listed_are_unknown_not_gone(userland: Userland, tree: Path) -> None:
    packages(tree)
    (tree / "var/lib/dpkg/info/app.list").unlink()
    found = userland.at(tree).look(first())
    assert (found.shipped, found.packaged) == (None, None)
    if not userland.alone:
        assert "what packages shipped is not known: denied: /var/lib/dpkg/info" in found.problems


def test_a_pipe_in_place_of_a_shipped_file_holds_nobody_up(userland: Userland, tree: Path) -> None:
    packages(tree)
    (tree / "etc/app/a").unlink()
    os.mkfifo(tree / "etc/app/a")
    found = userland.at(tree).look(first())
    if not userland.alone:
        assert found.shipped == frozenset()
    pipe = found.states["file:/etc/app/a"]
    assert isinstance(pipe, Present) and pipe.data["type"] == "other"
