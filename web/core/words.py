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

# What came of a scan's hosts, in the order of the bar; the tone draws the piece.
OUTCOMES: dict[str, Word] = {
    "unchanged": Word("unchanged", "same", "Looked at, and nothing had moved since the last look."),
    "ok": Word("looked at", "seen", "Wholly looked at."),
    "overtaken": Word(
        "overtaken", "over", "A later scan looked at it, too, and was recorded first. That one counts."
    ),
    "partial": Word(
        "in part", "part", "Looked at; something of it was denied or is unknown for another reason."
    ),
    "unknown": Word("not looked at", "missed", "It could not be looked at; the reasons are below."),
    "waiting": Word("still to come", "rest", "Not tried yet."),
    "not_tried": Word("not tried", "rest", "The scan ended before its turn came."),
}
# How much is known of the fleet.
COVERAGE: dict[str, Word] = {
    "fresh": Word("looked at", "calm", "Wholly looked at within a day."),
    "partial": Word(
        "in part", "part", "Looked at within a day; something was denied, or is unknown for another reason."
    ),
    "stale": Word("stale", "stale", "Looked at, and not within the last day."),
    "not_reached": Word("unreachable", "missed", "The last try to look at it failed."),
    "never": Word("never", "never", "Never looked at, or not since it was installed anew."),
}

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
    "drafted": Word("drafted", "asks", "Written down by Foldback; a person has to say that it is so."),
    "ready": Word("ready", "moves", "Approved beforehand, with its template."),
    "started": Word("being carried out", "moves", "Somebody is at it."),
    "accepted": Word("accepted", "rests", "Done first, and approved by another person afterwards."),
    "disputed": Word("disputed", "asks", "Done first, and refused afterwards: something is to be put right."),
    "reviewed": Word("reviewed", "rests", "Looked back on."),
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
    # incidents
    "closed": Word("closed", "rests", "The harm has ended; its review is to be written."),
    # jobs and hosts
    "pending": Word("waiting", "moves", "Queued; a worker will take it."),
    "queued": Word("waiting", "moves", "Queued; a worker will take it."),
    "running": Word("running", "moves", "A worker is at it."),
    "cancelling": Word("stopping", "moves", "Cancelled; workers finish what they hold."),
    "partial": Word("done, with gaps", "broke", "Part of it could not be done."),
    "active": Word("active", "rests", "Managed and scanned."),
    "new": Word("not enrolled", "asks", "Its host key is not pinned yet."),
    "decommissioned": Word("decommissioned", "off", "No longer a host of ours."),
    # notices
    "notice_pending": Word("waiting", "moves", "To be sent, or to be sent again."),
    "sending": Word("being sent", "moves", "A worker hands it over."),
    "sent": Word("sent", "rests", "The mail server or the webhook took it."),
    "notice_failed": Word(
        "not sent", "broke", "It was refused, or could not be delivered; the reason is beside it."
    ),
    "uncertain": Word("uncertain", "broke", "It may have arrived, and is not sent again."),
    # scan policies and their due times
    "disabled": Word("off", "off", "Nothing is due until somebody switches it on."),
    "skipped": Word(
        "skipped", "broke", "The scan before it was still running, so no second one was started."
    ),
    "replaced": Word(
        "by a deep look", "rests", "A deep look was due at the same time, and does for this one."
    ),
}


def verdict(value: str) -> Word:
    """The word for a verdict or overlay; an unheard-of one is shown as it is, as unknown."""
    key = value.replace("-", "_").replace(" ", "_")
    return VERDICTS.get(key) or OVERLAYS.get(key) or Word(value, "unknown", "")


def state(value: str) -> Word:
    """The word for a lifecycle state; an unheard-of one is shown as it is, quietly."""
    key = value.replace("-", "_").replace(" ", "_")
    return STATES.get(key) or Word(value.replace("_", " "), "rests", "")
