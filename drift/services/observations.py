"""What one look at one host means, written down in one fenced transaction.

Steps: 1. ignore a look that is outdated by now; 2. judge every resource (drift.core.evaluation); 3. move
base; 4. keep the observed manifest and its history; 5. replace the host's verdicts; 6. update findings and
occurrences; 7. the host's row of the scan, and the job's count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from common.services.jobs import Claim, count_items, fenced_write
from deployments.collector import reasons
from deployments.collector.question import Observation
from deployments.core.content_digests import in_the_same_form
from deployments.core.definition.model import Definition, DesiredManifest
from deployments.core.states import State, from_json
from deployments.models import Deployment
from drift.core.evaluation import Judged, counts, evaluate, next_base
from drift.core.host_key import RESOURCE as HOST_KEY
from drift.core.verdict import OUT_OF_BAND, Verdict
from drift.models import HostHistory, HostScan, HostState, Manifest, Occurrence, ResourceVerdict, Scan
from drift.models.scan import OVERTAKEN
from drift.services.contents import hmac_key
from drift.services.findings import update_findings
from drift.services.host_keys import judge_key_of, record_refused_key
from drift.services.manifests import load_states, store_manifest, store_texts
from drift.services.retirement import begin_again
from inventory.core.host_view import HostView
from inventory.models import Host


@dataclass(frozen=True)
class Look:
    """What the scanner brought back from one host. `status` ok, partial or unknown; `reason` a stable code."""

    host: Host
    view: HostView
    started_at: datetime
    seconds: float
    status: str
    reason: str
    detail: str
    observation: Observation
    offered_key: str = ""  # the fingerprint of a host key that was refused


@dataclass(frozen=True)
class Against:
    """What the look is compared with. `earlier` is the host's manifest at its last look's revision; `later` are the
    revisions that came after `revision` meanwhile."""

    revision: str
    definition: Definition
    desired: DesiredManifest
    earlier: DesiredManifest | None
    later: frozenset[str] = frozenset()


def record_look(*, claim: Claim, scan: Scan, look: Look, against: Against) -> None:
    """Write what one look means. Raises LostLease before anything is written when the batch has moved on."""
    with fenced_write(claim):
        # Held until the end: a host that is decommissioned meanwhile is retired after this, not before.
        host = Host.objects.select_for_update(no_key=True).get(pk=look.host.pk)
        state, _ = HostState.objects.select_for_update().get_or_create(
            host=look.host, defaults={"status": "unknown"}
        )
        if HostScan.objects.filter(scan=scan, host=look.host).exists():
            return
        begin_again(host=host, state=state)
        is_news = state.tried_at is None or state.tried_at <= look.started_at
        if host.state != Host.ACTIVE:
            look = _not_used(look, reasons.DECOMMISSIONED, "it was decommissioned meanwhile")
        elif look.status != "unknown" and (why := _outdated(host, state, look, against)):
            look, is_news = _not_used(look, reasons.OUTDATED, why), False
            if state.observed_at is not None and state.observed_at > look.started_at:
                look = replace(look, status=OVERTAKEN)
        judged: list[Judged] = []
        if look.status in ("ok", "partial"):
            judged = _record_observation(host, state, look, against)
        refused_key = (
            is_news
            and look.status == "unknown"
            and host.version == look.host.version
            and record_refused_key(look=look, against=against, state=state)
        )
        if is_news:
            HostState.objects.filter(pk=state.pk).update(
                status=look.status, reason=look.reason[:200], tried_at=look.started_at
            )
        HostScan.objects.create(
            scan=scan,
            host=look.host,
            status=look.status,
            reason=look.reason[:200],
            detail=look.detail[:2000],
            seconds=look.seconds,
            revision=against.revision,
            manifest_id=state.observed_id if judged else None,
            counts=counts(judged) if judged else {},
            seen=_seen(look) if judged or refused_key else [],
        )
        count_items(claim=claim, done=1)


def _seen(look: Look) -> list[dict[str, str]]:
    seen = Occurrence.objects.filter(
        host=look.host, ended_at=None, last_seen_at=look.started_at, verdict__in=OUT_OF_BAND
    )
    return [
        {"finding": str(finding), "verdict": verdict, "first_seen": first_seen.isoformat()}
        for finding, verdict, first_seen in seen.values_list("finding_id", "verdict", "first_seen_at")
    ]


def _outdated(host: Host, state: HostState, look: Look, against: Against) -> str:
    """Why this look says nothing any more about how the host stands now; empty where it does.

    Base and definition move while hosts are looked at. What was seen before they moved, judged by how they are
    now, would be called drift; and what they were before, judged once more, would take back what is known.
    """
    if state.tried_at is not None and state.tried_at > look.started_at:
        return "a later look at it was recorded first"
    if state.revision in against.later:
        return f"it was compared with a later revision, {state.revision[:12]}, meanwhile"
    if host.version != look.host.version:
        return "its record was changed while it was looked at"
    deployed = Deployment.objects.filter(hosts__contains=[host.name], deployed_at__gt=look.started_at)
    if (deployment := deployed.first()) is not None:
        return f"something was deployed there while it was looked at ({deployment})"
    return ""


def _not_used(look: Look, reason: str, detail: str) -> Look:
    return replace(look, status="unknown", reason=reason, detail=detail)


def _record_observation(host: Host, state: HostState, look: Look, against: Against) -> list[Judged]:
    base = _agreed(load_states(state.base), look)
    found = dict(
        Occurrence.objects.filter(host=look.host, ended_at=None)
        .exclude(finding__resource=HOST_KEY)  # seen by connecting, not by looking
        .values_list("finding__resource", "live")
    )
    judged = evaluate(
        base=base,
        desired=against.desired,
        observation=look.observation,
        ignore=against.definition.ignore,
        still_open=found,
        found={resource: from_json(live) for resource, live in found.items()},
    )
    texts = {digest: content.decode() for digest, content in look.observation.contents.items()}
    store_texts(texts, look.observation.redactions)
    before_at = state.observed_at
    observed = _stored(look.observation.states, state.observed)
    if state.observed_id != observed.pk:
        HostHistory.objects.create(host=look.host, manifest=observed, seen_at=look.started_at)
    new_base = _stored(next_base(base, judged), state.base)
    state.base, state.observed = new_base, observed
    state.revision, state.observed_at, state.counts = against.revision, look.started_at, counts(judged)
    state.save(update_fields=["base", "observed", "revision", "observed_at", "counts"])
    _replace_verdicts(look, judged)
    key = judge_key_of(look, seen_before=True)
    update_findings(look=look, against=against, judged=[*judged, key] if key else judged, before_at=before_at)
    facts = {**host.facts, **look.observation.facts}
    if facts != host.facts:
        Host.objects.filter(pk=host.pk).update(facts=facts)
    return judged


def _agreed(base: dict[str, State] | None, look: Look) -> dict[str, State] | None:
    """Base, its digests in the form that this look has them: what was bare may be known to hold a secret by now."""
    key = hmac_key()
    if base is None or key is None:
        return base
    live = look.observation.states
    return {
        resource: in_the_same_form(state, live[resource], key) if resource in live else state
        for resource, state in base.items()
    }


def _stored(states: Mapping[str, State], before: Manifest | None) -> Manifest:
    """The manifest of these states: the one before where nothing moved, which is the rule."""
    return before if before is not None and load_states(before) == states else store_manifest(states)


def _replace_verdicts(look: Look, judged: list[Judged]) -> None:
    rows = ResourceVerdict.objects.filter(host=look.host).values_list("resource", "verdict", "since")
    since = {(resource, verdict): at for resource, verdict, at in rows}
    ResourceVerdict.objects.filter(host=look.host).delete()
    ResourceVerdict.objects.bulk_create(
        ResourceVerdict(
            host=look.host,
            resource=item.resource,
            verdict=item.verdict.value,
            reason=item.judgement.reason[:300],
            hidden=item.hidden[:300],
            since=since.get((item.resource, item.verdict.value), look.started_at),
        )
        for item in judged
        if item.counted and item.verdict not in (Verdict.IN_SYNC, Verdict.UNMANAGED)
    )
