"""What one look at one host means, written down in one fenced transaction.

Steps: 1. ignore a look that is outdated by now; 2. where nothing had moved, recall what was seen; 3. judge every
resource (drift.core.evaluation); 4. move base; 5. keep the observed manifest, its history and what a quick look needs;
6. replace the host's verdicts; 7. update findings and occurrences; 8. the host's row of the scan, and the job's count.

Most hosts on which nothing had moved never come here: see drift.services.seen.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from common.services.jobs import Claim, count_items, fenced_write
from deployments.collector import reasons
from deployments.collector.question import Observation
from deployments.core.content_digests import in_the_same_form
from deployments.core.definition.model import Definition, DesiredManifest
from deployments.core.states import State, from_json, to_json
from deployments.models import Deployment
from drift.core.basis import basis_of, is_settled
from drift.core.evaluation import Judged, counts, evaluate, next_base
from drift.core.host_key import RESOURCE as HOST_KEY
from drift.core.verdict import OUT_OF_BAND, Verdict
from drift.models import HostHistory, HostMemory, HostScan, HostState, Occurrence, ResourceVerdict, Scan
from drift.models.scan import OVERTAKEN
from drift.services.contents import desired_to_compare, hmac_key
from drift.services.findings import update_findings
from drift.services.host_keys import judge_key_of, record_refused_key
from drift.services.manifests import keep_manifest, load_states, store_texts
from drift.services.memories import recalled_for, remember
from drift.services.retirement import begin_again
from inventory.core.host_view import HostView
from inventory.models import Host


@dataclass(frozen=True)
class Look:
    """What the scanner brought back from one host. `status` ok, partial or unknown; `reason` a stable code.

    `unmoved`: nothing had moved since the look that began at that time and left the memory by which it was asked; the
    observation is empty then, and what it was is recalled, as far as it was asked: `sections`.
    """

    host: Host
    view: HostView
    started_at: datetime
    seconds: float
    status: str
    reason: str
    detail: str
    observation: Observation
    offered_key: str = ""  # the fingerprint of a host key that was refused
    unmoved: datetime | None = None
    sections: tuple[str, ...] = ()


class LookAgain(Exception):
    """What is remembered does not say enough: the host has to be looked at without it. Nothing was written."""


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
    """Write what one look means. Raises LostLease before anything is written when the batch has moved on.

    Raises LookAgain for one by memory where that was forgotten meanwhile, or where it would find what was not found
    before: of that we want the text, and who it was.
    """
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
            look = _recalled(look, state) if look.unmoved else look
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
            unmoved=look.unmoved is not None and bool(judged),
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


def _recalled(look: Look, state: HostState) -> Look:
    """The look with what is remembered of the host, which is how it still is."""
    assert look.unmoved is not None
    memory = HostMemory.objects.filter(host=look.host, taken_at=look.unmoved).only("status", "reason").first()
    recalled = recalled_for(
        look.host.pk, load_states(state.observed), taken_at=look.unmoved, sections=look.sections
    )
    if memory is None or recalled is None:
        raise LookAgain(f"what is remembered of {look.host.name} is not what it was asked by")
    return replace(look, status=memory.status, reason=memory.reason, observation=recalled.observation())


def _record_observation(host: Host, state: HostState, look: Look, against: Against) -> list[Judged]:
    base = _agreed(load_states(state.base), look)
    found = _open_here(look)

    def judge(base: dict[str, State] | None, still_open: Collection[str]) -> list[Judged]:
        return evaluate(
            base=base,
            desired=against.desired,
            observation=look.observation,
            ignore=against.definition.ignore,
            still_open=still_open,
            found={resource: from_json(live) for resource, live in found.items()},
        )

    judged = judge(base, found)
    if look.observation.recalled and any(_is_to_be_read(item, look, found) for item in judged):
        raise LookAgain(f"{look.host.name} is not as it should be, in a way that was not seen before")
    texts = {digest: content.decode() for digest, content in look.observation.contents.items()}
    store_texts(texts, look.observation.redactions)
    before_at = state.observed_at
    own = against.desired.own
    observed, moved = keep_manifest(look.observation.states, state.observed, own)
    if moved:
        HostHistory.objects.create(
            host=look.host, manifest=observed, seen_at=look.started_at, before_at=before_at
        )
    agreed = next_base(base, judged)
    new_base, base_moved = keep_manifest(agreed, state.base, own)
    state.base, state.observed = new_base, observed
    state.revision, state.observed_at, state.counts = against.revision, look.started_at, counts(judged)
    state.save(update_fields=["base", "observed", "revision", "observed_at", "counts"])
    _replace_verdicts(look, judged)
    key = judge_key_of(look, seen_before=True)
    update_findings(look=look, against=against, judged=[*judged, key] if key else judged, before_at=before_at)
    facts = {**host.facts, **look.observation.facts}
    if facts != host.facts:
        Host.objects.filter(pk=host.pk).update(facts=facts)
    open_now = _open_here(look) if found else {}
    stands = open_now.keys() >= found.keys() and (
        # Where all is in sync base is what is live, and is so at the next look.
        not base_moved or all(item.verdict is Verdict.IN_SYNC for item in judged)
    )
    stands = stands or is_settled(judged, judge(agreed, open_now))
    remember(look=look, judged=_basis(look, against, state, facts) if stands else "")
    return judged


def _open_here(look: Look) -> dict[str, dict[str, Any]]:
    """What is found on the host: resource → its state then. A key is seen by connecting, not by looking."""
    rows = Occurrence.objects.filter(host=look.host, ended_at=None).exclude(finding__resource=HOST_KEY)
    return dict(rows.values_list("finding__resource", "live"))


def _is_to_be_read(item: Judged, look: Look, found: Mapping[str, dict[str, Any]]) -> bool:
    """Whether what is recalled of it does not do: it is out of band and was not found as it is now, so that its text and
    who it was would be missing; or it may hold a secret by its digest, and is what the definition now says."""
    if item.verdict not in (*OUT_OF_BAND, Verdict.PENDING):
        return False
    if not look.unmoved and item.resource not in look.observation.recalled:
        return False
    is_news = item.verdict in OUT_OF_BAND and not item.hidden
    if is_news and found.get(item.resource) != to_json(item.live):
        return True
    return in_the_same_form(item.head, item.live, hmac_key()) != item.head


def _basis(look: Look, against: Against, state: HostState, facts: dict[str, Any]) -> str:
    """What this look was judged from. Where the host has other facts since, that is only still so if they make no
    difference to what it should be."""
    compared: Mapping[str, Any] = look.view.facts
    if facts != compared:
        now = desired_to_compare(against.definition, replace(look.view, facts=facts))
        compared = facts if now.resources == against.desired.resources else compared
    return basis_of(
        revision=state.revision,
        version=look.host.version,
        facts=compared,
        base=state.base_id,
        observed=state.observed_id,
    )


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
