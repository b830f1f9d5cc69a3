"""One field is taken apart: what it is called, and which files and hosts it names."""

import pytest

from web.core.quick_notes import Note, read_note


def read(text: str, length: int = 60) -> Note:
    return read_note(text, title_length=length)


def test_a_few_words_are_the_title_and_nothing_else() -> None:
    assert read(" restarted  nginx ") == Note("restarted nginx", "", [], [])


def test_the_first_line_is_the_title_and_the_whole_is_kept() -> None:
    note = read("restarted nginx\nit had run out of connections")
    assert (note.title, note.description) == (
        "restarted nginx",
        "restarted nginx\nit had run out of connections",
    )


def test_what_is_too_long_for_a_title_is_cut_there_and_kept_whole() -> None:
    text = "raised " + "x" * 100
    note = read(text, 20)
    assert (len(note.title), note.title[-1], note.description) == (20, "…", text)


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("raised it in /etc/nginx/nginx.conf.", ["/etc/nginx/nginx.conf"]),
        ("swapped (/etc/hosts), /etc/motd; /etc/hosts", ["/etc/hosts", "/etc/motd"]),
        ("10/s and/or a // b", []),
    ],
)
def test_paths_that_are_named_are_files(text: str, files: list[str]) -> None:
    assert read(text).files == files


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stopped cron on web-3, db.shop.example and WEB12.", ["web-3", "db.shop.example", "WEB12"]),
        ("moved checkout away from staging", []),
        ("/etc/web-3 is a file", []),
    ],
)
def test_words_that_look_like_hosts_are_looked_up(text: str, words: list[str]) -> None:
    assert read(text).host_like == words
