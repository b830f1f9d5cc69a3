"""The rules of sudo, file by file: comments left out, continued lines joined, white space as one space.

Files that sudo passes by (a dot or a final ~ in the name) are not looked at. A file that is included from elsewhere
is seen as its `@include` line only.
"""

import re

from deployments.collector import reasons
from deployments.collector.reasons import reason
from deployments.core.canonical import lines
from deployments.core.states import Present, State, Unknown
from deployments.kinds.host_texts import denied_whole, never_raising, parse_texts, redacted_lines
from deployments.kinds.listing import Listed, ListedKind

MAX_RULES = 5_000
_FOLDERS = ("/etc/sudoers.d", "/usr/etc/sudoers.d", "/usr/local/etc/sudoers.d")
# What stands before a "#" that begins a comment: words, with anything in quotes or after a backslash. A "#" before a
# number is a user's or group's id.
_BEFORE_COMMENT = re.compile(r'(?:[^"\\#]|\\.|"(?:[^"\\]|\\.)*+"|"|\\$|#(?=-?[0-9]))*+')
_INCLUDE = re.compile(r"#include(?:dir)?\s")


def rules_of(text: str) -> list[str]:
    """The rules of one file, in their order."""
    joined = re.sub(r"\\\n[ \t]*", " ", text)
    rules = []
    for line in joined.split("\n"):
        stripped = line.strip()
        if _INCLUDE.match(stripped):
            rules.append(stripped)
        elif kept := _BEFORE_COMMENT.match(stripped):
            rules.append(kept[0])
    return lines(rules)


def _parse(body: bytes) -> Listed:
    texts = parse_texts(body)
    states: dict[str, State] = {}
    redacted: dict[str, int] = {}
    for path, text in texts.texts.items():
        rules, count = redacted_lines(rules_of(text))
        if len(rules) > MAX_RULES:
            states[path] = Unknown(reason(reasons.OVER_LIMIT, f"more than {MAX_RULES} rules"))
            continue
        states[path] = Present({"rules": ["".join(filter(str.isprintable, rule)) for rule in rules]})
        if count:
            redacted[path] = count
    shut = {path: why for path, why in texts.failed.items() if path in _FOLDERS}
    states |= {path: Unknown(why) for path, why in texts.failed.items() if path not in shut}
    return Listed(states, denied_whole(shut), texts.evidence, (), redacted)


SUDOERS = ListedKind("sudoers", "sudoers", ("rules",), verb="sudoers", parse=never_raising(_parse))
