"""Who made what a change decides on: they may not approve it."""

from collections.abc import Iterable
from uuid import UUID

from changemgmt.models import Change
from common.models import LedgerEntry
from drift.models import Adoption, Explanation, Finding


def people_who_made(findings: Iterable[Finding]) -> set[UUID]:
    """As far as is known now: who claimed these findings, and the owners of the changes that explain them."""
    findings = list(findings)
    claimants = {finding.claimed_by_id for finding in findings if finding.claimed_by_id}
    explained = Explanation.objects.filter(finding__in=findings)
    return claimants | set(explained.values_list("change__owner_id", flat=True))


def makers_of_decision(change: Change) -> set[UUID]:
    """In settings.CHANGE_MAKERS: asked when somebody wants to approve a change."""
    return people_who_made(Finding.objects.filter(decisions__change=change))


def makers_of_adoption(change: Change) -> set[UUID]:
    """In settings.CHANGE_MAKERS: who chose the hosts and the options of an adoption, whoever proposed it then."""
    adoptions = Adoption.objects.filter(change=change).values_list("pk", flat=True)
    chosen = LedgerEntry.objects.filter(
        subject_id__in=list(adoptions), action__in=("adoption.started", "adoption.planning")
    )
    return {person for person in chosen.values_list("person_id", flat=True) if person is not None}
