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


@dataclass(frozen=True)
class Bar:
    """What `components/decision_bar.html` draws. `selecting`: it waits for a selection in a list."""

    about: str
    choices: list[Choice] = field(default_factory=list)
    selecting: bool = False


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
