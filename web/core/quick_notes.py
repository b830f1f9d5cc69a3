"""What somebody typed into the one field of the quick log, taken apart."""

import re
from dataclasses import dataclass

_EDGES = ".,;:!?()[]{}\"'“”‘’"
# A word that may be a host's name; plain English words are not looked up.
_HOST_LIKE = re.compile(r"[A-Za-z0-9_](?=[A-Za-z0-9_.-]*[0-9.-])[A-Za-z0-9._-]*")
MOST_WORDS = 200


@dataclass(frozen=True)
class Note:
    """`title` is at most as long as asked for; `description` has the whole where it is longer. `files` are paths that the
    text names, `host_like` words that may be names of hosts."""

    title: str
    description: str
    files: list[str]
    host_like: list[str]


def read_note(text: str, *, title_length: int) -> Note:
    whole = text.strip()
    first = " ".join(whole.partition("\n")[0].split())
    is_all = "\n" not in whole and len(first) <= title_length
    title = first if len(first) <= title_length else first[: title_length - 1].rstrip() + "…"
    said = [word.strip(_EDGES) for word in whole.split()[:MOST_WORDS]]
    return Note(
        title=title,
        description="" if is_all else whole,
        files=list(dict.fromkeys(word for word in said if re.fullmatch(r"/[\w@+.-]+(/[\w@+.-]+)*", word))),
        host_like=list(dict.fromkeys(word for word in said if _HOST_LIKE.fullmatch(word))),
    )
