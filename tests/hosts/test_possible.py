"""Whether real hosts can run is said by name, and where Debian comes from is read from this machine."""

import os
from pathlib import Path

import pytest

from tests.hosts.image import CannotMake, Image, apt_source, run_apart
from tests.hosts.possible import COMMANDS, missing

DEB822 = (
    "Types: deb\n# a comment\nURIs: http://archive.example/debian http://second.example\nSuites: bookworm\n"
)


def tried() -> str | None:
    return missing.__wrapped__()


def test_without_root_that_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert tried() == "not root"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_missing_is_named_with_its_package(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in COMMANDS:
        if name != command:
            (tmp_path / name).write_text("#!/bin/sh\n")
            (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tried() == f"no {command} (apt install {COMMANDS[command]})"


def test_debootstrap_is_needed_only_where_there_is_no_image_yet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in COMMANDS:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("FOLDBACK_HOSTS_CACHE", str(tmp_path / "cache"))
    assert tried() == "no debootstrap (apt install debootstrap)"


def test_the_archive_is_the_first_that_the_machine_itself_uses(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    assert apt_source(tmp_path) is None
    (tmp_path / "sources.list").write_text(
        "# deb http://old.example\ndeb [arch=amd64] http://list.example/debian bookworm main\n"
    )
    assert apt_source(tmp_path) == "http://list.example/debian"
    (tmp_path / "sources.list.d/debian.sources").write_text(DEB822)
    assert apt_source(tmp_path) == "http://archive.example/debian"


@pytest.mark.needs("debian-hosts")
def test_an_image_that_could_not_be_made_leaves_nothing_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cache/making-of-a-killed-run").mkdir(parents=True)
    monkeypatch.setattr("tests.hosts.image.apt_source", lambda: f"file://{tmp_path}/no-archive")
    with pytest.raises(CannotMake, match="debootstrap failed"):
        Image(tmp_path / "cache").make()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


@pytest.mark.needs("debian-hosts")
def test_what_a_step_of_the_making_mounts_or_starts_ends_with_it(tmp_path: Path) -> None:
    run_apart(
        [
            "sh",
            "-c",
            'mount -t tmpfs foldback "$1" && touch "$1/inside" && sleep 1000 &',
            "step",
            str(tmp_path),
        ]
    )
    assert list(tmp_path.iterdir()) == []
