"""Resources and their changes as people say them: `Package nginx`, `hold: no → yes`, `groups: + docker`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from deployments.core.definition.sections import KIND_TO_SECTION
from drift.core.watched import FILE_KINDS, is_whole, kind_of, path_of

NOTHING = "(none)"
_TOLD_AT_MOST = 3
_WORDS = {
    "package": ("Package", "Packages"),
    "service": ("Service", "Services"),
    "sysctl": ("Kernel setting", "Kernel settings"),
    "user": ("User", "Users"),
    "group": ("Group", "Groups"),
    "cron": ("Crontab of", "Cron jobs and timers"),
    "mount": ("Mount", "Mounts"),
    "kernel_module": ("Kernel module", "Kernel modules"),
    "port": ("Listening port", "Listening ports"),
    "firewall": ("Firewall", "Firewall rules"),
    "container": ("Container", "Containers"),
    "sudoers": ("Sudo rules in", "Sudo rules"),
    "authorized_keys": ("Authorized keys in", "Authorized keys"),
    "host_key": ("Host key", "Host keys"),
}
_DEEDS = {"edited": "Changed", "created": "Added", "deleted": "Removed", "replaced": "Replaced"}
_OF_FILES = {"edited": "Edited", "created": "Created", "deleted": "Deleted", "replaced": "Replaced"}
_OF_KIND = {
    "package": {"created": "Installed", "deleted": "Removed"},
    "port": {"created": "Opened", "deleted": "Closed"},
}


class Title(NamedTuple):
    """`word` says what kind of thing it is, `name` which one; a thing of the file system is its id alone."""

    word: str
    name: str

    def __str__(self) -> str:
        return f"{self.word} {self.name}".strip()


def title_of(resource: str) -> Title:
    """`package:nginx` → Package nginx; `file:/etc/motd` stays as it is; `package:` → Packages."""
    kind, name = kind_of(resource), path_of(resource)
    if kind == "path":
        return Title("Everything below", name)
    if kind in FILE_KINDS or kind not in {*KIND_TO_SECTION, *_WORDS}:
        return Title("", resource)
    one, many = _WORDS.get(kind) or (kind.replace("_", " ").capitalize(),) * 2
    if is_whole(resource):
        return Title(many, "")
    if kind == "cron" and name.endswith(".timer"):
        one = "Timer"
    elif kind == "cron" and name.startswith("/"):
        one = "Cron jobs in"
    return Title(one, name)


def deed(summary: Mapping[str, Any], resource: str = "") -> str:
    """`Edited by hand`, `Installed by hand`."""
    kind, change = kind_of(resource), str(summary.get("kind"))
    if kind == "host_key":  # nobody need have changed anything there: another machine may answer
        return "Another key is shown than the one that was agreed"
    words = _OF_FILES if not resource or kind in FILE_KINDS else _DEEDS | _OF_KIND.get(kind, {})
    return f"{words.get(change, 'Changed')} by hand"


def value_told(value: Any) -> str:
    """A value on one line."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return _some([value_told(item) for item in value]) or NOTHING
    return str(value) or '""'


def value_parts(summary: Mapping[str, Any]) -> list[str]:
    """What changed beside the content of a file, a part an attribute; of what was created, what it is."""
    attributes: Mapping[str, Sequence[Any]] = summary.get("attributes") or {}
    items: Mapping[str, Mapping[str, Sequence[str]]] = summary.get("items") or {}
    texts: Mapping[str, Mapping[str, Mapping[str, Any]]] = summary.get("texts") or {}
    if summary.get("kind") == "created":
        given = {
            name: new
            for name, (_, new) in attributes.items()
            if not (new is None or new is False or new == "")
        }
        parts = [f"{name}: {value_told(new)}" for name, new in given.items()]
        parts += [f"{name}: {_some(changed['added'])}" for name, changed in items.items() if changed["added"]]
    else:
        parts = [f"{name}: {value_told(old)} → {value_told(new)}" for name, (old, new) in attributes.items()]
        parts += [f"{name}: {_signed(changed)}" for name, changed in items.items()]
    return parts + [
        f"{name} {key}: {_lines_told(text)}" for name, keyed in texts.items() for key, text in keyed.items()
    ]


def content_told(summary: Mapping[str, Any]) -> str:
    """What is said of a content whose lines are not shown; empty where nothing about it differs."""
    if not summary.get("content"):
        return ""
    secret = {"all of it": "secret content differs", "in it": "a secret in it differs"}
    return secret.get(str(summary.get("secret")), "content differs")


def lines_told(hunks: Sequence[Mapping[str, Sequence[str]]]) -> str:
    """`1 line removed, 2 added`; empty where there are none."""
    removed, added = (sum(len(hunk[side]) for hunk in hunks) for side in ("removed", "added"))
    counted = [(number, what) for number, what in ((removed, "removed"), (added, "added")) if number]
    return ", ".join(f"{number} {'line' if number == 1 else 'lines'} {what}" for number, what in counted)


def _lines_told(text: Mapping[str, Any]) -> str:
    return {"created": "new", "deleted": "gone"}.get(text["kind"]) or lines_told(text["hunks"]) or "changed"


def _signed(changed: Mapping[str, Sequence[str]]) -> str:
    if not changed["removed"] and not changed["added"]:
        return "changed"
    if sorted(changed["removed"]) == sorted(changed["added"]):
        return "in another order"
    signs = [f"− {item}" for item in changed["removed"]] + [f"+ {item}" for item in changed["added"]]
    return _some(signs)


def _some(items: Sequence[str]) -> str:
    if len(items) <= _TOLD_AT_MOST + 1:
        return ", ".join(items)
    return f"{', '.join(items[:_TOLD_AT_MOST])} and {len(items) - _TOLD_AT_MOST} more"
