"""`decisions/`: what people propose to do about findings; and where a finding can be folded back.

A decision is carried by a change, and is approved there. What reads Git is prepared before the transaction.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.core.lifecycles import CHANGE
from common import clock
from common.api.filters import TimeFilterSet, WordFilter, WordsInFilter
from common.api.views import ApiView, ListView, find_by_reference
from common.core.errors import FieldError, FoldbackError, Invalid, NotFound, Unprocessable
from deployments.queries.definitions import head_revision
from drift.api.decision_serializers import (
    DecisionDetailSerializer,
    DecisionReasonRequest,
    DecisionSerializer,
    EndWaiverRequest,
    PlacementsSerializer,
    ProposalSerializer,
    ProposeDecisionRequest,
)
from drift.core.proposals import Proposal
from drift.models import Decision, Finding
from drift.models.decision import FOLD_BACK, WAIVE
from drift.services.decisions import (
    KINDS,
    check_until,
    not_possible,
    propose_decision,
    refresh_decision,
    refuse_unless_open,
    withdraw_decision,
)
from drift.services.proposals import placements_for, prepare_fold_back, prepare_refresh
from drift.services.waivers import end_waiver


class DecisionFilterSet(TimeFilterSet):
    kind = WordFilter(KINDS)
    state = WordFilter(CHANGE.meaning, "change__state")
    state__in = WordsInFilter(CHANGE.meaning, "change__state")
    finding = django_filters.CharFilter(method="about", help_text="DRF-…, or its id")

    def about(self, queryset: QuerySet[Decision], name: str, value: str) -> QuerySet[Decision]:
        try:
            return queryset.filter(findings=find_by_reference(Finding.objects.all(), value))
        except NotFound:
            return queryset.none()


def _decisions() -> QuerySet[Decision]:
    return Decision.objects.select_related("change__owner", "change__requested_by", "job").prefetch_related(
        "findings"
    )


def _find(decision: str) -> Decision:
    return find_by_reference(_decisions(), decision)


def _head() -> str | None:
    try:
        return head_revision()
    except FoldbackError:  # a decision can be read without its definition
        return None


def _answer(decision: Decision, head: str | None, status: int = 200) -> Response:
    found = _decisions().get(pk=decision.pk)
    headers = {"Location": f"/api/v1/decisions/{found.pk}/"} if status == 201 else {}
    body = DecisionDetailSerializer(found, context={"head": head}).data
    return Response(body, status=status, headers=headers)


class DecisionList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "decision.propose"}
    serializer_class = DecisionSerializer
    filterset_class = DecisionFilterSet

    def get_queryset(self) -> QuerySet[Decision]:
        return _decisions()

    def allowed_parameters(self) -> frozenset[str]:
        return frozenset({"dry_run"}) if self.request.method == "POST" else super().allowed_parameters()

    @extend_schema(operation_id="decisions_list", responses=DecisionSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Decisions, the latest first."""
        return super().get(request, *args, **kwargs)

    def prepare(self, request: Request, **kwargs: Any) -> Any:
        """Reads Git: what a fold-back would commit, and what that does to hosts."""
        dry_run = request.query_params.get("dry_run", "false")
        if dry_run not in ("true", "false"):
            detail = f"dry_run is true or false, not {dry_run[:40]!r}"
            raise Invalid(f"?dry_run: {detail}.", errors=[FieldError("?dry_run", detail)])
        data = self.parse(ProposeDecisionRequest)
        _check_fields(data)
        findings = [_named(index, text) for index, text in enumerate(data["findings"])]
        findings = list({finding.pk: finding for finding in findings}.values())
        for finding in findings:
            refuse_unless_open(finding)
        proposal = None
        if data["kind"] == FOLD_BACK:
            proposal = prepare_fold_back(
                findings=findings,
                layer=data.get("layer", ""),
                placement=data.get("placement", ""),
                edits=data.get("edits"),
            )
        else:
            check_until(data.get("until"), clock.now())
        return data, findings, proposal, dry_run == "true", proposal.base_revision if proposal else _head()

    @extend_schema(
        operation_id="decisions_propose",
        request=ProposeDecisionRequest,
        parameters=[OpenApiParameter("dry_run", bool, description="only preview what would be proposed")],
        responses={201: DecisionDetailSerializer, 200: ProposalSerializer},
    )
    def post(self, request: Request) -> Response:
        """Propose what to do about open findings; somebody else approves it, and only then there is a job.

        With `?dry_run=true` nothing is recorded, and the answer (200) shows patch, effect and digest.
        """
        data, findings, proposal, dry_run, head = self.prepared
        if dry_run:
            return Response(_preview(data, findings, proposal))
        decision = propose_decision(
            actor=self.actor,
            kind=data["kind"],
            findings=findings,
            reason=data["reason"],
            proposal=proposal,
            until=data.get("until"),
        )
        return _answer(decision, head, 201)


