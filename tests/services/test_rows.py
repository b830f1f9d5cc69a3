"""New rows of several models, in one statement."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from changemgmt.models import Change
from common.models import EventDelivery, LedgerEntry, OutboxEvent
from common.services.rows import insert_referenced, insert_rows
from tests.factories import logged, person

pytestmark = pytest.mark.django_db

HARD = "O'Brien \\ \" %s {} ümlaut\n\t\N{SNOWMAN}"


def entry(label: str, data: Any = None) -> LedgerEntry:
    return LedgerEntry(
        actor_kind="system",
        actor_label=label,
        action="test.done",
        subject_type="common.person",
        subject_id=person("ana").pk,
        subject_label="ana",
        data={} if data is None else data,
    )


def test_rows_of_several_models_take_one_statement(django_assert_num_queries: Any) -> None:
    entries = [entry(str(number)) for number in range(3)]
    event = OutboxEvent(type="test.happened", subject_id=entries[0].subject_id)
    deliveries = [EventDelivery(event=event, consumer=name) for name in ("one", "two")]
    with django_assert_num_queries(1):
        insert_rows(entries, [event], deliveries)
    assert LedgerEntry.objects.filter(action="test.done").count() == 3
    assert {one.consumer for one in OutboxEvent.objects.get(pk=event.pk).deliveries.all()} == {"one", "two"}


def test_what_is_written_reads_back_as_it_was() -> None:
    told = entry(HARD, {"text": HARD, "list": [1, None, True], "nested": {"": []}})
    insert_rows([told])
    found = LedgerEntry.objects.get(pk=told.pk)
    for field in LedgerEntry._meta.concrete_fields:
        assert getattr(found, field.attname) == getattr(told, field.attname), field.name


def test_a_change_written_this_way_is_the_one_that_django_writes() -> None:
    hosts = ["web-1", HARD.replace("\n", " ")]
    first = logged("ana", hosts=["web-1"])
    fields = {
        field.attname: getattr(first, field.attname)
        for field in Change._meta.concrete_fields
        if field.attname not in ("id", "number")
    }
    ours, theirs = (
        Change(**fields | {"hosts": hosts, "made_by": [person("ben").pk], "links": {"a": HARD}, "plan": HARD})
        for _ in range(2)
    )
    insert_referenced([ours])
    theirs.save(force_insert=True)
    ours, theirs = Change.objects.get(pk=ours.pk), Change.objects.get(pk=theirs.pk)
    assert theirs.number == ours.number + 1
    for name in fields:
        assert getattr(ours, name) == getattr(theirs, name), name


def test_numbers_are_read_back_in_the_order_of_the_rows() -> None:
    first = logged("ana")
    fields = {
        field.attname: getattr(first, field.attname)
        for field in Change._meta.concrete_fields
        if field.attname not in ("id", "number", "title")
    }
    changes = [Change(**fields, title=f"number {number}") for number in range(200)]
    insert_referenced(changes)
    assert dict(Change.objects.values_list("title", "number")) == {
        first.title: first.number,
        **{change.title: change.number for change in changes},
    }


def test_what_the_database_refuses_is_refused_whole() -> None:
    event = OutboxEvent(type="test.happened", subject_id=person("ana").pk)
    twice = [EventDelivery(event=event, consumer="one") for _ in range(2)]
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows([entry("1")], [event], twice)
    assert not OutboxEvent.objects.exists()
    assert not LedgerEntry.objects.filter(action="test.done").exists()


def test_nothing_to_write_takes_no_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        insert_rows([], [])
        insert_referenced([])
