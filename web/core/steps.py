"""Where something stands on its way: what is past, what is now, what comes."""

from collections.abc import Sequence
from typing import NamedTuple

FOLD_BACK = (
    ("open", "found", "a scan saw it"),
    ("decided", "proposed", "somebody said what to do"),
    ("approved", "approved", "somebody else agreed"),
    ("committed", "in the definition", "a commit says it"),
    ("proven", "proven", "a scan saw live = definition on every occurrence"),
)
WAIVER = (
    ("open", "found", "a scan saw it"),
    ("decided", "proposed", "somebody said why it may stay"),
    ("approved", "approved", "somebody else agreed"),
    ("waived", "waived", "it reopens by itself at its date"),
)
HOST_KEY = (
    ("open", "found", "a connection was refused"),
    ("enrolled", "enrolled", "a person compared the new fingerprint, and pinned it"),
    ("proven", "proven", "a scan signed in to it"),
)
_ENDS = {
    "vanished": ("gone by itself", "gone from the hosts without a decision"),
    "ignored": ("ignored", "a rule of the definition hides it; it opens again when the rule goes"),
    "unmanaged": ("no longer managed", "the definition no longer says anything about it"),
    "retired": ("retired", "its last host was decommissioned, or installed anew"),
    "superseded": ("superseded", "edited further: a newer finding stands in its place"),
}
CHANGE = (
    ("proposed", "proposed", "it waits for somebody else"),
    ("approved", "approved", "it may be carried out"),
    ("completed", "carried out", ""),
)
_CHANGE_ENDS = {"rejected": "refused", "withdrawn": "withdrawn", "failed": "failed"}
NORMAL = (
    ("proposed", "proposed", "it waits for somebody else"),
    ("approved", "approved", "it may be carried out while the approval holds"),
    ("started", "being carried out", "somebody is at it"),
    ("completed", "carried out", ""),
    ("reviewed", "reviewed", "what was learnt is written down"),
)
STANDARD = (("ready", "ready", "approved beforehand, with its template"), *NORMAL[2:])
RECORD = (
    ("logged", "logged", "somebody says what was done"),
    ("accepted", "accepted", "somebody else said yes to it afterwards"),
    ("reviewed", "reviewed", "what was learnt is written down"),
)


class Step(NamedTuple):
    label: str
    at: str  # "past", "now" or "next"
    note: str = ""


def finding_steps(state: str, kind: str = "") -> list[Step]:
    """The way of a finding that is `state`, where its last decision is of `kind` ("" while there is none)."""
    if state in _ENDS:
        label, note = _ENDS[state]
        return [Step("found", "past"), Step(label, "now", note)]
    way = WAIVER if kind == "waive" and state != "proven" else HOST_KEY if kind == "host-key" else FOLD_BACK
    return _steps(way, state)


def change_steps(state: str) -> list[Step]:
    """The way of a decision's change."""
    if state in _CHANGE_ENDS:
        past = [Step("proposed", "past")]
        if state == "failed":
            past.append(Step("approved", "past"))
        return [*past, Step(_CHANGE_ENDS[state], "now")]
    return _steps(CHANGE, state)


def change_way(state: str, kind: str, *, started: bool) -> list[Step]:
    """The way of a change that is no decision: asked first, from a template, or done first."""
    if state == "drafted":
        return [
            Step("drafted", "now", "a person has to say that it is so"),
            *(step._replace(at="next") for step in _steps(RECORD, "")),
        ]
    asked = started or state in ("proposed", "approved", "rejected", "withdrawn", "ready")
    if not asked:
        if state == "disputed":
            return [
                Step("logged", "past"),
                Step("disputed", "now", "refused afterwards: something is to be put right"),
            ]
        return _steps(RECORD, state)
    way = STANDARD if kind == "standard" else NORMAL
    if state in ("rejected", "withdrawn"):
        return [Step(way[0][1], "past"), Step(_CHANGE_ENDS[state], "now")]
    if state == "failed":
        past = [Step(label, "past", note) for _, label, note in way[:-2]]
        return [*past, Step("failed", "now"), Step("reviewed", "next")]
    return _steps(way, state)


def _steps(way: Sequence[tuple[str, str, str]], state: str) -> list[Step]:
    names = [name for name, _, _ in way]
    here = names.index(state) if state in names else 0
    return [
        Step(label, "past" if index < here else "now" if index == here else "next", note)
        for index, (_, label, note) in enumerate(way)
    ]
