"""What states and verdicts are called on a page, and how loud each may be."""

from typing import NamedTuple


class Word(NamedTuple):
    """label: what is read. tone: the CSS class that draws it. meaning: one sentence, shown on hover."""

    label: str
    tone: str
    meaning: str


VERDICTS: dict[str, Word] = {
    "in_sync": Word("in sync", "in-sync", "The host has what the definition says."),
    "pending": Word("pending", "pending", "The definition moved, and has not arrived here."),
    "drifted": Word("drifted", "drifted", "Changed out of band."),
    "conflict": Word("conflict", "conflict", "Changed out of band, and the definition moved too."),
    "unknown": Word("unknown", "unknown", "Could not be looked at."),
}
OVERLAYS: dict[str, Word] = {
    "waived": Word("waived", "waived", "Accepted until a date; pushes skip it."),
    "ignored": Word("ignored", "ignored", "Hidden by a rule of the definition; counted, not listed."),
}
# Order from loudest to quietest, for bars and legends.
VERDICT_ORDER = ("conflict", "drifted", "pending", "unknown", "in_sync")

# Tones: "asks" waits for a person, "moves" is under way, "rests" needs nobody, "broke" went wrong, "off" is over.
STATES: dict[str, Word] = {
    # findings
    "open": Word("open", "asks", "Nobody has decided yet."),
    "decided": Word("decided", "moves", "A decision is proposed and waits for approval."),
    "committed": Word("committed", "moves", "In the definition; a rescan will prove it."),
    "reverting": Word("reverting", "moves", "Being put back on the hosts."),
    "reverted": Word("reverted", "moves", "Put back on the hosts; a rescan will prove it."),
    "proven": Word("proven", "rests", "A rescan showed live = definition on every occurrence."),
    "waived": Word("waived", "rests", "Accepted until a date; it reopens by itself."),
    "ignored": Word("ignored", "rests", "Hidden by a rule of the definition."),
    "vanished": Word("vanished", "off", "Gone without a decision."),
    "unmanaged": Word("no longer managed", "off", "The definition no longer declares it."),
    "retired": Word("retired", "off", "Its last host was decommissioned, or installed anew."),
    "superseded": Word("superseded", "off", "A further edit made a new finding of it."),
    "reopened": Word("reopened", "asks", "It was closed, and came back."),
    # changes and decisions
    "draft": Word("draft", "asks", "Not yet proposed."),
    "proposed": Word("proposed", "asks", "Waits for another person's approval."),
    "awaiting_approval": Word("awaiting approval", "asks", "Waits for another person's approval."),
    "logged": Word("logged", "rests", "The record of something that was done."),
    "withdrawn": Word("withdrawn", "off", "Taken back by whoever proposed it."),
    "recorded": Word("recorded", "rests", "Logged as done."),
    "approved": Word("approved", "moves", "Another person agreed; the work is next."),
    "rejected": Word("rejected", "off", "Another person said no."),
    "executing": Word("being carried out", "moves", "A worker is at it."),
    "in_progress": Word("in progress", "moves", "Somebody is at it."),
    "completed": Word("completed", "rests", "Done."),
    "done": Word("done", "rests", "Done."),
    "failed": Word("failed", "broke", "It did not work."),
    "cancelled": Word("cancelled", "off", "Called off."),
    "void": Word("void", "off", "What was approved changed, so the approval no longer holds."),
    "voided": Word("void", "off", "What was approved changed, so the approval no longer holds."),
    "expired": Word("expired", "off", "Its date has passed."),
    # adoptions
    "looking": Word("looking at hosts", "moves", "Its hosts are being looked at."),
    "planning": Word(
        "being written", "moves", "A worker writes the definition, and renders it for every host."
    ),
    "planned": Word("to be read", "asks", "The definition can be read; nothing is committed."),
    "merged": Word("merged", "rests", "Its commit is on main."),
    "discarded": Word("discarded", "off", "Given up; nothing of it is on main."),
    # jobs and hosts
    "pending": Word("waiting", "moves", "Queued; a worker will take it."),
    "queued": Word("waiting", "moves", "Queued; a worker will take it."),
    "running": Word("running", "moves", "A worker is at it."),
    "cancelling": Word("stopping", "moves", "Cancelled; workers finish what they hold."),
    "partial": Word("done, with gaps", "broke", "Part of it could not be done."),
    "active": Word("active", "rests", "Managed and scanned."),
    "new": Word("not enrolled", "asks", "Its host key is not pinned yet."),
    "decommissioned": Word("decommissioned", "off", "No longer a host of ours."),
}


def verdict(value: str) -> Word:
    """The word for a verdict or overlay; an unheard-of one is shown as it is, as unknown."""
    key = value.replace("-", "_").replace(" ", "_")
    return VERDICTS.get(key) or OVERLAYS.get(key) or Word(value, "unknown", "")


def state(value: str) -> Word:
    """The word for a lifecycle state; an unheard-of one is shown as it is, quietly."""
    key = value.replace("-", "_").replace(" ", "_")
    return STATES.get(key) or Word(value.replace("_", " "), "rests", "")
