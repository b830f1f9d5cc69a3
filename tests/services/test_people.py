"""People, their tokens, and links that sign in once."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from common import clock
from common.core.actor import SYSTEM
from common.core.errors import Conflict, Invalid, NotPermitted
from common.models import LedgerEntry, LoginLink, Person, Token
from common.services.people import (
    actor_for_token,
    create_login_link,
    create_person,
    create_token,
    deactivate_person,
    find_token,
    note_token_use,
    reactivate_person,
    revoke_token,
    use_login_link,
)
from tests.factories import acting, person, program, token

pytestmark = pytest.mark.django_db


# ---- people


def test_an_admin_creates_a_person() -> None:
    created = create_person(actor=acting("cy"), username="eve", name="Eve", role="ops")
    assert (created.role, created.is_active, created.has_usable_password()) == ("ops", True, False)
    assert LedgerEntry.objects.get(subject_id=created.pk).actor_label == "cy"


@pytest.mark.parametrize("who", ["ana", "ben", "dee"])
def test_nobody_else_creates_people(who: str) -> None:
    with pytest.raises(NotPermitted):
        create_person(actor=acting(who), username="eve", name="Eve", role="admin")
    assert not Person.objects.filter(username="eve").exists()


def test_a_username_is_somebodys_once() -> None:
    person("ana")
    with pytest.raises(Conflict, match="ana already"):
        create_person(actor=SYSTEM, username="ana", name="Another", role="ops")


@pytest.mark.parametrize("role", ["automation", "intern", ""])
def test_a_person_has_a_persons_role(role: str) -> None:
    with pytest.raises(Invalid, match="Roles:"):
        create_person(actor=SYSTEM, username="eve", name="Eve", role=role)


def test_the_database_refuses_a_person_with_a_programs_role() -> None:
    ana = person("ana")
    with (
        pytest.raises(IntegrityError, match="person_role"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE common_person SET role = 'automation' WHERE id = %s", [ana.pk])


# ---- tokens


def test_a_token_is_shown_once_and_kept_as_a_hash() -> None:
    made, text = token("ana")
    prefix, secret = text.removeprefix("fb_").split("_", 1)
    assert made.prefix == prefix
    row = repr(Token.objects.values().get())
    assert secret not in row
    assert text not in row
    assert secret not in repr(list(LedgerEntry.objects.values()))


def test_a_token_is_found_by_its_text() -> None:
    made, text = token("ana")
    assert find_token(text=text) == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fb_",
        "fb__",
        "fb_x",
        "xx_aaaa_bbbb",
        "fb_\x00_b",
        "fb_zzzzzzzz_secret",
        "Bearer",
        "fb_ä_b",
        "fb_a b_c",
    ],
)
def test_a_text_that_is_no_token_is_nobodys(text: str) -> None:
    token("ana")
    assert find_token(text=text) is None


def test_a_token_with_another_secret_is_nobodys() -> None:
    _, text = token("ana")
    assert find_token(text=text[:-1] + ("a" if text[-1] != "a" else "b")) is None


def test_an_expired_token_is_nobodys() -> None:
    _, text = token("ana")
    with clock.shifted(timedelta(days=89)):
        assert find_token(text=text) is not None
    with clock.shifted(timedelta(days=91)):
        assert find_token(text=text) is None


def test_a_revoked_token_is_nobodys() -> None:
    made, text = token("ana")
    Token.objects.filter(pk=made.pk).update(revoked_at=clock.now())
    assert find_token(text=text) is None


def test_the_tokens_of_a_person_who_left_are_nobodys() -> None:
    _, text = token("ana")
    Person.objects.filter(username="ana").update(is_active=False)
    assert find_token(text=text) is None


def test_a_program_acts_for_its_sponsor() -> None:
    actor = program("ana", name="jenkins")
    assert (actor.kind, actor.label, actor.role) == ("program", "jenkins", "automation")
    assert actor.person_id == person("ana").pk
    assert actor.is_program


def test_a_token_with_a_persons_role_acts_as_its_sponsor() -> None:
    actor = actor_for_token(token("ben", role="ops")[0])
    assert (actor.kind, actor.label, actor.role) == ("person", "ben", "ops")


def test_scopes_narrow_a_programs_actor() -> None:
    actor = actor_for_token(token("ana", scopes=["change.log"])[0])
    assert actor.narrowed_to == {"change.log"}


def test_a_token_shrinks_with_its_sponsors_role() -> None:
    made, _ = token("ben", role="release-manager")
    Person.objects.filter(username="ben").update(role="auditor")
    made = Token.objects.select_related("sponsor").get(pk=made.pk)
    narrowed = actor_for_token(made).narrowed_to
    assert narrowed is not None
    assert "change.approve" not in narrowed
    assert "read" in narrowed


def test_a_person_makes_a_token_of_their_own() -> None:
    made, _ = create_token(actor=acting("ana"), name="laptop", role="ops", sponsor=person("ana"))
    assert made.sponsor == person("ana")


def test_only_an_admin_makes_a_program_somebody_else_answers_for() -> None:
    with pytest.raises(NotPermitted):
        create_token(actor=acting("ana"), name="ci", role="automation", sponsor=person("ben"))
    made, _ = create_token(actor=acting("cy"), name="ci", role="automation", sponsor=person("ben"))
    assert made.sponsor == person("ben")


def test_not_even_an_admin_makes_a_token_that_acts_as_somebody_else() -> None:
    with pytest.raises(NotPermitted, match="acts as ben"):
        create_token(actor=acting("cy"), name="x", role="release-manager", sponsor=person("ben"))
    assert not Token.objects.exists()


def test_a_program_makes_no_tokens() -> None:
    with pytest.raises(NotPermitted):
        create_token(actor=program("ana"), name="x", role="automation", sponsor=person("ana"))


@pytest.mark.parametrize("bad", [{"role": "root"}, {"scopes": ["everything"]}, {"days": 0}, {"days": 367}])
def test_a_token_that_makes_no_sense_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        create_token(actor=SYSTEM, sponsor=person("ana"), **{"name": "x", "role": "automation", **bad})  # type: ignore[arg-type]


def test_somebody_who_left_sponsors_nothing() -> None:
    ana = person("ana")
    ana.is_active = False
    with pytest.raises(Invalid, match="not active"):
        create_token(actor=SYSTEM, name="x", role="automation", sponsor=ana)


def test_the_use_of_a_token_is_noted_once_a_minute() -> None:
    made, _ = token("ana")
    note_token_use(token=made)
    made.refresh_from_db()
    first = made.last_used_at
    assert first is not None
    with clock.shifted(timedelta(seconds=30)):
        note_token_use(token=made)
    made.refresh_from_db()
    assert made.last_used_at == first
    with clock.shifted(timedelta(seconds=61)):
        note_token_use(token=made)
    made.refresh_from_db()
    assert made.last_used_at > first


# ---- links


def test_a_link_signs_in_once() -> None:
    secret = create_login_link(actor=SYSTEM, person=person("ana"))
    assert use_login_link(secret=secret) == person("ana")
    assert use_login_link(secret=secret) is None
    assert LedgerEntry.objects.filter(action="person.signed_in").count() == 1


def test_a_link_is_kept_as_a_hash() -> None:
    secret = create_login_link(actor=SYSTEM, person=person("ana"))
    assert secret not in repr(LoginLink.objects.values().get())


def test_a_link_expires() -> None:
    secret = create_login_link(actor=SYSTEM, person=person("ana"), minutes=60)
    with clock.shifted(timedelta(minutes=61)):
        assert use_login_link(secret=secret) is None
    assert use_login_link(secret=secret) == person("ana")


def test_an_unknown_link_and_one_of_a_person_who_left_sign_nobody_in() -> None:
    assert use_login_link(secret="nonsense") is None
    secret = create_login_link(actor=SYSTEM, person=person("ana"))
    Person.objects.filter(username="ana").update(is_active=False)
    assert use_login_link(secret=secret) is None


# ---- commands


def test_the_command_prints_a_token_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    person("ana")
    call_command("create_token", "ci", "--role", "automation", "--sponsor", "ana", "--scope", "change.log")
    found = find_token(text=capsys.readouterr().out.strip())
    assert found is not None
    assert found.scopes == ["change.log"]


def test_the_command_names_a_sponsor_that_does_not_exist() -> None:
    with pytest.raises(CommandError, match="no person nobody"):
        call_command("create_token", "ci", "--role", "automation", "--sponsor", "nobody")


def test_the_command_creates_a_person_and_prints_a_link_that_works(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("create_person", "eve", "--name", "Eve", "--role", "ops")
    link = capsys.readouterr().out.strip()
    signed_in = use_login_link(secret=link.rstrip("/").rsplit("/", 1)[1])
    assert signed_in is not None
    assert signed_in.username == "eve"


def test_a_revoked_token_opens_nothing_and_is_revoked_once() -> None:
    made, text = token("ana")
    revoke_token(actor=acting("ana"), token=made)
    assert find_token(text=text) is None
    with pytest.raises(Conflict):
        revoke_token(actor=acting("ana"), token=made)


def test_only_its_sponsor_or_an_admin_revokes_a_token() -> None:
    made, text = token("ana")
    with pytest.raises(NotPermitted):
        revoke_token(actor=acting("ben"), token=made)
    assert find_token(text=text)
    revoke_token(actor=acting("cy"), token=made)


def test_a_person_who_left_can_not_sign_in_and_their_tokens_and_links_open_nothing() -> None:
    _, text = token("ana")
    secret = create_login_link(actor=SYSTEM, person=person("ana"))
    assert deactivate_person(actor=acting("cy"), person=person("ana")) == 1
    assert find_token(text=text) is None
    assert use_login_link(secret=secret) is None
    with pytest.raises(NotPermitted):
        deactivate_person(actor=acting("ben"), person=person("dee"))


def test_the_last_active_admin_can_not_be_let_go() -> None:
    cy = person("cy")
    with pytest.raises(Conflict, match="only active admin"):
        deactivate_person(actor=acting("cy"), person=cy)
    second = person("eve", "admin")
    deactivate_person(actor=acting("cy"), person=second)
    with pytest.raises(Conflict, match="only active admin"):
        deactivate_person(actor=SYSTEM, person=cy)
    reactivate_person(actor=acting("cy"), person=second)
    deactivate_person(actor=acting("eve"), person=cy)
    assert not Person.objects.get(pk=cy.pk).is_active


def test_who_is_back_signs_in_again_without_the_tokens_of_before() -> None:
    ana = person("ana")
    _, text = token("ana")
    with pytest.raises(Conflict, match="active already"):
        reactivate_person(actor=acting("cy"), person=ana)
    deactivate_person(actor=acting("cy"), person=ana)
    with pytest.raises(NotPermitted):
        reactivate_person(actor=acting("ben"), person=ana)
    reactivate_person(actor=acting("cy"), person=ana)
    assert use_login_link(secret=create_login_link(actor=SYSTEM, person=ana)) == ana
    assert find_token(text=text) is None
    assert LedgerEntry.objects.filter(subject_id=ana.pk, action="person.reactivated").count() == 1
