"""Standard changes: one person writes a template, another approves it, and what is made from it is ready at once."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from changemgmt.models import Change, ChangeTemplate
from changemgmt.services.carrying_out import finish_change, start_change
from changemgmt.services.editing import update_change
from changemgmt.services.templates import approve_template, propose_template, retire_template, revise_template
from common import clock
from common.core.errors import Conflict, Invalid, NotPermitted
from tests.factories import acting, host, logged, program

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_web_hosts(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}
    host("web-1")
    host("web-2")
    host("db-1", host_roles=("db",))


def written(**fields: Any) -> ChangeTemplate:
    values: dict[str, Any] = {
        "name": "rotate-logs",
        "title": "Rotate the logs",
        "plan": "logrotate -f",
        "backout": "nothing to take back",
        "selector": "role=web",
    }
    return propose_template(actor=acting("ana"), **values | fields)


def template(**fields: Any) -> ChangeTemplate:
    return approve_template(actor=acting("ben"), template=written(**fields))


def test_what_is_made_from_a_template_is_ready_and_carried_out_without_another_approval() -> None:
    change = logged(program("ana"), title="", template=template(), hosts=["web-2"])
    assert (change.kind, change.state, change.title, change.plan) == (
        "standard", "ready", "Rotate the logs", "logrotate -f",
    )  # fmt: skip
    started = start_change(actor=acting("ana"), change=change)
    assert finish_change(actor=acting("ana"), change=started, succeeded=True).state == "completed"


def test_its_record_afterwards_needs_nobody_either() -> None:
    change = logged("ana", template=template(), hosts=["web-1"], happened_at=clock.now())
    assert (change.state, change.due_at) == ("logged", None)


def test_nothing_is_made_from_what_nobody_else_approved() -> None:
    with pytest.raises(Invalid, match="not approved yet"):
        logged("ana", template=written(), hosts=["web-1"])


def test_whoever_wrote_it_does_not_approve_it() -> None:
    mine = propose_template(
        actor=acting("ben"), name="x", title="x", plan="x", backout="x", selector="role=web"
    )
    with pytest.raises(NotPermitted, match="you wrote"):
        approve_template(actor=acting("ben"), template=mine)
    with pytest.raises(IntegrityError), transaction.atomic():
        ChangeTemplate.objects.filter(pk=mine.pk).update(
            approved_by=mine.proposed_by, approved_at=clock.now()
        )


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"hosts": ["web-1", "db-1"]}, "/hosts"),
        ({"hosts": []}, "/hosts"),
        ({"hosts": ["web-1"], "plan": "rm -rf"}, "/plan"),
        ({"hosts": ["web-1"], "resources": ["file:/etc/passwd"]}, "/resources"),
        ({"hosts": ["web-1"], "kind": "normal"}, "/template"),
    ],
)
def test_what_goes_beyond_the_template_is_refused(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        logged("ana", template=template(resources=["file:/etc/logrotate.conf"]), **fields)
    assert refused.value.errors[0].pointer == pointer
    assert not Change.objects.exists()


def test_an_edit_can_not_leave_the_template() -> None:
    change = logged("ana", template=template(), hosts=["web-1"])
    with pytest.raises(Invalid, match="beyond"):
        update_change(actor=acting("ana"), change=change, fields={"hosts": ["db-1"]})
    assert update_change(actor=acting("ana"), change=change, fields={"hosts": ["web-2"]}).state == "ready"
    with pytest.raises(Invalid, match="the template says this"):
        update_change(actor=acting("ana"), change=change, fields={"plan": "rm -rf"})


def test_a_new_version_waits_for_its_own_approval_and_retires_the_old_one() -> None:
    first = template()
    filed = logged("ana", template=first, hosts=["web-1"])
    second = revise_template(actor=acting("ana"), template=first, fields={"plan": "logrotate -fv"})
    assert (second.version, second.approved_at) == (2, None)
    first.refresh_from_db()
    assert first.retired_at is not None
    with pytest.raises(Invalid, match="retired"):
        logged("ana", template=first, hosts=["web-1"])
    with pytest.raises(Invalid, match="not approved"):
        logged("ana", template=second, hosts=["web-1"])
    filed.refresh_from_db()
    assert (filed.plan, filed.state) == ("logrotate -f", "ready")


def test_a_retired_template_is_neither_approved_nor_revised() -> None:
    gone = retire_template(actor=acting("ana"), template=written(), reason="cron does it")
    for act in (
        lambda: approve_template(actor=acting("ben"), template=gone),
        lambda: revise_template(actor=acting("ana"), template=gone, fields={"plan": "x"}),
        lambda: retire_template(actor=acting("ana"), template=gone),
    ):
        with pytest.raises(Conflict, match="retired"):
            act()
    assert written().version == 1


def test_two_of_one_name_can_not_be() -> None:
    written()
    with pytest.raises(Conflict, match="rotate-logs"):
        written()


@pytest.mark.parametrize(
    "fields", [{"plan": ""}, {"backout": " "}, {"selector": ""}, {"name": "a b"}, {"risk": "none"}]
)
def test_a_template_that_says_too_little_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        written(**fields)


def test_programs_and_auditors_write_no_templates() -> None:
    for actor in (program("ana"), acting("dee")):
        with pytest.raises(NotPermitted):
            propose_template(actor=actor, name="x", title="x", plan="x", backout="x", selector="*")
