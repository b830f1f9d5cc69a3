"""A changed host key is a finding: opened by the connection that was refused, ended by one that is taken."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from common.core.actor import SYSTEM
from deployments.collector.reasons import code_of
from deployments.core.states import Present, from_json
from drift.core.evaluation import Judged
from drift.core.host_key import ATTRIBUTES, RESOURCE, agreed_keys, is_another_key, judge_host_key
from drift.core.verdict import OUT_OF_BAND
from drift.models import HostState, Occurrence, ResourceVerdict
from drift.services.findings import update_findings
from drift.services.scans import PROOF, create_scan
from inventory.models import Host, HostKey
from inventory.queries.host_cas import cas_of

if TYPE_CHECKING:
    from drift.services.observations import Against, Look


def judge_key_of(look: "Look", *, seen_before: bool) -> Judged | None:
    """What this look says of the host's key: that it is another one, or that the one it was is back.

    None where it says nothing: it was not reached, nothing was agreed, or the key is as it was all along.
    """
    head = _agreed(look.host)
    before = Occurrence.objects.filter(host=look.host, ended_at=None, finding__resource=RESOURCE).first()
    base = from_json(before.base) if before is not None else head
    if look.status != "unknown":
        # It was signed in to, so its key is one that is trusted. What is not agreed any more can't be compared with.
        if before is None or not isinstance(base, Present):
            return None
        return _judged(base, head or base, None)
    offered = look.offered_key
    if not offered or not is_another_key(code_of(look.reason), seen_before=seen_before):
        return None
    if head is None or not isinstance(base, Present):
        return None
    judged = _judged(base, head, offered)
    return judged if judged.verdict in OUT_OF_BAND else None  # else it was enrolled meanwhile


def _judged(base: Present, head: Present, offered: str | None) -> Judged:
    judgement, live = judge_host_key(base, head, offered)
    return Judged(RESOURCE, judgement, base, head, live, ATTRIBUTES)


def _agreed(host: Host) -> Present | None:
    pinned = HostKey.objects.filter(host=host, revoked_at=None).values_list("fingerprint", flat=True)
    return agreed_keys(list(pinned), [ca.fingerprint for ca in cas_of(host)])


def record_refused_key(*, look: "Look", against: "Against", state: HostState) -> bool:
    """After a look that failed: the finding, if it showed another key. In the transaction of the look."""
    item = judge_key_of(look, seen_before=state.observed_at is not None)
    if item is None:
        return False
    since: datetime = look.started_at
    row = ResourceVerdict.objects.filter(host=look.host, resource=RESOURCE)
    if not row.update(verdict=item.verdict.value, reason=item.judgement.reason):
        ResourceVerdict.objects.create(
            host=look.host,
            resource=RESOURCE,
            verdict=item.verdict.value,
            reason=item.judgement.reason,
            since=since,
        )
    update_findings(look=look, against=against, judged=[item], before_at=state.observed_at)
    return True


def look_again(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `host.enrolled`: where the host's key was a finding, look whether the new pins are right."""
    host = Host.objects.filter(pk=subject_id, state=Host.ACTIVE).first()
    still = Occurrence.objects.filter(host_id=subject_id, ended_at=None, finding__resource=RESOURCE)
    if host is not None and still.exists():
        create_scan(actor=SYSTEM, selector=f"name={host.name}", purpose=PROOF)
