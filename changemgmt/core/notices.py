"""What people are told by e-mail and chat: topics, texts, and how often it is tried."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

# What a channel may be narrowed to. A test message goes over any channel.
TOPICS: Mapping[str, str] = {
    "approvals": "a change waits for your approval",
    "changes": "what becomes of changes that you own or filed, or that touch your team’s hosts",
    "due": "a change was done first, and nobody has approved it in time",
    "incidents": "an incident on your team’s hosts, or one that you lead",
    "findings": "something on your team’s hosts was changed by hand, and nobody has explained it",
    "windows": "freezes and maintenance on your team’s hosts",
}
TEST = "test"

MAX_ATTEMPTS = 8  # of a notice that was certainly not delivered; over some five hours
HELD_AFTER, HELD_WITHIN = 30, timedelta(minutes=10)  # notices of one topic over one channel
TITLE_LENGTH, TEXT_LENGTH = 300, 4_000
_BREAKS = re.compile(r"\s+")
_CALLS = re.compile(r"@(?=(?:channel|here|all|everyone)\b)", re.I)


@dataclass(frozen=True)
class Message:
    """What there is to tell about one event, and whom it concerns. `link` is a path below FOLDBACK_URL."""

    topic: str
    title: str
    text: str = ""
    link: str = ""
    people: frozenset[UUID] = field(default_factory=frozenset)
    teams: frozenset[UUID] = field(default_factory=frozenset)


def one_line(text: str, most: int = TITLE_LENGTH) -> str:
    return cut(_BREAKS.sub(" ", text).strip(), most)


def cut(text: str, most: int = TEXT_LENGTH) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def pause_after(attempts: int, *, asked: int | None = None) -> timedelta:
    """How long a notice rests after its n-th failure: 15 s, 1, 4, 16 min, then an hour; or as the other side asked,
    up to an hour."""
    rest = timedelta(seconds=min(15 * 4 ** (attempts - 1), 3_600))
    return max(rest, min(timedelta(seconds=asked or 0), timedelta(hours=1)))


def slack_body(*, title: str, text: str, url: str) -> dict[str, Any]:
    """What an incoming webhook of Slack, Mattermost or Rocket.Chat takes. Nothing in a title becomes a link, or calls
    a whole channel."""
    parts = [f"*{_plain(title)}*", _plain(text), f"<{url}>" if url else ""]
    return {"text": "\n".join(part for part in parts if part)}


def _plain(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _CALLS.sub("@\u200b", text)


def mail_body(*, text: str, url: str, settings_url: str) -> str:
    parts = [text, url, f"-- \nFoldback sends this over a channel of yours: {settings_url}"]
    return "\n\n".join(part for part in parts if part) + "\n"


def names(hosts: list[str], most: int = 5) -> str:
    """`web-1, web-2 and 35 more`; nothing for no hosts."""
    if not hosts:
        return ""
    if len(hosts) <= most:
        return ", ".join(hosts)
    return f"{', '.join(hosts[:most])} and {len(hosts) - most:,} more"
