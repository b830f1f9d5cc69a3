"""The rail: which places there are, in which order."""

from typing import NamedTuple


class Place(NamedTuple):
    """key: the icon and the section's name. url_name: in the `web` namespace. wide_only: not on a phone's foot."""

    key: str
    label: str
    url_name: str
    wide_only: bool = False


# Home and drift come first on a phone too; what is looked at from a desk gives way there.
RAIL: tuple[Place, ...] = (
    Place("home", "Home", "home"),
    Place("drift", "Drift", "findings"),
    Place("fleet", "Fleet", "hosts"),
    Place("changes", "Changes", "changes"),
    Place("incidents", "Incidents", "incidents"),
    Place("calendar", "Calendar", "calendar", wide_only=True),
    Place("definition", "Definition", "definition", wide_only=True),
    Place("releases", "Releases", "releases", wide_only=True),
    Place("scans", "Scans", "scans", wide_only=True),
    Place("reports", "Reports", "reports", wide_only=True),
    Place("ledger", "Ledger", "ledger", wide_only=True),
)

THEMES = ("system", "light", "dark")


def theme_of(cookie: str) -> str:
    """The theme that a cookie asks for; anything unheard-of means the system's."""
    return cookie if cookie in THEMES else "system"


def section_of(path: str, places: dict[str, str]) -> str:
    """The key of the place that `path` lies in, by the longest prefix; home only for itself."""
    best = ""
    for key, prefix in places.items():
        inside = path == prefix or (prefix != "/" and path.startswith(prefix))
        if inside and (not best or len(prefix) > len(places[best])):
            best = key
    return best
