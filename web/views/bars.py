"""The decision bar: the same for one finding or a hundred. Only what works is offered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.urls import reverse


@dataclass(frozen=True)
class Choice:
    label: str
    url: str
    key: str
    main: bool = False
    refused: str = ""
    is_page: bool = False  # a page of its own, not a panel in the bar


@dataclass(frozen=True)
class Bar:
    """What `components/decision_bar.html` draws. `selecting`: it waits for a selection in a list."""

    about: str
    choices: list[Choice] = field(default_factory=list)
    selecting: bool = False


def host_key_bar(about: str, *, finding: str, hosts: Sequence[str], refused: str = "") -> Bar:
    """What can be done about a changed host key. `refused`: why not to this person; several hosts go one by one."""
    many = "" if len(hosts) == 1 else "It is on several hosts: open each of them, and look at its keys there."
    why_not, host = refused or many, hosts[0] if hosts else ""
    anew, enrol = (reverse(f"web:host-{deed}", args=[host]) if host else "" for deed in ("reimage", "keys"))
    return Bar(
        about=about,
        choices=[
            Choice("Waive", reverse("web:decide-waive") + "?" + urlencode({"finding": finding}), "w"),
            Choice("It was installed anew", anew, "i", refused=why_not, is_page=True),
            Choice("Enrol its new key", enrol, "e", main=True, refused=why_not, is_page=True),
        ],
    )


def decide_bar(about: str, *, findings: Sequence[str] = (), selecting: bool = False) -> Bar:
    query = urlencode([("finding", reference) for reference in findings])
    suffix = f"?{query}" if query else ""
    return Bar(
        about=about,
        selecting=selecting,
        choices=[
            Choice("Waive", reverse("web:decide-waive") + suffix, "w"),
            Choice("Fold back", reverse("web:decide-fold-back") + suffix, "f", main=True),
        ],
    )
