"""Base follows what other pushers report: the reported revision, rendered for each host, becomes agreed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q

from common.core.actor import SYSTEM
from common.services.jobs import Claim, LeaseKeeper, LostLease, count_items, create_job, fenced_write
from common.services.ledger import record_entry
from deployments.core.definition.model import DesiredManifest
from deployments.models import Deployment
from deployments.queries.definitions import definition_at, head_revision
from drift.core.bases import deployed_base
from drift.models import HostState
from drift.services.contents import desired_to_compare
from drift.services.manifests import keep_manifest, load_states
from drift.services.retirement import begin_again
from inventory.models import Host
from inventory.queries.host_names import hosts_called, naming, spans_of
from inventory.queries.hosts import host_view

KIND = "move-base"
BATCH_HOSTS = 50  # each batch is written in one transaction


def apply_deployment(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `deployment.reported`: only makes the job, since rendering reads Git."""
    deployment = Deployment.objects.get(pk=subject_id)
    called = hosts_called(deployment.hosts, deployment.created_at)  # as they were when it was reported
    hosts = called.filter(state=Host.ACTIVE).order_by("name")
    ids = [str(pk) for pk in hosts.values_list("pk", flat=True)]
    batches = [ids[i : i + BATCH_HOSTS] for i in range(0, len(ids), BATCH_HOSTS)]
    create_job(actor=SYSTEM, kind=KIND, subject=deployment, batches=batches)


def run_move_base_batch(*, claim: Claim, keeper: LeaseKeeper) -> None:
    """1. Render the reported revision (and the head, for hosts that were never looked at) for each host.
    2. Move base on all of them in one fenced transaction, so that a batch done again counts nothing twice.
    """
    deployment = Deployment.objects.get(pk=claim.subject_id)
    deployed, head = definition_at(deployment.revision), definition_at(head_revision())
    rendered: list[tuple[Host, DesiredManifest, DesiredManifest]] = []
    for host in Host.objects.filter(pk__in=claim.items, state=Host.ACTIVE).order_by("pk"):
        if keeper.lost:
            raise LostLease(f"batch {claim.batch_id}")
        view = host_view(host)
        rendered.append((host, desired_to_compare(deployed, view), desired_to_compare(head, view)))
    with fenced_write(claim):
        moved = sum(_move_base(deployment, host, manifest, at_head) for host, manifest, at_head in rendered)
        count_items(claim=claim, done=len(claim.items))
        record_entry(
            actor=SYSTEM,
            action="deployment.applied",
            subject=deployment,
            data={"hosts": len(rendered), "moved": moved, "skipped": len(claim.items) - len(rendered)},
        )


def _move_base(deployment: Deployment, host: Host, deployed: DesiredManifest, head: DesiredManifest) -> bool:
    """True when what is agreed on this host became another."""
    state, _ = HostState.objects.get_or_create(
        host=host, defaults={"status": "unknown", "reason": "never scanned"}
    )
    state = HostState.objects.select_for_update().get(pk=state.pk)
    host = Host.objects.get(pk=host.pk)
    if host.reimaged_at is not None:
        if deployment.deployed_at < host.reimaged_at:
            return False  # what was put there before it was installed anew is gone
        begin_again(host=host, state=state)
    base = deployed_base(
        base=load_states(state.base),
        head=head,
        deployed=deployed,
        resources=deployment.resources,
        newer=_newer_reports(deployment, host),
    )
    manifest, moved = keep_manifest(base, state.base, deployed.own | head.own)
    if not moved:
        return False
    HostState.objects.filter(pk=state.pk).update(base=manifest)
    return True


def _newer_reports(deployment: Deployment, host: Host) -> Sequence[Sequence[str]]:
    """The resources of each report about this host that was deployed later; read under the host's lock."""
    at = deployment.deployed_at
    later = Deployment.objects.filter(
        naming(spans_of([host.pk]), field="hosts", at="created_at"),
        Q(deployed_at__gt=at) | Q(deployed_at=at, number__gt=deployment.number),
    )
    return list(later.values_list("resources", flat=True))
