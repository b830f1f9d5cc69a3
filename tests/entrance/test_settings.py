"""Settings come from the environment; in production an unset secret refuses to start and is named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.keys import new_secret

CHECKOUT = Path(__file__).resolve().parents[2]
COMPLETE = {
    "FOLDBACK_SECRET_KEY": "s" * 64,
    "DATABASE_URL": "postgresql://serving@127.0.0.1:1/foldback",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "FOLDBACK_ALLOWED_HOSTS": "foldback.example.com",
}


def start(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, with nothing of this run's environment but what finds Python."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, *(command or ("-c", "import config.settings"))],
        cwd=CHECKOUT,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_production_starts_when_every_secret_is_set() -> None:
    done = start(COMPLETE)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "loading",
    [
        "import config.wsgi",
        "from config.celery import app; app.loader.import_default_modules()",  # workers and beat
        "import django; django.setup()",  # manage.py
    ],
)
def test_garbage_is_collected_again_once_the_code_is_loaded(loading: str) -> None:
    environment = {**COMPLETE, "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = start(
        environment, "-c", f"{loading}; import gc; print(gc.isenabled(), gc.get_freeze_count() > 10_000)"
    )
    assert done.stdout == "True True\n", done.stderr


@pytest.mark.parametrize("name", ["FOLDBACK_SECRET_KEY", "DATABASE_URL", "REDIS_URL"])
@pytest.mark.parametrize("how", ["unset", "empty"])
def test_production_refuses_to_start_without_it_and_says_which(name: str, how: str) -> None:
    environment = (
        {**COMPLETE, name: ""} if how == "empty" else {k: v for k, v in COMPLETE.items() if k != name}
    )
    done = start(environment)
    assert done.returncode != 0
    assert f"{name} is not set" in done.stderr
    assert not any(f"{other} is not set" in done.stderr for other in COMPLETE if other != name)


@pytest.mark.parametrize("value", ["not base64!", "c2hvcnQ="])
@pytest.mark.parametrize("name", ["FOLDBACK_SEAL_PUBLIC", "FOLDBACK_SEAL_PRIVATE", "FOLDBACK_HMAC_KEY"])
def test_a_key_that_is_not_32_bytes_is_refused_by_name_and_not_repeated(name: str, value: str) -> None:
    done = start({**COMPLETE, name: value})
    assert done.returncode != 0
    assert name in done.stderr
    assert value not in done.stderr


def test_an_unknown_kind_of_environment_is_refused() -> None:
    done = start({**COMPLETE, "FOLDBACK_ENV": "prod"})
    assert done.returncode != 0
    assert "FOLDBACK_ENV is 'prod'" in done.stderr


def test_debugging_can_not_be_switched_on_in_production() -> None:
    done = start({**COMPLETE, "FOLDBACK_DEBUG": "1"}, "-c", "import config.settings as s; print(s.DEBUG)")
    assert done.stdout.strip() == "False"


def test_generated_secrets_are_accepted() -> None:
    keys = {
        name: new_secret(name)
        for name in ("FOLDBACK_SECRET_KEY", "FOLDBACK_SEAL_PRIVATE", "FOLDBACK_HMAC_KEY")
    }
    assert start(COMPLETE | keys).returncode == 0


def test_doctor_names_everything_that_the_environment_lacks_at_once() -> None:
    done = start({"FOLDBACK_HMAC_KEY": "c2hvcnQ="}, "manage.py", "doctor")
    assert done.returncode == 1
    for name in (*COMPLETE, "FOLDBACK_HMAC_KEY"):
        assert f"wrong  {name} " in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_that_can_not_start_says_why_in_one_line() -> None:
    done = start(
        {name: value for name, value in COMPLETE.items() if name != "REDIS_URL"}, "manage.py", "check"
    )
    assert done.returncode != 0
    assert "REDIS_URL is not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_make_exports_without_a_value_counts_as_unset() -> None:
    show = "from config import settings as s; print(s.DATA_DIR, s.DEFINITION_PATH)"
    done = start({**COMPLETE, "DATA_DIR": "", "DEFINITION_PATH": ""}, "-c", show)
    assert done.stdout.split() == [str(CHECKOUT / "var"), str(CHECKOUT / "var/definition.git")]


def test_a_mail_server_that_can_not_be_read_is_named_and_its_password_is_not() -> None:
    done = start(COMPLETE | {"EMAIL_URL": "ana:hush-hush@mail.example.org:25"})
    assert done.returncode != 0 and "EMAIL_URL is smtp+tls://" in done.stderr and "hush" not in done.stderr
    told = "from config import settings as s; print(s.EMAIL_HOST, s.EMAIL_PORT, s.EMAIL_USE_TLS)"
    done = start(COMPLETE | {"EMAIL_URL": "smtp+tls://ana:x@mail.example.org:587"}, "-c", told)
    assert done.stdout.split() == ["mail.example.org", "587", "True"], done.stderr
