"""Channels are made, changed and tried by whose they are; the address of a webhook is a secret from the first moment."""

from typing import Any

import pytest
from django.db import connection

from changemgmt.models import Channel, Notice
from changemgmt.services.channels import (
    create_channel,
    delete_channel,
    open_target,
    try_channel,
    update_channel,
)
from common.core.errors import Conflict, FoldbackError, Invalid, NotPermitted, Unprocessable
from common.models import LedgerEntry
from inventory.core.sealing import SealError
from tests.factories import acting, person, program, team
from tests.telling import allow, chat, mail, team_mail

pytestmark = pytest.mark.django_db
HOOK = "https://hooks.example.com/services/T0001/B0001/very-secret-x9Qz"


@pytest.fixture(autouse=True)
def keys(settings: Any) -> None:
    allow(settings)


def test_the_address_of_a_webhook_is_sealed_and_only_hinted_at() -> None:
    made = chat(HOOK)
    assert (made.target, made.hint) == ("", "hooks.example.com/…x9Qz")
    assert open_target(made) == HOOK
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(c)::text FROM changemgmt_channel c")
        assert "very-secret" not in cursor.fetchone()[0]
    assert "very-secret" not in str(LedgerEntry.objects.get(action="channel.created").data)


def test_a_sealed_address_moved_to_another_channel_does_not_open() -> None:
    mine, other = chat(HOOK), chat("https://hooks.example.com/services/T0001/B0001/another")
    Channel.objects.filter(pk=other.pk).update(sealed=bytes(mine.sealed or b""))
    other.refresh_from_db()
    with pytest.raises(SealError):
        open_target(other)


def test_without_the_sealing_key_no_webhook_is_kept(settings: Any) -> None:
    settings.SEAL_PUBLIC_KEY = b""
    with pytest.raises(Unprocessable, match="FOLDBACK_SEAL_PUBLIC"):
        chat(HOOK)
    assert mail().target == "ana@example.org"


@pytest.mark.parametrize(
    "address", ["http://hooks.example.com/x", "https://127.0.0.1/x", "https://169.254.169.254/x", "hello", ""]
)
def test_a_webhook_inside_or_without_tls_is_refused_when_it_is_entered(address: str) -> None:
    with pytest.raises(Invalid) as refusal:
        chat(address)
    assert [error.pointer for error in refusal.value.errors] == ["/address"]


@pytest.mark.parametrize(
    "address", ["", "ana", "ana@", "a@b c.org", "ana@example.org\nBcc: x@y.org", "a" * 250 + "@b.org"]
)
def test_what_is_no_mail_address_is_refused(address: str) -> None:
    with pytest.raises(Invalid):
        mail(address=address)


@pytest.mark.parametrize(("field", "value"), [("kind", "pigeon"), ("topics", ["weather"])])
def test_unknown_words_are_refused_and_the_known_ones_named(field: str, value: Any) -> None:
    with pytest.raises(Invalid, match="is not one of these"):
        create_channel(actor=acting("ana"), **{"kind": "email", "address": "a@b.org"} | {field: value})


def test_a_person_has_an_address_once_and_twenty_channels_at_most() -> None:
    mail()
    with pytest.raises(Conflict):
        mail(address="ANA@example.org")
    for number in range(19):
        mail(address=f"ana+{number}@example.org")
    with pytest.raises(Unprocessable):
        mail(address="more@example.org")


def test_whoever_leads_a_team_makes_its_channels_and_others_do_not() -> None:
    payments = team("payments", "ben")
    made = team_mail(payments, "payments@example.org")
    assert made.team == payments and made.person is None
    with pytest.raises(NotPermitted, match="ben's to change"):
        mail("ana", "x@example.org", team=payments)
    assert mail("cy", "y@example.org", team=payments).team == payments  # an admin, for any
    with pytest.raises(NotPermitted):
        update_channel(actor=acting("ana"), channel=made, changes={"is_active": False})


def test_nobody_else_changes_tries_or_deletes_what_is_mine_and_no_program_has_channels() -> None:
    mine = mail()
    for verb in (
        lambda: update_channel(actor=acting("cy"), channel=mine, changes={"is_active": False}),
        lambda: delete_channel(actor=acting("ben"), channel=mine),
        lambda: try_channel(actor=acting("dee"), channel=mine),
        lambda: create_channel(actor=program("ana"), kind="email", address="ci@example.org"),
    ):
        with pytest.raises(NotPermitted):
            verb()


def test_a_channel_is_changed_and_the_ledger_says_what_it_was() -> None:
    made = chat(HOOK, topics=["incidents"])
    changed = update_channel(
        actor=acting("ana"),
        channel=made,
        changes={"address": HOOK.replace("x9Qz", "7777"), "topics": ["due", "approvals"], "is_active": False},
    )
    assert (changed.hint, changed.topics, changed.is_active) == (
        "hooks.example.com/…7777",
        ["approvals", "due"],
        False,
    )
    entry = LedgerEntry.objects.get(action="channel.updated")
    assert entry.data["from"]["topics"] == ["incidents"] and entry.data["new_address"] is True
    stale = Channel.objects.get(pk=made.pk)
    stale.version -= 1
    with pytest.raises(Conflict):
        update_channel(actor=acting("ana"), channel=stale, changes={"is_active": True})


def test_a_test_message_is_asked_for_once_at_a_time_and_never_over_one_that_is_off() -> None:
    made = mail()
    assert try_channel(actor=acting("ana"), channel=made).topic == "test"
    with pytest.raises(Conflict, match="on its way"):
        try_channel(actor=acting("ana"), channel=made)
    Notice.objects.update(state="sent")
    update_channel(actor=acting("ana"), channel=made, changes={"is_active": False})
    with pytest.raises(Conflict, match="is off"):
        try_channel(actor=acting("ana"), channel=made)


def test_a_deleted_channel_is_gone_with_what_was_sent_and_the_ledger_keeps_that_there_was_one() -> None:
    made = mail()
    try_channel(actor=acting("ana"), channel=made)
    delete_channel(actor=acting("ana"), channel=made)
    assert not Channel.objects.exists() and not Notice.objects.exists()
    assert LedgerEntry.objects.get(action="channel.deleted").data["address"] == "ana@example.org"


def test_somebody_who_has_left_makes_none() -> None:
    dee = person("dee")
    dee.is_active = False
    dee.save()
    with pytest.raises(FoldbackError):
        mail("dee", "dee@example.org")
