"""What people may be called."""

import re

USERNAME_LENGTH, NAME_LENGTH = 64, 200
_USERNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@+-]*[A-Za-z0-9])?")


def username_problem(username: str) -> str | None:
    """Why this can't be what somebody signs in as, or None. Kept to ASCII: two names must not look alike."""
    if not username:
        return "somebody needs a username"
    if len(username) > USERNAME_LENGTH:
        return f"a username has at most {USERNAME_LENGTH} characters"
    if not _USERNAME.fullmatch(username):
        return "letters, digits and . _ @ + - between them, such as ana or ana.b@example.org"
    return None


def name_problem(name: str) -> str | None:
    """Why this can't be a person's name, or None."""
    if not name.strip():
        return "somebody needs a name"
    if len(name) > NAME_LENGTH:
        return f"a name has at most {NAME_LENGTH} characters"
    if not name.isprintable():
        return "a name is one line of characters that can be seen"
    return None
