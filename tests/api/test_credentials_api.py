"""Credentials and enrolment over the API. The network is tests/services/test_inventory_enrolment.py's part."""

from typing import Any

import asyncssh
import pytest
from django.db import connection
from django.test import override_settings

from common.models import Job
from deployments.services.enrolment import Offer
from deployments.transport.host_keys import describe
from inventory.core.sealing import generate_key_pair
from inventory.models import Credential, Host, HostKey
from inventory.services.host_keys import pin_host_keys
from tests.api.client import Caller, problem
from tests.factories import acting

pytestmark = pytest.mark.django_db

PUBLIC, PRIVATE = generate_key_pair()
web_process = override_settings(SEAL_PUBLIC_KEY=PUBLIC, SEAL_PRIVATE_KEY=b"")


@pytest.fixture
def cy() -> Caller:
    return Caller.person("cy")


def key_file() -> str:
    return asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()


@web_process
def test_a_credential_goes_in_and_never_comes_out(cy: Caller) -> None:
    secret = "correct-horse-battery-staple"
    made = cy.post(
        "credentials/",
        {"name": "legacy", "kind": "password", "secret": secret, "user": "root", "is_default": True},
        Idempotency_Key="c-1",
    )
    assert made.status_code == 201, made.content
    key = key_file()
    answers = [
        made,
        cy.get("credentials/"),
        cy.get("credentials/legacy/"),
        cy.post("credentials/", {"name": "deploy", "kind": "private-key", "secret": key}),
        cy.post("credentials/deploy/rotate/", {"secret": key_file()}),
        cy.patch("credentials/legacy/", {"user": "admin"}, If_Match=made["ETag"]),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 201, 200, 200]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i::text FROM common_idempotencykey i UNION ALL SELECT l::text FROM common_ledgerentry l "
            "UNION ALL SELECT o::text FROM common_outboxevent o UNION ALL SELECT c::text FROM inventory_credential c"
        )
        everything = "\n".join(
            [str(row[0]) for row in cursor.fetchall()] + [a.content.decode() for a in answers]
        )
    assert secret not in everything and secret.encode().hex() not in everything
    assert key.splitlines()[2] not in everything
    assert "PRIVATE KEY" not in everything
    assert answers[3].json()["public_key"].startswith("ssh-ed25519 ")
    assert "sealed" not in made.json()


@web_process
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x", "kind": "password"}, "/secret"),
        ({"name": "x", "kind": "token", "secret": "x"}, "/kind"),
        ({"name": "x", "kind": "private-key", "secret": "not-a-key-at-all"}, "/secret"),
        ({"name": "x y", "kind": "password", "secret": "x"}, "/name"),
    ],
)
def test_a_credential_that_cannot_work_is_a_problem_that_does_not_repeat_it(
    cy: Caller, body: Any, pointer: str
) -> None:
    told = problem(cy.post("credentials/", body), 400)
    assert pointer in [error["pointer"] for error in told["errors"]]
    assert "not-a-key-at-all" not in str(told)


@web_process
def test_a_test_is_handed_to_a_worker(cy: Caller) -> None:
    cy.post("credentials/", {"name": "legacy", "kind": "password", "secret": "x", "user": "root"})
    cy.post("hosts/", {"name": "web-1", "environment": "prod"})
    assert "is not enrolled" in problem(cy.post("credentials/legacy/test/", {"host": "web-1"}), 400)["detail"]
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    pin_host_keys(actor=acting("cy"), host=Host.objects.get(name="web-1"), keys=[key])
    answer = cy.post("credentials/legacy/test/", {"host": "web-1"})
    job = Job.objects.get()
    assert (answer.status_code, answer["Location"]) == (202, f"/api/v1/jobs/{job.pk}/")
    assert (job.kind, job.subject_id) == ("credential-test", Credential.objects.get().pk)
    assert "/host" in str(problem(cy.post("credentials/legacy/test/", {"host": "web-9"}), 400))


# Enrolment


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """web-1 shows two keys; their fingerprints."""
    keys = [describe(asyncssh.generate_private_key("ssh-ed25519").convert_to_public()) for _ in range(2)]

    def fetch(*, actor: Any, host: Host) -> Offer:
        pinned = frozenset(host.keys.filter(revoked_at=None).values_list("fingerprint", flat=True))
        return Offer(host.pk, host.name, "10.0.0.5", 22, tuple(keys), pinned)

    monkeypatch.setattr("deployments.api.enrolment.fetch_offer", fetch)
    return [key.fingerprint for key in keys]


def test_fingerprints_are_shown_and_only_the_confirmed_one_is_pinned(cy: Caller, offered: list[str]) -> None:
    cy.post("hosts/", {"name": "web-1", "environment": "prod"})
    shown = cy.get("hosts/web-1/enrol/").json()
    assert [key["fingerprint"] for key in shown["keys"]] == offered
    assert cy.post("hosts/web-1/enrol/", {"dry_run": True}).json() == shown
    assert not HostKey.objects.exists()
    done = cy.post("hosts/web-1/enrol/", {"fingerprints": offered[:1]})
    assert [key["pinned"] for key in done.json()["keys"]] == [True, False]
    host = cy.get("hosts/web-1/").json()
    assert host["enrolled"] and [key["fingerprint"] for key in host["host_keys"]] == offered[:1]
    assert host["host_keys"][0]["pinned_by"]["username"] == "cy"


def test_a_fingerprint_that_is_not_shown_is_a_conflict_and_none_is_a_problem(
    cy: Caller, offered: list[str]
) -> None:
    cy.post("hosts/", {"name": "web-1", "environment": "prod"})
    problem(cy.post("hosts/web-1/enrol/", {"fingerprints": ["SHA256:" + "A" * 43]}), 409)
    problem(cy.post("hosts/web-1/enrol/", {}), 400)
    problem(cy.post("hosts/web-1/enrol/", {"fingerprints": []}), 400)
    problem(cy.get("hosts/web-9/enrol/"), 404)
    assert not HostKey.objects.exists()
