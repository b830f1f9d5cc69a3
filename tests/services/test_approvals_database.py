"""Four eyes against plain SQL: what goes around the services meets constraints and triggers."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from changemgmt.models import Approval, Change
from changemgmt.services.approvals import approve_change, refuse_change, void_approval
from common import clock
from common.core.actor import SYSTEM
from common.models.base import new_id
from tests.factories import DIGEST, OTHER_DIGEST, acting, person, proposed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


def approved(**fields: Any) -> Change:
    change = proposed("ana", **fields)
    approve_change(actor=acting("ben"), change=change, digest=DIGEST)
    change.refresh_from_db()
    return change


APPROVAL = {
    "digest": DIGEST,
    "verdict": "approved",
    "reason": "",
    "four_eyes": True,
    "void_reason": "",
    "voided_at": None,
}


def insert(change: Change, approver: str, **other: Any) -> None:
    values = APPROVAL | {
        "id": new_id(),
        "created_at": clock.now(),
        "expires_at": clock.now() + timedelta(days=1),
        "change_id": change.pk,
        "approver_id": person(approver).pk,
        "requested_by_id": change.requested_by_id,
        "owner_id": change.owner_id,
        "made_by": [str(maker) for maker in change.made_by],
    }
    values |= other
    names = ", ".join(values)
    marks = ", ".join("%s::uuid[]" if name == "made_by" else "%s" for name in values)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO changemgmt_approval ({names}) VALUES ({marks})", list(values.values()))


def run(sql: str, *parameters: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def test_sql_may_insert_an_honest_approval() -> None:
    insert(proposed("ana"), "ben")
    assert Approval.objects.count() == 1


def test_the_database_refuses_an_approval_by_requester_owner_or_maker() -> None:
    change = proposed("ana", made_by=[person("cy").pk])
    for who in ("ana", "cy"):
        with pytest.raises(IntegrityError, match="approval_is_somebody_elses"):
            insert(change, who)
    run("UPDATE changemgmt_change SET owner_id = %s WHERE id = %s", person("ben").pk, change.pk)
    change.refresh_from_db()
    with pytest.raises(IntegrityError, match="approval_is_somebody_elses"):
        insert(change, "ben")


@pytest.mark.parametrize("copy", ["requested_by_id", "owner_id", "made_by", "digest"])
def test_the_database_refuses_an_approval_that_copies_something_else(copy: str) -> None:
    change = proposed("ana", made_by=[person("ben").pk])
    lie: Any = {"made_by": [], "digest": OTHER_DIGEST}.get(copy, person("dee").pk)
    with pytest.raises(IntegrityError, match="does not say of its change what the change says"):
        insert(change, "cy", **{copy: lie})


def test_the_database_refuses_two_live_approvals_by_one_person() -> None:
    change = proposed("ana")
    insert(change, "ben")
    with pytest.raises(IntegrityError, match="approval_one_live_each"):
        insert(change, "ben")


def test_the_database_refuses_a_refusal_without_a_reason_and_an_unknown_verdict() -> None:
    with pytest.raises(IntegrityError, match="approval_refusal_has_a_reason"):
        insert(proposed("ana"), "ben", verdict="refused")
    with pytest.raises(IntegrityError, match="approval_verdict_is_known"):
        insert(proposed("ana"), "ben", verdict="perhaps")


@pytest.mark.parametrize(
    "assignment",
    [
        "digest = repeat('c', 64)",
        "four_eyes = false",
        "expires_at = now() + interval '1 year'",
        "verdict = 'refused', reason = 'x'",
        "approver_id = requested_by_id",
    ],
)
def test_the_database_refuses_to_edit_an_approval(assignment: str) -> None:
    change = approved()
    with pytest.raises(DatabaseError, match="can only be voided, once"):
        run(f"UPDATE changemgmt_approval SET {assignment} WHERE change_id = %s", change.pk)


def test_the_database_refuses_to_revive_a_voided_approval() -> None:
    change = approved()
    void_approval(actor=SYSTEM, change=change, reason="moved")
    with pytest.raises(DatabaseError, match="can only be voided, once"):
        run(
            "UPDATE changemgmt_approval SET voided_at = NULL, void_reason = '' WHERE change_id = %s",
            change.pk,
        )


def test_the_database_refuses_to_delete_an_approval() -> None:
    change = approved()
    with pytest.raises(DatabaseError, match="never deleted"):
        run("DELETE FROM changemgmt_approval WHERE change_id = %s", change.pk)


@pytest.mark.parametrize(
    "assignment",
    ["digest = repeat('c', 64)", "owner_id = %(cy)s", "requested_by_id = %(cy)s", "made_by = '{}'"],
)
def test_the_database_refuses_to_change_what_a_live_approval_binds(assignment: str) -> None:
    change = approved(made_by=[person("dee").pk])
    with (
        pytest.raises(IntegrityError, match="void it first"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"UPDATE changemgmt_change SET {assignment} WHERE id = %(change)s",
            {"cy": person("cy").pk, "change": change.pk},
        )


def test_the_database_lets_nothing_become_approved_without_an_approval() -> None:
    change = proposed("ana")
    with pytest.raises(IntegrityError, match="as many approvals of its digest"):
        run("UPDATE changemgmt_change SET state = 'approved' WHERE id = %s", change.pk)
    with pytest.raises(IntegrityError, match="as many approvals of its digest"):
        with transaction.atomic():
            Change(
                kind="decision",
                state="approved",
                title="never seen",
                digest=DIGEST,
                owner=person("ana"),
                owner_source="recorder",
                requested_by=person("ana"),
                client_id=person("ana").pk,
                happened_at=clock.now(),
            ).save(force_insert=True)
    refuse_change(actor=acting("ben"), change=change, reason="no")
    with pytest.raises(IntegrityError, match="as many approvals of its digest"):
        run("UPDATE changemgmt_change SET state = 'approved' WHERE id = %s", change.pk)
