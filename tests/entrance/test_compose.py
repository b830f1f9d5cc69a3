"""docker-compose.yml and the image: valid, non-root, with every secret from the environment and given to few."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = ("migrate", "web", "worker", "relay", "beat")


def test_it_is_a_valid_compose_file() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [tool, "--builtin-schema", "vendor.compose-spec", CHECKOUT / "docker-compose.yml"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"migrate"}))
def test_every_service_that_stays_up_has_a_health_check_and_is_restarted(name: str) -> None:
    assert "test" in SERVICES[name]["healthcheck"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_with_as_little_as_they_need(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_no_secret_has_a_value_or_a_default_in_the_file() -> None:
    text = (CHECKOUT / "docker-compose.yml").read_text()
    for name in re.findall(r"\$\{(\w*(?:PASSWORD|SECRET_KEY|SEAL_PRIVATE|HMAC_KEY))(?!\w)", text):
        assert not re.search(rf"\$\{{{name}(?!:\?)", text), f"{name} is not required"


def test_only_workers_are_given_the_keys_that_open_credentials() -> None:
    for name in OURS:
        has = {
            key
            for key in SERVICES[name]["environment"]
            if key in ("FOLDBACK_SEAL_PRIVATE", "FOLDBACK_HMAC_KEY")
        }
        assert bool(has) == (name == "worker"), name


def test_only_the_migration_is_the_owner_of_the_tables() -> None:
    for name in OURS:
        role = "foldback_owner" if name == "migrate" else "foldback_serving"
        assert SERVICES[name]["environment"]["DATABASE_URL"].startswith(f"postgresql://{role}:"), name


def test_workers_can_be_scaled() -> None:
    assert "container_name" not in SERVICES["worker"]
    assert "ports" not in SERVICES["worker"]


def test_databases_are_not_published() -> None:
    assert "ports" not in SERVICES["postgres"]
    assert "ports" not in SERVICES["redis"]


def test_the_image_does_not_run_as_root_and_installs_by_hash() -> None:
    lines = (CHECKOUT / "Dockerfile").read_text().splitlines()
    user = next(line.split()[1] for line in reversed(lines) if line.startswith("USER "))
    assert user not in ("root", "0")
    assert any("--require-hashes" in line for line in lines)


def test_the_image_holds_every_application_and_no_secret_file() -> None:
    taken = {
        line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    packages = {path.parent.name for path in CHECKOUT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert packages <= taken
    assert {"manage.py", "requirements.txt", "templates", "static"} <= taken
    assert not taken & {"var", ".env", ".git", "tests"}
