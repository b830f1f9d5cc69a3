"""What may be handed to Git, and what a commit message of ours says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.core.commit_message import has_trailer, message_with_trailers, trailers_of
from deployments.core.git_safety import UnsafeGitName, check_url

GOOD = [
    "https://git.example.com/ops/definition.git",
    "https://git.example.com:8443/ops/definition",
    "ssh://git@git.example.com/ops/definition.git",
    "ssh://git@git.example.com:2222/~ops/definition.git",
    "ssh://git@[2001:db8::1]/ops/definition.git",
    "git@git.example.com:ops/definition.git",
    "git.example.com:ops/definition.git",
]
BAD = [
    "",
    "ext::sh -c id",
    "ext::id",
    "fd::17",
    "git::https://git.example.com/x",
    "http://git.example.com/x",
    "git://git.example.com/x",
    "file:///srv/x.git",
    "/srv/x.git",
    "../x.git",
    "x.git",
    "-oProxyCommand=id",
    "--upload-pack=id",
    "ssh://-oProxyCommand=id/x",
    "ssh://git@-oProxyCommand=id/x",
    "ssh://-oProxyCommand=id@host/x",
    "ssh://git@host/-x",
    "-oProxyCommand=id:x",
    "git@-oProxyCommand=id:x",
    "git@host:-x",
    "git@host:",
    "https://git.example.com",
    "https://user:password@git.example.com/x",
    "https://token@git.example.com/x",
    "https://git.example.com/x?y",
    "https://git.example.com/x#y",
    "https://git.example.com/../x",
    "https://git.example.com/a b",
    "https://git.example.com/a\nb",
    "https://git.exa\u202emple.com/a",
    "https://git.example.com\\@evil.example/x",
    "https:///x",
    "https://git.example.com:99999/x",
    "https://" + "a" * 3000,
]


@pytest.mark.parametrize("url", GOOD)
def test_an_https_or_ssh_address_is_taken_as_it_is(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize("url", BAD)
def test_an_address_that_could_do_more_than_fetch_is_refused(url: str) -> None:
    with pytest.raises(UnsafeGitName):
        check_url(url)


def test_a_local_remote_is_taken_only_where_it_is_allowed() -> None:
    assert check_url("file:///srv/x.git", allow_file=True) == "file:///srv/x.git"
    assert check_url("/srv/x.git", allow_file=True) == "/srv/x.git"
    for url in ("file://host/x", "/srv/../x", "file:///srv/%2e%2e/x", "srv/x"):
        with pytest.raises(UnsafeGitName):
            check_url(url, allow_file=True)


def test_a_message_ends_with_its_trailers_in_order() -> None:
    message = message_with_trailers(
        "Fold back", "Because.\n\n", [("Change", "CHG-1"), ("Finding", "DRF-8"), ("Finding", "DRF-9")]
    )
    assert message == "Fold back\n\nBecause.\n\nChange: CHG-1\nFinding: DRF-8\nFinding: DRF-9\n"
    assert trailers_of(message) == (("Change", "CHG-1"), ("Finding", "DRF-8"), ("Finding", "DRF-9"))


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=40) | st.just("Decision: DEC-666") | st.just("x\n\nDecision: DEC-666\n\n"))
def test_what_people_write_in_the_body_never_becomes_a_trailer(body: str) -> None:
    message = message_with_trailers("Fold back", body, [("Decision", "DEC-1")])
    assert trailers_of(message) == (("Decision", "DEC-1"),)
    assert not has_trailer(message, "Decision", "DEC-666")


@pytest.mark.parametrize(
    ("subject", "trailers"),
    [
        ("", [("Change", "CHG-1")]),
        ("two\nlines", [("Change", "CHG-1")]),
        ("x" * 201, [("Change", "CHG-1")]),
        ("ok", []),
        ("ok", [("Change", "")]),
        ("ok", [("Change", "CHG-1\nDecision: DEC-666")]),
        ("ok", [("Change\nDecision", "x")]),
        ("ok", [("Change it", "x")]),
    ],
)
def test_a_message_that_could_be_misread_is_refused(subject: str, trailers: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError):
        message_with_trailers(subject, "", trailers)


def test_trailers_are_the_last_paragraph_and_nothing_else() -> None:
    assert trailers_of("Decision: DEC-1") == ()
    assert trailers_of("Subject\n\nDecision: DEC-1\n\nMore text") == ()
    assert trailers_of("Subject\n\nSome text\nDecision: DEC-1") == ()
    assert trailers_of("Subject\r\n\r\nDecision: DEC-1\r\n") == (("Decision", "DEC-1"),)
    assert trailers_of("Subject\n\nNote: a\n  b\nDecision: DEC-1") == (("Note", "a b"), ("Decision", "DEC-1"))
