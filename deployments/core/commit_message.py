"""Commit messages with trailers: how a commit in the definition names its change, finding and decision.

Trailers are the last paragraph of a message when every line of it is `Key: value` (or continues the one before
by indentation). Text that people wrote stands before that paragraph, so it can never become a trailer.
"""

import re
from collections.abc import Iterable

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_TRAILER = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,63}):[ \t]*(.*)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]")
MAX_SUBJECT = 200


def message_with_trailers(subject: str, body: str, trailers: Iterable[tuple[str, str]]) -> str:
    """A message whose last paragraph is exactly `trailers`, in their order; a key may come more than once.

    Raises ValueError for an empty or broken subject, for no trailers at all (the body's last paragraph could then
    pass for some), and for keys or values that can't be one line. Control characters in the body become spaces.
    """
    subject = subject.strip()
    if not subject or len(subject) > MAX_SUBJECT or "\n" in subject or _CONTROL.search(subject):
        raise ValueError(
            f"the subject of a commit is one line of at most {MAX_SUBJECT} characters: {subject!r}"
        )
    lines = []
    for key, value in trailers:
        value = value.strip()
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} can't be the key of a trailer")
        if not value or "\n" in value or _CONTROL.search(value):
            raise ValueError(f"the trailer {key} needs a value of one line, not {value!r}")
        lines.append(f"{key}: {value}")
    if not lines:
        raise ValueError("a commit of ours names at least one trailer")
    text = _CONTROL.sub(" ", body.replace("\r\n", "\n")).strip()
    return "\n\n".join(part for part in (subject, text, "\n".join(lines)) if part) + "\n"


def trailers_of(message: str) -> tuple[tuple[str, str], ...]:
    """The trailers of a message in order; empty when its last paragraph holds anything else."""
    paragraphs = re.split(r"\n[ \t]*\n", message.replace("\r\n", "\n").strip())
    if len(paragraphs) < 2:
        return ()
    found: list[tuple[str, str]] = []
    for line in paragraphs[-1].split("\n"):
        if line[:1] in (" ", "\t") and found:
            key, value = found[-1]
            found[-1] = (key, f"{value} {line.strip()}")
        elif match := _TRAILER.fullmatch(line):
            found.append((match[1], match[2].strip()))
        else:
            return ()
    return tuple(found)


def has_trailer(message: str, key: str, value: str) -> bool:
    """Whether a trailer says exactly `value`; its key is compared without case, as Git does."""
    return any(name.lower() == key.lower() and said == value for name, said in trailers_of(message))
