"""Every kind of secret that is planted in the scenarios, in every kind of text, one by one."""

import pytest

from deployments.core.redaction import redact
from tests.planted import KINDS, Planted, forms, plant

SEED = 20260302
EACH = 10
PLANTED: dict[str, list[Planted]] = {}
for piece in plant(SEED, EACH * len(KINDS)):
    PLANTED.setdefault(piece.kind, []).append(piece)
AROUND = [
    ("", ""),
    ("server {\n    listen 80;\n}\n", "\nworker_connections 4096;\n"),
    ("#!/bin/sh\nset -eu\n", "\nexit 0\n"),
    ("settings:\n  name: shop\n", "\nother:\n  - a\n  - b\n"),
]


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize("around", AROUND, ids=["alone", "nginx", "script", "yaml"])
def test_a_planted_secret_is_redacted_wherever_it_stands(kind: str, around: tuple[str, str]) -> None:
    before, after = around
    assert len(PLANTED[kind]) == EACH
    for piece in PLANTED[kind]:
        redacted = redact(before + piece.text + after)
        assert redacted.count >= 1, (SEED, piece.text)
        leaked = [form for secret in piece.secrets for form in forms(secret) if form in redacted.text]
        assert not leaked, (SEED, redacted.text)
        assert before in redacted.text and after.strip() in redacted.text, (SEED, redacted.text)
        assert redact(redacted.text).count == 0, (SEED, redacted.text)


def test_what_can_not_be_told_by_its_shape_is_known_and_documented() -> None:
    """A word among words: nothing says that it is a secret. Its path has to be declared (docs/security.md)."""
    for text in ("correct-horse-battery\n", "app correct-horse-battery\n", "unlock with correct horse\n"):
        assert redact(text).count == 0
