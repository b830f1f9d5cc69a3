"""What is done with a change: claim, confirm, hand over, approve, start, complete, fail, cancel, review."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.api.changes import answer, find_change, find_named, find_person
from changemgmt.api.serializers import (
    ApprovalSerializer,
    ChangeDetailSerializer,
    GiveVerdict,
    Outcome,
    Review,
    Transfer,
    Withdraw,
)
from changemgmt.models import Approval
from changemgmt.services.approvals import approve_change, refuse_change
from changemgmt.services.carrying_out import finish_change, review_change, start_change
from changemgmt.services.proposals import withdraw_change
from changemgmt.services.transfers import claim_change, confirm_change, transfer_change
from common.api.views import ApiView


class ChangeClaim(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "change.edit"}

    @extend_schema(operation_id="changes_claim", request=None, responses=ChangeDetailSerializer)
    def post(self, request: Request, change: str) -> Response:
        """ "That was me": take over a change that somebody only stood in for. What was drafted is logged by that."""
        return answer(claim_change(actor=self.actor, change=find_change(change)))


class ChangeConfirm(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "change.edit"}

    @extend_schema(operation_id="changes_confirm", request=None, responses=ChangeDetailSerializer)
    def post(self, request: Request, change: str) -> Response:
        """What Foldback drafted is so: its owner logs it, and somebody else approves it."""
        return answer(confirm_change(actor=self.actor, change=find_change(change)))


class ChangeTransfer(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "change.edit"}

    @extend_schema(operation_id="changes_transfer", request=Transfer, responses=ChangeDetailSerializer)
    def post(self, request: Request, change: str) -> Response:
        """Hand it over: another person answers for it. Verdicts on it are void, since four eyes look at its owner."""
        data = self.parse(Transfer)
        data["to"] = find_named("to", find_person, data["to"])
        return answer(transfer_change(actor=self.actor, change=find_change(change), **data))


class ChangeApprovals(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "change.approve"}

    @extend_schema(operation_id="changes_approvals_list", responses=ApprovalSerializer(many=True))
    def get(self, request: Request, change: str) -> Response:
        """Every verdict on a change, void ones too, in the order they were given."""
        approvals = Approval.objects.filter(change=find_change(change)).select_related("approver", "change")
        return Response(ApprovalSerializer(approvals.order_by("created_at"), many=True).data)

    @extend_schema(
        operation_id="changes_approvals_decide", request=GiveVerdict, responses={201: ApprovalSerializer}
    )
    def post(self, request: Request, change: str) -> Response:
        """Approve or refuse what is proposed, or what was done first. Approving takes the `digest` that you read;
        refusing takes a reason. `missing` of the change tells which approvals it still takes."""
        data = self.parse(GiveVerdict)
        found = find_change(change)
        digest = data.get("digest", "")
        if data["verdict"] == "approve":
            comment = data.get("comment") or data.get("reason", "")
            approval = approve_change(actor=self.actor, change=found, digest=digest, comment=comment)
        else:
            reason = data.get("reason") or data.get("comment", "")
            approval = refuse_change(actor=self.actor, change=found, reason=reason, digest=digest)
        return Response(ApprovalSerializer(approval).data, status=201)


class ChangeStart(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "change.carry-out"}

    @extend_schema(operation_id="changes_start", request=None, responses=ChangeDetailSerializer)
    def post(self, request: Request, change: str) -> Response:
        """It is being carried out from now on. 409 says what stands in the way: see `GET gates/{change}/`."""
        return answer(start_change(actor=self.actor, change=find_change(change)))


class ChangeComplete(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "change.carry-out"}

    @extend_schema(operation_id="changes_complete", request=Outcome, responses=ChangeDetailSerializer)
    def post(self, request: Request, change: str) -> Response:
        """It was carried out."""
        data = self.parse(Outcome)
        return answer(finish_change(actor=self.actor, change=find_change(change), succeeded=True, **data))


class ChangeFail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "change.carry-out"}

    @extend_schema(operation_id="changes_fail", request=Outcome, responses=ChangeDetailSerializer)
    def post(self, request: Request, change: str) -> Response:
        """It was begun and could not be carried out; `outcome` says why, and what is left of it."""
        data = self.parse(Outcome)
        return answer(finish_change(actor=self.actor, change=find_change(change), succeeded=False, **data))


class ChangeWithdraw(ApiView):
    """At `cancel/` too, for whoever knows it by that word."""

    permissions: ClassVar[dict[str, str]] = {"POST": "change.edit"}

    @extend_schema(operation_id="changes_withdraw", request=Withdraw, responses=ChangeDetailSerializer)
    def post(self, request: Request, change: str) -> Response:
        """Take back what one proposed, before it is carried out."""
        data = self.parse(Withdraw)
        return answer(withdraw_change(actor=self.actor, change=find_change(change), **data))


class ChangeCancel(ChangeWithdraw):
    @extend_schema(operation_id="changes_cancel", request=Withdraw, responses=ChangeDetailSerializer)
    def post(self, request: Request, change: str) -> Response:
        """The same as `withdraw/`: take back what one proposed, before it is carried out."""
        return super().post(request, change)


class ChangeReview(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "change.edit"}

    @extend_schema(operation_id="changes_review", request=Review, responses=ChangeDetailSerializer)
    def post(self, request: Request, change: str) -> Response:
        """Look back on what was done, when it is over: what was learnt."""
        data: dict[str, Any] = self.parse(Review)
        return answer(review_change(actor=self.actor, change=find_change(change), **data))