_ONLY_FOR = {FOLD_BACK: ("layer", "placement", "edits"), WAIVE: ("until",)}


def _check_fields(data: dict[str, Any]) -> None:
    """Fields that mean nothing for this kind, or contradict each other, are an error, not silently dropped."""
    kind = data["kind"]
    if kind not in KINDS:
        raise not_possible(kind)
    wrong = [
        (name, f"this is for {other}")
        for other, names in _ONLY_FOR.items()
        if other != kind
        for name in names
    ]
    if "edits" in data:
        wrong += [(name, "give a place or the edits, not both") for name in ("layer", "placement")]
    if len(data["findings"]) > 1:
        wrong.append(("placement", "a placement is one finding's; name a layer for several"))
    errors = [FieldError(f"/{name}", detail) for name, detail in wrong if name in data]
    if errors:
        raise Unprocessable(f"{errors[0].pointer}: {errors[0].detail}.", errors=errors)


def _named(index: int, text: str) -> Finding:
    try:
        return find_by_reference(Finding.objects.all(), text)
    except NotFound as error:
        pointer = f"/findings/{index}"
        raise Invalid(f"{pointer}: {error.detail}", errors=[FieldError(pointer, error.detail)]) from None


def _preview(data: dict[str, Any], findings: Sequence[Finding], proposal: Proposal | None) -> Any:
    return ProposalSerializer(
        {
            "kind": data["kind"],
            "findings": [finding.reference for finding in findings],
            "until": data.get("until"),
            "layer": proposal.layer if proposal else "",
            "explanation": proposal.explanation if proposal else "",
            "base_revision": proposal.base_revision if proposal else "",
            "files": sorted(proposal.edits) if proposal else [],
            "patch": proposal.patch if proposal else "",
            "effect": proposal.effect if proposal else None,
            "digest": proposal.digest if proposal else None,
        }
    ).data


class DecisionDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="decisions_read", responses=DecisionDetailSerializer)
    def get(self, request: Request, decision: str) -> Response:
        """One decision, with its change and approvals, patch, effect, commit and job."""
        return _answer(_find(decision), _head())


class DecisionRefresh(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "decision.propose"}

    def prepare(self, request: Request, **kwargs: Any) -> Any:
        decision = _find(kwargs["decision"])
        return decision, *prepare_refresh(decision)

    @extend_schema(operation_id="decisions_refresh", request=None, responses=DecisionDetailSerializer)
    def post(self, request: Request, decision: str) -> Response:
        """Compute a proposed fold-back anew on the present head; what was approved before is void."""
        found, findings, proposal = self.prepared
        refreshed = refresh_decision(actor=self.actor, decision=found, findings=findings, proposal=proposal)
        return _answer(refreshed, proposal.base_revision)


class DecisionWithdraw(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "decision.propose"}

    def prepare(self, request: Request, **kwargs: Any) -> Any:
        return _head()

    @extend_schema(
        operation_id="decisions_withdraw", request=DecisionReasonRequest, responses=DecisionDetailSerializer
    )
    def post(self, request: Request, decision: str) -> Response:
        """Take back what one proposed, before it is carried out; its findings are open again."""
        data = self.parse(DecisionReasonRequest)
        return _answer(withdraw_decision(actor=self.actor, decision=_find(decision), **data), self.prepared)


class DecisionEnd(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "decision.propose"}

    def prepare(self, request: Request, **kwargs: Any) -> Any:
        return _head()

    @extend_schema(operation_id="decisions_end", request=EndWaiverRequest, responses=DecisionDetailSerializer)
    def post(self, request: Request, decision: str) -> Response:
        """End a waiver before its date: its findings are open again."""
        data = self.parse(EndWaiverRequest)
        found = _find(decision)
        end_waiver(actor=self.actor, decision=found, reason=data["reason"])
        return _answer(found, self.prepared)


class FindingPlacements(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="findings_placements", responses=PlacementsSerializer)
    def get(self, request: Request, finding: str) -> Response:
        """Every way to fold a finding back, most recommended first; what can't be done says why."""
        found = find_by_reference(Finding.objects.all(), finding)
        revision, placements = placements_for(found)
        body = {"finding": found.reference, "revision": revision, "placements": placements}
        return Response(PlacementsSerializer(body).data)
