"""What doctor says of an environment, and of a database."""

import io

import pytest
from django.core.management import CommandError, call_command

from common.core.environment import Diagnosis, diagnose_environment, told
from config.keys import new_secret, seal_public_of

PRIVATE = new_secret("FOLDBACK_SEAL_PRIVATE")
GOOD = {
    "FOLDBACK_SECRET_KEY": "s",
    "DATABASE_URL": "postgresql://x@y/z",
    "REDIS_URL": "redis://y",
    "FOLDBACK_ALLOWED_HOSTS": "y",
    "FOLDBACK_SEAL_PRIVATE": PRIVATE,
    "FOLDBACK_SEAL_PUBLIC": seal_public_of(PRIVATE),
    "FOLDBACK_HMAC_KEY": new_secret("FOLDBACK_HMAC_KEY"),
    "EMAIL_URL": "smtp://mail.example.org",
}


def wrong(environ: dict[str, str]) -> list[str]:
    return [diagnosis.subject for diagnosis in diagnose_environment(environ) if diagnosis.level == "wrong"]


def test_a_complete_environment_is_not_complained_of() -> None:
    assert {diagnosis.level for diagnosis in diagnose_environment(GOOD)} == {"ok"}


@pytest.mark.parametrize(
    "name", ["FOLDBACK_SECRET_KEY", "DATABASE_URL", "REDIS_URL", "FOLDBACK_ALLOWED_HOSTS"]
)
def test_what_production_needs_is_wrong_when_missing_and_a_note_in_development(name: str) -> None:
    assert wrong({**GOOD, name: ""}) == [name]
    assert wrong({**GOOD, name: "", "FOLDBACK_ENV": "development"}) == []


def test_a_process_without_the_workers_keys_is_told_so_and_not_refused() -> None:
    assert wrong({**GOOD, "FOLDBACK_SEAL_PRIVATE": "", "FOLDBACK_HMAC_KEY": ""}) == []


def test_keys_of_two_pairs_are_found_out() -> None:
    other = seal_public_of(new_secret("FOLDBACK_SEAL_PRIVATE"))
    assert wrong({**GOOD, "FOLDBACK_SEAL_PUBLIC": other}) == ["sealing keys"]


def test_each_wrong_thing_is_one_line_with_its_mend_and_no_secret() -> None:
    for diagnosis in diagnose_environment({"FOLDBACK_HMAC_KEY": "secret-but-broken", "FOLDBACK_ENV": "x"}):
        line = told(diagnosis)
        assert "\n" not in line
        assert "secret-but-broken" not in line
        assert diagnosis.level != "wrong" or diagnosis.mend


def test_an_empty_mend_adds_no_arrow() -> None:
    assert told(Diagnosis("ok", "redis", "answers")) == "ok     redis answers"


@pytest.mark.django_db
def test_doctor_finds_that_the_role_in_use_owns_the_ledger() -> None:
    out = io.StringIO()
    with pytest.raises(
        CommandError
    ):  # tests run as the owner, and one trigger is out of action for the flush
        call_command("doctor", only=["database"], stdout=out)
    assert "owns common_ledgerentry, so it could rewrite it" in out.getvalue()


@pytest.mark.django_db
def test_doctor_finds_migrations_applied_and_redis_answering() -> None:
    out = io.StringIO()
    call_command("doctor", only=["migrations", "redis"], stdout=out)
    assert "migrations are all applied" in out.getvalue()
    assert "redis answers" in out.getvalue()


def test_doctor_says_what_a_dead_redis_means(settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("doctor", only=["redis"], stdout=out)
    assert "changes are logged and other work waits" in out.getvalue()
