"""What a text search looks for: words, as the database keeps them of each change (see the migration `search`)."""

import re

from common.core.errors import FieldError, Invalid

# Punctuation and space, ASCII and beyond; all else is part of a word. So `/etc/nginx/nginx.conf` is etc, nginx and conf.
SEPARATORS = r"[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u3000-\u303f]+"
WORD_LENGTH = 60  # characters of a word that are kept
MOST_WORDS = 12
# A shorter word is looked for as it is, a longer one also as the beginning of others.
WHOLE_BELOW = 4
_SEPARATORS = re.compile(SEPARATORS)


def as_query(text: str, *, pointer: str = "?q") -> str:
    """A tsquery that asks for every word of `text`; raises Invalid when there is none, or too many."""
    words = list(dict.fromkeys(word[:WORD_LENGTH] for word in _SEPARATORS.split(text) if word))
    if not words:
        raise _invalid(pointer, "there is no word in it: say letters or digits that the change has")
    if len(words) > MOST_WORDS:
        raise _invalid(pointer, f"{len(words)} words are too many; {MOST_WORDS} at most")
    return " & ".join(f"'{word}'" + (":*" if len(word) >= WHOLE_BELOW else "") for word in words)


def _invalid(pointer: str, detail: str) -> Invalid:
    return Invalid(f"{pointer}: {detail}.", errors=[FieldError(pointer, detail)])
