"""What a service refused, in the words of a page: services speak to programs as well, in JSON Pointers."""

import re

_POINTER = re.compile(r"^[/?][\w/~.-]*: ")
_TITLES = {400: "This can’t be used as it is", 422: "This can’t be done"}


def plain(detail: str) -> str:
    """`/until: this is in the past.` → `This is in the past.`"""
    return capitalised(_POINTER.sub("", detail).replace(" (`edits`)", ""))


def heading(status: int, title: str) -> str:
    """The refusal's title; what is said of requests there is said of what one wants to do here."""
    return _TITLES.get(status, title)


def capitalised(text: str) -> str:
    """A sentence of its own, out of what was the end of one; `role=` stays as it is typed."""
    if text.partition(" ")[0].isalpha():
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else text + "."
