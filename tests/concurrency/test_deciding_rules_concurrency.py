"""Two people decide on a window, a template or a policy at once: one wins, the other is told, and nothing is half done."""

from datetime import timedelta
from typing import Any

import pytest

from changemgmt.models import ApprovalPolicy, ChangeTemplate, Window
from changemgmt.services.policies import create_policy, update_policy
from changemgmt.services.templates import approve_template, propose_template, retire_template, revise_template
from changemgmt.services.windows import cancel_window, create_window, update_window
from common import clock
from common.core.errors import Conflict, PreconditionFailed
from tests.concurrency.deciding import at_once, happened, won_and_told
from tests.factories import acting, in_threads, person

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 4
PLAN = {"plan": "edit", "backout": "undo"}


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}
    for who in ("ana", "ben", "cy", "dee"):
        person(who)


# ---- windows


def freeze() -> Window:
    begins = clock.now() + timedelta(days=1)
    return create_window(
        actor=acting("ben"),
        kind="freeze",
        title="Weekend",
        selector="*",
        starts_at=begins,
        ends_at=begins + timedelta(hours=4),
    )


def test_of_two_who_call_a_window_off_at_once_one_does_and_the_other_is_told() -> None:
    for _ in range(ROUNDS):
        window = freeze()
        _, told = won_and_told(
            at_once(
                window,
                *(
                    lambda read, who=who: cancel_window(actor=acting(who), window=read)
                    for who in ("ben", "cy")
                ),
            )
        )
        assert "window.cancelled by" in told
        assert happened(window) == ["window.created", "window.cancelled"]


def test_a_window_that_is_changed_and_called_off_at_once_has_a_version_for_each() -> None:
    """Else who has read the one could overwrite the other."""
    for _ in range(ROUNDS):
        window = freeze()
        outcomes = at_once(
            window,
            lambda read: update_window(actor=acting("ben"), window=read, fields={"title": "Long weekend"}),
            lambda read: cancel_window(actor=acting("cy"), window=read),
        )
        won = [one for one in outcomes if isinstance(one, Window)]
        assert isinstance(outcomes[1], Window) and isinstance(outcomes[0], Window | Conflict), outcomes
        after = Window.objects.get(pk=window.pk)
        assert (after.state, after.version) == ("cancelled", 1 + len(won))
    stale = freeze()
    update_window(actor=acting("ben"), window=stale, fields={"title": "Long weekend"})
    assert cancel_window(actor=acting("cy"), window=Window.objects.get(pk=stale.pk)).version == 3


def test_of_two_corrections_of_one_version_of_a_window_one_is_written() -> None:
    for _ in range(ROUNDS):
        window = freeze()
        won, _ = won_and_told(
            at_once(
                window,
                *(
                    lambda read, title=title: update_window(
                        actor=acting("ben"),
                        window=read,
                        fields={"title": title},
                        expected_version=read.version,
                    )
                    for title in ("left", "right")
                ),
            ),
            PreconditionFailed,
        )
        after = Window.objects.get(pk=window.pk)
        assert (after.title, after.version) == (won.title, 2)


# ---- templates and policies


def template(name: str) -> ChangeTemplate:
    return propose_template(actor=acting("ana"), name=name, title="Rotate logs", selector="*", **PLAN)


def in_use(name: str) -> ChangeTemplate:
    return ChangeTemplate.objects.get(name=name, retired_at=None)


def test_of_two_who_approve_a_template_at_once_one_does_and_the_other_is_told() -> None:
    for number in range(ROUNDS):
        new = template(f"rotate-{number}")
        won, told = won_and_told(
            at_once(
                new,
                *(
                    lambda read, who=who: approve_template(actor=acting(who), template=read)
                    for who in ("ben", "cy")
                ),
            )
        )
        assert f"change-template.approved by {won.approved_by.username}" in told
        assert in_use(new.name).approved_by_id == won.approved_by_id
        assert happened(new).count("change-template.approved") == 1


def test_a_template_that_is_revised_while_it_is_approved_waits_for_approval_as_it_is_now() -> None:
    for number in range(ROUNDS):
        new = template(f"rotate-{number}")
        outcomes = at_once(
            new,
            lambda read: approve_template(actor=acting("ben"), template=read),
            lambda read: revise_template(actor=acting("ana"), template=read, fields={"plan": "otherwise"}),
        )
        assert isinstance(outcomes[0], ChangeTemplate | Conflict) and isinstance(
            outcomes[1], ChangeTemplate
        ), outcomes
        now = in_use(new.name)
        assert (now.plan, now.approved_by, now.version) == ("otherwise", None, 2)


def test_of_two_who_revise_or_retire_a_template_at_once_one_does_and_the_other_is_told() -> None:
    for number in range(ROUNDS):
        new = template(f"rotate-{number}")
        _, told = won_and_told(
            at_once(
                new,
                *(
                    lambda read, plan=plan: revise_template(
                        actor=acting("ana"), template=read, fields={"plan": plan}
                    )
                    for plan in ("left", "right")
                ),
            )
        )
        assert "is retired" in told and in_use(new.name).version == 2
        _, told = won_and_told(
            at_once(
                in_use(new.name),
                *(
                    lambda read, who=who: retire_template(actor=acting(who), template=read)
                    for who in ("ana", "ben")
                ),
            )
        )
        assert "change-template.retired by" in told


def test_of_two_who_give_the_same_name_at_once_one_does_and_the_other_is_told() -> None:
    for number in range(ROUNDS):
        name = f"named-{number}"
        _, told = won_and_told(in_threads(*[lambda: template(name)] * 2))  # noqa: B023
        assert f"There is a template called {name}" in told
        _, told = won_and_told(in_threads(*[lambda: create_policy(actor=acting("cy"), name=name)] * 2))  # noqa: B023
        assert f"There is a policy called {name}" in told


def test_of_two_wordings_of_one_version_of_a_policy_one_is_written() -> None:
    policy = create_policy(actor=acting("cy"), name="prod")
    for version in range(1, ROUNDS + 1):
        won, _ = won_and_told(
            at_once(
                ApprovalPolicy.objects.get(pk=policy.pk),
                *(
                    lambda read, count=count: update_policy(
                        actor=acting("cy"),
                        policy=read,
                        fields={"count": count},
                        expected_version=read.version,
                    )
                    for count in (2 * version, 2 * version + 1)
                ),
            ),
            PreconditionFailed,
        )
        after = ApprovalPolicy.objects.get(pk=policy.pk)
        assert (after.count, after.version) == (won.count, version + 1)
