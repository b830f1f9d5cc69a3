"""The same changes, files and histories sent twice at once: each is kept once, and both callers are told of it."""

from typing import Any

import pytest

from changemgmt.core.attached import MAX_PER_CHANGE
from changemgmt.core.history import read_history
from changemgmt.models import Attachment, Change
from changemgmt.services.bulk import log_changes
from changemgmt.services.filing import Filing
from changemgmt.services.history import import_history
from changemgmt.services.talk import attach_file
from common.core.errors import Conflict, Unprocessable
from common.models import IdempotencyKey, LedgerEntry
from common.services.idempotency import answer_once
from tests.factories import acting, in_threads, logged, person, program

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


def test_the_same_thousand_twice_at_once_are_a_thousand() -> None:
    actor = program("ana")
    filings = [Filing(title=f"change {number}", external_id=f"x-{number}") for number in range(200)]
    answers = in_threads(*[lambda: log_changes(actor=actor, filings=filings)] * 3)
    assert Change.objects.count() == 200
    ids = {change.external_id: change.pk for change in Change.objects.all()}
    for filed in answers:
        assert not isinstance(filed, Exception), filed
        assert [one.change.pk for one in filed] == [ids[filing.external_id] for filing in filings]
    assert sum(one.created for filed in answers for one in filed) == 200
    assert LedgerEntry.objects.filter(action="change.logged").count() == 200


def test_the_last_place_for_a_file_is_taken_once() -> None:
    change = logged("ana")
    actor = acting("ana")
    for number in range(MAX_PER_CHANGE - 1):
        attach_file(actor=actor, change=change, name="x.log", content=str(number).encode())
    answers = in_threads(
        *(
            lambda name=name: attach_file(actor=actor, change=change, name=name, content=b"last")
            for name in ("a.log", "b.log", "c.log")
        )
    )
    assert Attachment.objects.count() == MAX_PER_CHANGE
    assert sorted(type(answer).__name__ for answer in answers) == ["Unprocessable", "Unprocessable", "tuple"]
    assert all(isinstance(answer, tuple | Unprocessable) for answer in answers)


def test_the_same_history_twice_at_once_is_imported_once() -> None:
    ben, cy = acting("ben"), acting("cy")
    text = "external_id,title,happened_at\n" + "".join(f"C{n},a,2024-03-01\n" for n in range(100))
    owner = person("ana")
    answers = in_threads(
        *(
            lambda actor=actor: import_history(
                actor=actor, history=read_history(text.encode()), source="old", owner=owner
            )
            for actor in (ben, cy)
        )
    )
    assert Change.objects.count() == 100
    told = [answer for answer in answers if not isinstance(answer, Exception)]
    assert sum(len(answer.changes) for answer in told) == 100
    assert all(isinstance(answer, Conflict) for answer in answers if answer not in told)


def test_who_acts_while_another_keeps_an_answer_takes_that_one_and_does_nothing() -> None:
    """The look at the key may be from before the lock on it. What was kept in between shows when our answer is written."""
    request = {"client": "ana", "key": "k-1", "request_digest": "d1"}

    def act() -> tuple[int, Any, dict[str, str]]:
        in_threads(
            lambda: IdempotencyKey.objects.create(**request, status=201, body={"title": "theirs"}, headers={})
        )
        return 201, {"title": logged("ana", title="ours").title}, {}

    kept, fresh = answer_once(**request, act=act)
    assert fresh is None
    assert kept is not None
    assert (kept.status, kept.body, kept.headers) == (201, {"title": "theirs"}, {})
    assert not Change.objects.exists()
