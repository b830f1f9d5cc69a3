"""Ledger actions as people say them."""

from collections.abc import Mapping
from typing import Any

_DEEDS = {
    "change.logged": "logged it",
    "change.claimed": "claimed it",
    "change.updated": "corrected it",
    "change.proposed": "proposed it",
    "change.content_replaced": "replaced what it would do",
    "change.approved": "approved it",
    "change.rejected": "refused it",
    "change.voided": "made the approval void",
    "change.withdrawn": "took it back",
    "change.completed": "carried it out",
    "change.failed": "could not carry it out",
    "change.prepared": "prepared it from its template",
    "change.drafted": "wrote it down, for what nobody had logged",
    "change.confirmed": "said that it is so",
    "change.transferred": "handed it over",
    "change.approval_given": "approved it; more are needed",
    "change.accepted": "approved it afterwards",
    "change.disputed": "disputed it",
    "change.started": "began to carry it out",
    "change.reviewed": "looked back on it",
    "change.commented": "said something about it",
    "change.attached": "attached a file",
    "change.overdue": "saw that nobody had approved it in time",
    "decision.proposed": "wrote down what it decides",
    "decision.refreshed": "brought it up to the present definition",
    "decision.rebased": "rebased it onto the present definition",
    "decision.committed": "committed it to the definition",
    "finding.opened": "found it",
    "finding.reopened": "opened it again",
    "finding.decided": "proposed a decision",
    "finding.approved": "began to carry the decision out",
    "finding.approval_voided": "sent it back for another approval",
    "finding.committed": "put it into the definition",
    "finding.waived": "waived it",
    "finding.waiver_ended": "ended the waiver",
    "finding.proven": "saw live = definition on every host",
    "finding.vanished": "saw that it is gone",
    "finding.ignored": "saw that a rule hides it",
    "finding.unmanaged": "saw that it is no longer managed",
    "finding.retired": "retired it with its last host",
    "finding.host_ended": "ended it on a host",
    "finding.superseded": "saw it edited further",
    "finding.claimed": "claimed it",
    "finding.unclaimed": "gave the claim back",
    "adoption.started": "began to look at hosts",
    "adoption.planning": "began to write the definition",
    "adoption.planned": "wrote the definition, and rendered it for every host",
    "adoption.proposed": "proposed it",
    "adoption.committed": "committed it to its branch",
    "adoption.merged": "brought it to main",
    "adoption.returned": "gave it back, to be planned again",
    "adoption.discarded": "discarded it",
    "adoption.failed": "could not write a definition",
    "scan.started": "started it",
    "scan.finished": "finished it",
}


def deed(action: str) -> str:
    """`change.approved` → `approved it`; what we have no words for is said as it is."""
    return _DEEDS.get(action) or action.partition(".")[2].replace("_", " ") or action


def deed_detail(data: Mapping[str, Any], action: str = "") -> str:
    """What a ledger entry says beyond the deed, on one line: its reason first, else what it is about."""
    if action == "change.commented":
        return ""  # it stands with the comments
    for name in ("reason", "why", "text", "outcome", "comment"):
        if text := " ".join(str(data.get(name) or "").split()):
            return f"{data['host']}: {text}" if name == "why" and data.get("host") else text
    parts = []
    if data.get("revision") or data.get("commit"):
        parts.append(f"revision {str(data.get('revision') or data.get('commit'))[:12]}")
    if data.get("host"):
        # Found on one host at a time: the others that have it are no deeds of their own.
        parts.append(f"{'first ' if action == 'finding.opened' else ''}on {data['host']}")
    if data.get("until"):
        parts.append(f"until {str(data['until'])[:10]}")
    if data.get("four_eyes") is False:
        parts.append("with four eyes off")
    return ", ".join(parts)
