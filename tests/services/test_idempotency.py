"""Key, effect and answer commit together."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from common import clock
from common.core.errors import Unprocessable
from common.models import IdempotencyKey, Person
from common.services.idempotency import answer_once, find_answer, purge_old_keys
from tests.factories import person

pytestmark = pytest.mark.django_db

Answer = tuple[int, Any, dict[str, str]]
SAME = {"client": "ana", "key": "k-1", "request_digest": "d1"}


def making(username: str) -> Callable[[], Answer]:
    def act() -> Answer:
        return 201, {"username": person(username, "ops").username}, {"Location": f"/{username}/"}

    return act


def test_the_first_request_acts_and_its_answer_is_kept() -> None:
    kept, fresh = answer_once(**SAME, act=making("eve"))
    assert kept is None
    assert fresh == (201, {"username": "eve"}, {"Location": "/eve/"})
    row = IdempotencyKey.objects.get()
    assert (row.status, row.body, row.headers) == (201, {"username": "eve"}, {"Location": "/eve/"})


def test_the_same_request_again_acts_no_more() -> None:
    answer_once(**SAME, act=making("eve"))
    kept, fresh = answer_once(**SAME, act=making("fay"))
    assert fresh is None
    assert kept is not None
    assert kept.body == {"username": "eve"}
    assert not Person.objects.filter(username="fay").exists()


def test_another_request_with_the_key_is_refused_and_does_nothing() -> None:
    answer_once(**SAME, act=making("eve"))
    with pytest.raises(Unprocessable, match="different request"):
        answer_once(**(SAME | {"request_digest": "d2"}), act=making("fay"))
    assert not Person.objects.filter(username="fay").exists()


def test_another_client_may_use_the_same_key() -> None:
    answer_once(**SAME, act=making("eve"))
    kept, fresh = answer_once(**(SAME | {"client": "ben"}), act=making("fay"))
    assert kept is None
    assert fresh is not None


def test_an_act_that_fails_keeps_neither_answer_nor_effect() -> None:
    def act() -> Answer:
        person("eve", "ops")
        raise RuntimeError("the plug was pulled")

    with pytest.raises(RuntimeError):
        answer_once(**SAME, act=act)
    assert not Person.objects.filter(username="eve").exists()
    assert find_answer(**SAME) is None
    _, fresh = answer_once(**SAME, act=making("eve"))
    assert fresh is not None


def test_an_answer_that_holds_a_secret_is_never_kept_but_its_key_is() -> None:
    answer_once(**SAME, act=making("eve"), keep=False)
    assert IdempotencyKey.objects.get().body is None
    kept, fresh = answer_once(**SAME, act=making("fay"), keep=False)
    assert fresh is None
    assert kept is not None


def test_a_key_is_free_again_after_a_day() -> None:
    answer_once(**SAME, act=making("eve"))
    with clock.shifted(timedelta(hours=23)):
        assert find_answer(**SAME) is not None
    with clock.shifted(timedelta(hours=25)):
        assert find_answer(**SAME) is None
        _, fresh = answer_once(**(SAME | {"request_digest": "d2"}), act=making("fay"))
        assert fresh is not None
    assert IdempotencyKey.objects.count() == 1


def test_old_keys_are_purged_and_young_ones_stay() -> None:
    answer_once(**SAME, act=making("eve"))
    with clock.shifted(timedelta(hours=20)):
        answer_once(**(SAME | {"key": "k-2"}), act=making("fay"))
    with clock.shifted(timedelta(hours=25)):
        assert purge_old_keys() == 1
    assert IdempotencyKey.objects.get().key == "k-2"
