"""One of everything that addresses name, so that a request that is made up reaches something."""

from pathlib import Path
from typing import Any

import asyncssh
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from changemgmt.models import Incident
from changemgmt.services.changes import draft_change
from drift.models import Finding
from inventory.models import Host
from tests.api.client import Caller
from tests.factories import host, person, team
from tests.folding import begin, fixed_by_hand, fold
from tests.telling import PUBLIC

Handles = dict[str, list[str]]


def public_key() -> str:
    text: str = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode()
    return " ".join(text.split()[:2])


def seed(settings: Any, tmp_path: Path) -> Handles:
    """Names of a parameter of an address → what there is. Changes, incidents and findings in several states."""
    settings.SEAL_PUBLIC_KEY = PUBLIC
    ana, ben, cy = (Caller.person(who) for who in ("ana", "ben", "cy"))
    payments = team()
    payments.members.add(person("ana"))
    fleet = begin(settings, tmp_path)
    fixed_by_hand(fleet)
    fixed_by_hand(fleet, "web-3", path="/etc/motd", old="hello", new="by hand")
    findings = list(Finding.objects.order_by("number"))
    decision = fold(findings[0])
    host("db-1", host_roles=["db"], owned_by=payments)
    Host.objects.update(address="127.0.0.1", port=1)  # nobody listens there: who connects is refused at once

    def made(answer: Any) -> dict[str, Any]:
        assert answer.status_code < 300, answer.content
        body: dict[str, Any] = answer.json()
        return body

    incident = made(ana.post("incidents/", {"title": "checkout is down", "selector": "role=web"}))
    closed = made(ana.post("incidents/", {"title": "it was slow", "hosts": ["db-1"]}))
    made(ana.post(f"incidents/{closed['reference']}/close/", {}))
    template = made(
        ben.post(
            "change-templates/",
            {
                "name": "rotate-logs",
                "title": "Rotate logs",
                "plan": "p",
                "backout": "b",
                "selector": "role=web",
            },
        )
    )
    made(cy.post(f"change-templates/{template['id']}/approve/"))
    waiting = {"name": "clear-cache", "title": "Clear it", "plan": "p", "backout": "b", "selector": "*"}
    made(ana.post("change-templates/", waiting))
    normal = {
        "title": "more workers",
        "kind": "normal",
        "hosts": ["web-1"],
        "plan": "edit",
        "backout": "undo",
    }
    changes = [
        made(
            ana.post(
                "changes/", {"title": "raised workers", "hosts": ["web-1"], "incident": incident["reference"]}
            )
        ),
        made(ana.post("changes/", normal)),
        made(ana.post("changes/", normal | {"title": "approved"})),
        made(ana.post("changes/", normal | {"title": "started"})),
        made(ana.post("changes/", {"title": "rotated", "template": "rotate-logs", "hosts": ["web-1"]})),
        made(Caller.program("ana", name="a pipeline").post("changes/", {"title": "by a pipeline"})),
    ]
    changes.append(made(ana.post("changes/", normal | {"title": "over"})))
    for change in (*changes[2:4], changes[-1]):
        approval = {"verdict": "approve", "digest": change["digest"]}
        made(ben.post(f"changes/{change['reference']}/approvals/", approval))
    for change in (changes[3], changes[-1]):
        made(ana.post(f"changes/{change['reference']}/start/"))
    made(ana.post(f"changes/{changes[-1]['reference']}/complete/"))
    open_one = Incident.objects.get(pk=incident["id"])
    draft = draft_change(incident=open_one, title="by hand", hosts=["web-2"])
    made(cy.post(f"findings/{findings[1].reference}/claim/"))
    made(ana.post(f"changes/{changes[0]['reference']}/comments/", {"text": "as agreed"}))
    file = SimpleUploadedFile("note.txt", b"a note")
    attachment = made(
        ana.send(
            "POST",
            f"changes/{changes[0]['reference']}/attachments/",
            encode_multipart(BOUNDARY, {"file": file}),
            content_type=MULTIPART_CONTENT,
        )
    )
    window = {"kind": "freeze", "title": "Weekend", "selector": "role=web", "rule": "FREQ=WEEKLY"}
    window |= {"starts_at": "2026-01-16T18:00:00Z", "ends_at": "2026-01-18T18:00:00Z"}
    scan = made(ana.post("scans/", {"hosts": "role=web"}))
    channel = {"kind": "email", "address": "ana@example.org"}
    ca = {"name": "fleet", "public_key": public_key(), "hosts": "role=db"}
    policy = {"name": "prod", "environments": ["prod"], "count": 2}
    scans = {"name": "production", "selector": "env=prod", "quick_every": 60, "deep_every": 86_400}
    site = {"name": "berlin"}
    secret = {"name": "legacy", "kind": "password", "secret": "correct-horse-battery", "user": "root"}
    head = fleet.repository.head
    return {
        "change": [
            *(one["reference"] for one in changes),
            decision.change.reference,
            draft.reference,
            changes[0]["id"],
        ],
        "incident": [incident["reference"], closed["reference"]],
        "template": [template["id"], "clear-cache", "rotate-logs"],
        "attachment": [attachment["id"]],
        "window": [made(ben.post("windows/", window))["reference"]],
        "policy": [
            made(cy.post("approval-policies/", policy))["id"],
            made(ben.post("scan-policies/", scans))["id"],
        ],
        "channel": [made(cy.post("channels/", channel))["id"]],
        "feed": [made(cy.post("feed-tokens/", {}))["id"]],
        "host": ["web-1", "db-1"],
        "finding": [one.reference for one in findings],
        "decision": [decision.reference],
        "scan": [scan["reference"]],
        "job": [scan["job"].rstrip("/").rpartition("/")[2]],
        "site": [made(ben.post("sites/", site))["name"]],
        "team": ["payments"],
        "person": ["ana", "ben", "dee"],
        "credential": [made(cy.post("credentials/", secret))["name"]],
        "ca": [made(cy.post("host-cas/", ca))["name"]],
        "sha": [head],
        "deployment": [made(ben.post("deployments/", {"revision": head, "hosts": ["web-1"]}))["id"]],
        "adoption": [made(ana.post("definition/adopt/", {"hosts": "*", "roots": ["/etc"]}))["reference"]],
    }
