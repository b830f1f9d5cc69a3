"""The words of the record: kinds of changes, sources of ownership, verdicts, risks, windows, incidents."""

EMERGENCY = "emergency"  # recorded first, approved and reviewed afterwards
NORMAL = "normal"  # approved before it is done
STANDARD = "standard"  # routine, from a template that was approved beforehand
DECISION = "decision"  # a decision about findings: proposed, approved by another, then carried out
RECORD_KINDS = (EMERGENCY, NORMAL, STANDARD)
KINDS = (*RECORD_KINDS, DECISION)

# Who answers for a change, in the order in which an owner is looked for.
NAMED = "named"
RECORDER = "recorder"
CLAIMANT = "claimant"
COMMANDER = "commander"
TEAM_LEAD = "team lead"
SPONSOR = "sponsor"
SUCCESSOR = "successor"  # took over from somebody who left, or who handed it over
OWNER_SOURCES = (NAMED, RECORDER, CLAIMANT, COMMANDER, TEAM_LEAD, SPONSOR, SUCCESSOR)
# These answer for it until somebody says "that was me".
STAND_INS = (COMMANDER, TEAM_LEAD, SPONSOR, SUCCESSOR)

# States of a record: it was done first. Of the others, these are of what has not been done, or not yet.
RECORD_STATES = ("drafted", "logged", "accepted", "disputed")
UNSETTLED = ("logged", "drafted", "disputed")  # somebody else has not said yes to it
NOT_DONE = ("proposed", "approved", "rejected", "withdrawn", "ready")
NOT_SAID = ("drafted", *NOT_DONE)  # nobody says that they did it: it explains nothing

APPROVED = "approved"
REFUSED = "refused"
VERDICTS = (APPROVED, REFUSED)

LOW, MEDIUM, HIGH = "low", "medium", "high"
RISKS = (LOW, MEDIUM, HIGH)

FREEZE = "freeze"  # no pushes
MAINTENANCE = "maintenance"
WINDOW_KINDS = (FREEZE, MAINTENANCE)

CRITICAL, MAJOR, MINOR = "critical", "major", "minor"
SEVERITIES = (CRITICAL, MAJOR, MINOR)

# What a line of an incident's timeline tells of.
NOTE = "note"
ENTRY_KINDS = (
    "opened", NOTE, "severity", "commander", "scope", "change", "finding", "scan", "closed", "reopened", "reviewed",
)  # fmt: skip
