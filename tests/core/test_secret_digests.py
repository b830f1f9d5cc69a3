"""Digests that stand for contents: bare only where the content is known to hold no secret."""

import hashlib
from dataclasses import replace

import pytest

from deployments.core.content_digests import (
    NO_KEY,
    in_the_same_form,
    is_masked,
    keyed_digest,
    redactions_in,
    shown_digest,
    to_compare,
)
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.render import desired_manifest
from deployments.core.states import ABSENT, Present, Unknown
from inventory.core.host_view import HostView

KEY = b"k" * 32
PLAIN, SECRET = b"workers = 4\n", b"workers = 4\npassword = hunter2\n"
HOST = HostView(name="web-1", environment="prod", roles=("web",))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def present(digest: str) -> Present:
    return Present({"type": "file", "sha256": digest})


def test_a_content_without_secrets_keeps_its_bare_digest() -> None:
    assert shown_digest(PLAIN) == sha256(PLAIN)
    assert not is_masked(present(shown_digest(PLAIN)))


def test_a_mask_does_not_tell_one_secret_from_another() -> None:
    other = SECRET.replace(b"hunter2", b"hunter3")
    assert shown_digest(SECRET) == shown_digest(other)
    assert is_masked(present(shown_digest(SECRET)))
    assert shown_digest(SECRET) != shown_digest(SECRET.replace(b"4", b"8"))


def test_a_keyed_digest_needs_a_key_and_fits_where_a_digest_is_kept() -> None:
    digest = keyed_digest(KEY, sha256(SECRET))
    assert digest == keyed_digest(KEY, sha256(SECRET).upper()) != keyed_digest(b"o" * 32, sha256(SECRET))
    assert sha256(SECRET) not in digest and len(digest) <= 64
    with pytest.raises(ValueError, match="16 bytes"):
        keyed_digest(b"short", sha256(SECRET))


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16", "utf-16-le"])
def test_a_secret_is_seen_in_every_usual_encoding(encoding: str) -> None:
    assert redactions_in("größe = 1\npassword = hunter2\n".encode(encoding)) == 1


def test_what_the_definition_holds_in_plain_is_masked_until_a_worker_makes_it_comparable() -> None:
    files = {
        "definition.yaml": b"format: 1\n",
        "base/resources.yaml": b'files:\n  /a: {source: a}\n  /b: {content: "workers = 4\\n"}\n  /c: {template: c}\n',
        "base/files/a": SECRET,
        "base/templates/c": SECRET,
    }
    rendered = desired_manifest(parse_definition(files), HOST)
    compared = to_compare(rendered, KEY).resources
    for name in ("file:/a", "file:/c"):
        assert is_masked(rendered.resources[name].state)
        assert compared[name].state == present(keyed_digest(KEY, sha256(SECRET)))
        assert to_compare(rendered, None).resources[name].state == Unknown(NO_KEY)
    assert compared["file:/b"].state == rendered.resources["file:/b"].state == present(sha256(PLAIN))
    assert sha256(SECRET) not in repr([replace(want, content=None) for want in compared.values()])


def test_a_content_that_was_not_read_yesterday_is_the_same_content_today() -> None:
    bare, keyed = present(sha256(PLAIN)), present(keyed_digest(KEY, sha256(PLAIN)))
    assert in_the_same_form(bare, keyed, KEY) == keyed
    assert in_the_same_form(keyed, bare, KEY) == bare
    other = present(keyed_digest(KEY, sha256(SECRET)))
    assert in_the_same_form(bare, other, KEY) == bare
    assert in_the_same_form(ABSENT, keyed, KEY) == ABSENT
    assert in_the_same_form(bare, keyed, None) == bare
