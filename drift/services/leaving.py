"""What somebody who leaves has claimed is nobody's again, and stands out as such."""

from typing import Any
from uuid import UUID

from common.core.actor import SYSTEM
from common.models import Person
from common.services.ledger import record_entries
from drift.models import Finding


def release_claims(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `person.deactivated`: their claims of findings that have not ended are released. Whoever is active
    again by now keeps them."""
    leaver = Person.objects.filter(pk=subject_id, is_active=False).first()
    if leaver is None:
        return
    claimed = Finding.objects.select_for_update().filter(claimed_by=leaver, ended_at=None)
    findings = list(claimed.order_by("fingerprint"))
    Finding.objects.filter(pk__in=[finding.pk for finding in findings]).update(
        claimed_by=None, claimed_at=None
    )
    why = {"reason": f"{leaver.username} has left"}
    record_entries(
        actor=SYSTEM, action="finding.unclaimed", subjects=[(finding, why) for finding in findings]
    )
