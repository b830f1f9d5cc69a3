"""What a finding is, in words and a few rows: from its summary, so that a list of them costs nothing more."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from web.core.diffs import Row, inline_diff
from web.core.sentences import listed, plural, sentence, share

_KINDS = {
    "edited": "Edited by hand",
    "created": "Created by hand",
    "deleted": "Deleted by hand",
    "replaced": "Replaced by hand",
}
_NOTHING = "(none)"
_LONGEST_LINE = 240
# What says nothing beyond "it was made": shown on the finding's page, not in the inbox.
_OF_EVERY_NEW_FILE = ("owner", "group")


class SmallDiff(NamedTuple):
    """A few rows of a finding's change, and how many more there are."""

    rows: list[Row]
    more: int


def small_diff(summary: Mapping[str, Any], most: int = 6) -> SmallDiff:
    """The lines removed and added, with the placeholders of host values marked as the hosts' own."""
    rows: list[Row] = []
    for hunk in summary.get("hunks") or []:
        removed, added = ("".join(map(_short, hunk[side])) for side in ("removed", "added"))
        found = [
            row for row in inline_diff(removed, added, 0, host_values=_placeholders(removed + added))
            if row.kind != "gap"
        ]  # fmt: skip
        if rows and found:
            rows.append(Row("gap"))
        rows += found
    return SmallDiff(rows[:most], max(0, len(rows) - most))


def _short(line: str) -> str:
    """A line as far as a card has room for it; the whole is on the finding's page."""
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…\n"


def _placeholders(text: str) -> dict[str, str]:
    """`{"host.name": "«host.name»"}` for every placeholder in the text."""
    found: dict[str, str] = {}
    for part in text.split("«")[1:]:
        name, closed, _ = part.partition("»")
        if closed and len(name) <= 100 and "\n" not in name:
            found.setdefault(f"own {name}", f"«{name}»")
    return found


def attribute_text(summary: Mapping[str, Any]) -> str:
    """`mode 0640 → 0666`; for what was created or deleted, what it is."""
    attributes: Mapping[str, Sequence[Any]] = summary.get("attributes") or {}
    if summary.get("kind") == "created":
        parts = [
            f"{name} {new}" if name != "type" else str(new)
            for name, (_, new) in attributes.items()
            if new is not None and name not in _OF_EVERY_NEW_FILE
        ]
        return f"absent → {', '.join(parts)}" if parts else ""
    parts = [f"{name} {_told(old)} → {_told(new)}" for name, (old, new) in attributes.items()]
    if "content" in summary and summary.get("kind") != "deleted":
        parts.insert(0, "content differs")
    return ", ".join(parts) or ("present → absent" if summary.get("kind") == "deleted" else "")


def _told(value: Any) -> str:
    return _NOTHING if value is None else str(value)


def kind_words(summary: Mapping[str, Any]) -> str:
    return _KINDS.get(str(summary.get("kind")), "Changed by hand")


def told(summary: Mapping[str, Any]) -> str:
    """The change on one line: `Edited by hand: 1 line removed, 2 added; mode 0640 → 0666`."""
    hunks = summary.get("hunks") or []
    removed, added = (sum(len(hunk[side]) for hunk in hunks) for side in ("removed", "added"))
    lines = listed(
        [
            plural(removed, "line") + " removed" if removed else "",
            plural(added, "line") + " added" if added else "",
        ]
    )
    details = "; ".join(
        part for part in (lines, "" if lines and not _is_edit(summary) else attribute_text(summary)) if part
    )
    return f"{kind_words(summary)}: {details}" if details else kind_words(summary)


def _is_edit(summary: Mapping[str, Any]) -> bool:
    return summary.get("kind") == "edited"


def finding_sentence(
    summary: Mapping[str, Any],
    *,
    state: str,
    hosts: int,
    hosts_total: int,
    conflicts: int,
    waiting: int,
    proven: int,
    is_explained: bool,
    claimed_by: str,
    peers: str = "",
) -> str:
    """The first line of a finding's page. `peers` names what the denominator is: "host with the role web"."""
    noun, nouns = (peers, peers.replace("host", "hosts", 1)) if peers else ("host", "hosts")
    if state in ("vanished", "unmanaged", "retired", "superseded"):
        return sentence(f"{kind_words(summary)}, and over")
    if state == "proven":
        return sentence(f"in the definition, and proven on {plural(proven, 'host')} by a scan")
    where = f"on {share(hosts, hosts_total, noun, nouns)}"
    return sentence(
        f"{kind_words(summary)} {where}",
        _conflicts_told(conflicts, hosts),
        f"{plural(waiting, 'host waits', 'hosts wait')} for the next push" if waiting else "",
        f"proven on {proven}" if proven else "",
        "" if is_explained or claimed_by else "nobody has explained it",
        f"claimed by {claimed_by}" if claimed_by else "",
    )


def _conflicts_told(conflicts: int, hosts: int) -> str:
    if not conflicts:
        return ""
    which = "" if conflicts == hosts else f"{conflicts} of them "
    return f"{which}in conflict, since the definition moved too"


def names_told(names: Iterable[str], total: int) -> str:
    """The first names of a list that is `total` long: `web-1, web-2, web-3 and 4 more`."""
    known = list(names)
    if total <= len(known):
        return listed(known)
    return f"{', '.join(known[:3])} and {total - len(known[:3]):,} more"
