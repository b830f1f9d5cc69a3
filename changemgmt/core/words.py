"""The words a change is described with: kinds, sources of ownership, verdicts."""

EMERGENCY = "emergency"  # recorded first, reviewed afterwards
NORMAL = "normal"
STANDARD = "standard"
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
OWNER_SOURCES = (NAMED, RECORDER, CLAIMANT, COMMANDER, TEAM_LEAD, SPONSOR)
# These answer for it until somebody says "that was me".
STAND_INS = (COMMANDER, TEAM_LEAD, SPONSOR)

APPROVED = "approved"
REFUSED = "refused"
VERDICTS = (APPROVED, REFUSED)
