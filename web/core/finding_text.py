"""What a finding is, in words and a few rows: from its summary, so that a list of them costs nothing more."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from drift.core.change_words import content_told, deed, lines_told, value_parts
from drift.core.host_key import RESOURCE as HOST_KEY
from drift.core.lifecycles import ENDED
from web.core.diffs import Row, inline_diff
from web.core.sentences import listed, plural, sentence, share

_LONGEST_LINE = 240
_FEW, _SHORT = 4, 24
# What says nothing beyond "it was made": shown on the finding's page, not in the inbox.
_OF_EVERY_NEW_FILE = ("owner", "group")


class SmallDiff(NamedTuple):
    """A few rows of a finding's change, and how many more there are."""

    rows: list[Row]
    more: int


def small_diff(summary: Mapping[str, Any], most: int = 6) -> SmallDiff:
    """The lines removed and added, with the placeholders of host values marked as the hosts' own."""
    rows: list[Row] = []
    for hunk in _all_hunks(summary):
        removed, added = ("".join(map(_short, hunk[side])) for side in ("removed", "added"))
        found = [
            row for row in inline_diff(removed, added, 0, host_values=_placeholders(removed + added))
            if row.kind != "gap"
        ]  # fmt: skip
        if rows and found:
            rows.append(Row("gap"))
        rows += found
    return SmallDiff(rows[:most], max(0, len(rows) - most))


def _all_hunks(summary: Mapping[str, Any]) -> list[Mapping[str, Sequence[str]]]:
    """The lines of its content, of its drop-ins and such, and the items of its long lists."""
    hunks = list(summary.get("hunks") or [])
    for texts in (summary.get("texts") or {}).values():
        hunks += [hunk for text in texts.values() for hunk in text["hunks"]]
    for changed in (summary.get("items") or {}).values():
        if is_long(changed):
            hunks.append({side: [f"{item}\n" for item in changed[side]] for side in ("removed", "added")})
    return hunks


def is_long(changed: Mapping[str, Sequence[str]]) -> bool:
    """Whether the items of a list read better as lines than in a sentence."""
    items = [*changed["removed"], *changed["added"]]
    return len(items) > _FEW or any(len(item) > _SHORT for item in items)


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


def attribute_text(summary: Mapping[str, Any], *, beside_rows: bool = False) -> str:
    """`mode: 0640 → 0666`; for what was created or deleted, what it is. `beside_rows`: without what `small_diff`
    shows already."""
    if beside_rows:
        items = {
            name: changed for name, changed in (summary.get("items") or {}).items() if not is_long(changed)
        }
        summary = {**summary, "items": items, "texts": {}}
    attributes: Mapping[str, Sequence[Any]] = summary.get("attributes") or {}
    if summary.get("kind") == "created":
        is_file = "type" in attributes
        shown = {
            name: value for name, value in attributes.items() if name not in ("type", *_OF_EVERY_NEW_FILE)
        }
        parts = value_parts({**summary, "attributes": shown if is_file else attributes})
        what = [str(attributes["type"][1])] if is_file else []
        if beside_rows and not what and not parts:
            return ""
        return f"absent → {', '.join([*what, *parts]) or 'present'}"
    parts = value_parts(summary)
    if summary.get("content") and summary.get("kind") != "deleted":
        parts.insert(0, content_told(summary))
    return ", ".join(parts) or ("present → absent" if summary.get("kind") == "deleted" else "")


def told(summary: Mapping[str, Any], resource: str = "") -> str:
    """The change on one line: `Edited by hand: 1 line removed, 2 added; mode: 0640 → 0666`."""
    lines = lines_told(summary.get("hunks") or [])
    details = "; ".join(
        part for part in (lines, "" if lines and not _is_edit(summary) else attribute_text(summary)) if part
    )
    return f"{deed(summary, resource)}: {details}" if details else deed(summary, resource)


def _is_edit(summary: Mapping[str, Any]) -> bool:
    return summary.get("kind") == "edited"


def finding_sentence(
    summary: Mapping[str, Any],
    *,
    resource: str = "",
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
    if state == "ignored":
        return sentence(f"{deed(summary, resource)}, and hidden by an ignore rule of the definition")
    if state in ENDED and state != "proven":
        return sentence(f"{deed(summary, resource)}, and over")
    if state == "proven" and resource == HOST_KEY:
        return sentence(f"the new key is enrolled, and was seen on {plural(proven, 'host')} by a scan")
    if state == "proven":
        return sentence(f"in the definition, and proven on {plural(proven, 'host')} by a scan")
    where = f"on {share(hosts, hosts_total, noun, nouns)}"
    return sentence(
        f"{deed(summary, resource)} {where}",
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
