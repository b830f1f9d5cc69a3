"""What the names of hosts, environments, roles and teams may look like.

They become folders of the definition and words of a selector, so they are kept to letters, digits, dots,
dashes and underscores. A host name may be a full domain name or an IPv4 address.
"""

import re

HOST_NAME_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
WORD_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]*"
HOST_NAME_LENGTH = 253
WORD_LENGTH = 63

_HOST_NAME = re.compile(HOST_NAME_PATTERN)
_WORD = re.compile(WORD_PATTERN)
_ADDRESS = re.compile(r"[A-Za-z0-9:](?:[A-Za-z0-9._:%-]*[A-Za-z0-9])?|::")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]*\$?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def shown(value: object) -> str:
    """A value inside a message: quoted, on one line, and cut."""
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def host_name_problem(name: str) -> str | None:
    """Why `name` can't be a host's name, or None when it can."""
    if not name:
        return "a host needs a name"
    if len(name) > HOST_NAME_LENGTH:
        return f"a host name has at most {HOST_NAME_LENGTH} characters, this one has {len(name)}"
    if not _HOST_NAME.fullmatch(name):
        return f"{shown(name)} is not a host name: letters, digits, dots, dashes and underscores, with a letter or digit first and last"
    if ".." in name:
        return f"{shown(name)} is not a host name: two dots in a row"
    return None


def word_problem(kind: str, word: str) -> str | None:
    """Why `word` can't be the name of an environment, role or team (`kind` says which), or None."""
    if not word:
        return f"the {kind} is empty"
    if len(word) > WORD_LENGTH:
        return f"the {kind} has at most {WORD_LENGTH} characters, this one has {len(word)}"
    if not _WORD.fullmatch(word) or ".." in word:
        return f"the {kind} can't be named {shown(word)}: letters, digits, dots, dashes and underscores, with a letter or digit first"
    return None


def address_problem(address: str) -> str | None:
    """Why `address` can't be connected to as a host name or IP address, or None."""
    if len(address) <= HOST_NAME_LENGTH and _ADDRESS.fullmatch(address):
        return None
    return f"{shown(address)} is neither a host name nor an IP address"


def user_problem(user: str) -> str | None:
    """Why `user` can't be a login name, or None."""
    if len(user) <= WORD_LENGTH and _USER.fullmatch(user):
        return None
    return f"{shown(user)} is not a login name"


def variable_name_problem(name: str) -> str | None:
    """Why `name` can't be used as a variable in a template, or None."""
    if len(name) <= 200 and _VARIABLE.fullmatch(name):
        return None
    return f"{shown(name)} can't be a variable: letters, digits and underscores, with no digit first"
