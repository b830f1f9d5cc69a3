"""Keys that may sign in, file by file: fingerprint, options and comment of each. The keys themselves are not kept.

Looked at are `.ssh/authorized_keys` and `authorized_keys2` of local users, and what sshd's AuthorizedKeysFile names
with %u and %h. What sshd asks a command for is not seen, and said.
"""

import base64
import binascii
import hashlib
import re
from itertools import islice

from deployments.collector import reasons
from deployments.collector.reasons import printable, reason
from deployments.core.canonical import unordered, words
from deployments.core.secret_shapes import PLACEHOLDER
from deployments.core.states import Present, State, Unknown
from deployments.kinds.host_texts import denied_whole, never_raising, parse_texts, redacted_lines
from deployments.kinds.listing import Listed, ListedKind

MAX_KEYS = 5_000
NO_KEY = "a line that is not a key"
_KEY = re.compile(
    r"(?P<options>(?:[^\s\"]|\"(?:[^\"\\]|\\.)*+\")++\s+)??"
    r"(?P<type>(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]{1,80})\s+(?P<blob>AAAA[0-9A-Za-z+/]{8,16384}={0,2})"
    r"(?:\s+(?P<comment>.*))?"
)
_ENVIRONMENT = re.compile(r"(environment=\"[^\"=]{0,200}=)((?:[^\"\\]|\\.)*+)(\"|$)", re.IGNORECASE)


def keys_of(text: str) -> tuple[list[str], int]:
    """The keys of one file, and how many secrets were taken out of their options and comments."""
    keys, hidden = [], 0
    for line in text.split("\n"):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _KEY.fullmatch(stripped)
        fingerprint = match and _fingerprint(match["type"], match["blob"])
        if match is None or fingerprint is None:
            keys.append(NO_KEY)
            continue
        options, count = _ENVIRONMENT.subn(rf"\g<1>{PLACEHOLDER}\g<3>", match["options"] or "")
        hidden += count
        shown = words(f"{fingerprint} {options} {match['comment'] or ''}")
        keys.append("".join(filter(str.isprintable, shown)))
    keys, count = redacted_lines(keys)
    return unordered(keys), hidden + count


def _fingerprint(kind: str, blob: str) -> str | None:
    try:
        raw = base64.b64decode(blob, validate=True)
    except binascii.Error:
        return None
    name = kind.encode("ascii")
    if raw[:4] != len(name).to_bytes(4, "big") or raw[4 : 4 + len(name)] != name:
        return None  # sshd would not take it, either
    return "SHA256:" + base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")


def _parse(body: bytes) -> Listed:
    texts = parse_texts(body)
    states: dict[str, State] = {}
    redacted: dict[str, int] = {}
    for path, text in texts.texts.items():
        keys, count = keys_of(text)
        if len(keys) > MAX_KEYS:
            states[path] = Unknown(reason(reasons.OVER_LIMIT, f"more than {MAX_KEYS} keys"))
            continue
        states[path] = Present({"keys": keys})
        if count:
            redacted[path] = count
    # Whether a denied file exists is not known; one that can be seen but not used is.
    denied = {path: why for path, why in texts.failed.items() if why == reasons.DENIED}
    states |= {path: Unknown(why) for path, why in texts.failed.items() if path not in denied}
    said = (f"sshd takes keys from elsewhere, too: {printable(line, 120)}" for line in texts.remarks)
    return Listed(states, denied_whole(denied), texts.evidence, tuple(islice(said, 20)), redacted)


AUTHORIZED_KEYS = ListedKind(
    "authorized_keys", "authorized_keys", ("keys",), verb="authorized_keys", parse=never_raising(_parse)
)
