"""The whole loop over the REST API only: real SSH, the real collector, real Git, real processes.

Read this first: it is what Foldback is for.
"""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.scenarios.shop import USER, Shop
from tests.scenarios.stack import Stack, wait_until

pytestmark = pytest.mark.slow

EDITED = ["web-1", "web-2", "web-3"]


def test_a_manual_edit_becomes_a_reviewed_commit_and_is_proven(stack: Stack, tmp_path: Path) -> None:
    with Shop(tmp_path, hosts=5).served(known=False) as shop:
        stack.start()
        ana, ben, cy, dee = (stack.client(shop.tokens[name]) for name in ("ana", "ben", "cy", "dee"))
        set_up(shop, cy)
        shop.push()
        assert scan(ana, "role=web")["counts"]["hosts"]["ok"] == 5
        assert results(ana.get("/findings/")) == []

        # 3 a.m.: the same fix by hand on three hosts, each with its own name in the file; Ana logs it.
        shop.edit("/etc/nginx/nginx.conf", "worker_connections 1024", "worker_connections 4096", on=EDITED)
        change = ok(
            ana.post(
                "/changes/",
                json={
                    "title": "Raised worker_connections",
                    "hosts": EDITED,
                    "resources": ["file:/etc/nginx/nginx.conf"],
                },
                headers={"Idempotency-Key": "outage-1"},
            )
        )
        assert (change["owner"]["username"], change["owner_source"]) == ("ana", "recorder")

        # A scan finds one drift with three occurrences, explained by Ana's change.
        report = scan(ana, "role=web")
        assert report["counts"]["resources"]["drifted"] == 3
        [found] = results(ana.get("/findings/?state=open"))
        finding = ok(ana.get(f"/findings/{found['reference']}/"))
        assert finding["resource"] == "file:/etc/nginx/nginx.conf"
        assert finding["hosts"]["open"] == 3
        assert [e["change"] for e in finding["explanations"]] == [change["reference"]]
        diff = ok(ana.get(f"/findings/{found['reference']}/diff/"))
        assert "worker_connections 4096" in diff["variants"][0]["live"]["text"]
        table = ana.get(f"/reports/scans/{report['reference']}/?format=csv").text
        assert table.count(found["reference"]) == 3

        # Ana proposes to fold it back where the template is; nobody but Ben or Cy may approve.
        placements = ok(ana.get(f"/findings/{found['reference']}/placements/"))["placements"]
        assert next(p for p in placements if p["layer"] == "roles/web")["safe"]
        proposal = {
            "kind": "fold-back",
            "findings": [found["reference"]],
            "layer": "roles/web",
            "reason": "Checkout ran out of connections.",
        }
        preview = ok(ana.post("/decisions/?dry_run=true", json=proposal))
        assert "+    worker_connections 4096;" in preview["patch"]
        decision = ok(ana.post("/decisions/", json=proposal))
        approval = {"verdict": "approve", "digest": decision["change"]["digest"]}
        approvals = f"/changes/{decision['change']['reference']}/approvals/"
        assert refused(ana.post(approvals, json=approval)) == 403
        assert refused(dee.post(approvals, json=approval)) == 403
        assert refused(ben.post(approvals, json={**approval, "digest": "0" * 64})) == 409
        before = shop.files()
        ok(ben.post(approvals, json=approval))

        # A worker commits it, with everybody's name on it, and nothing but the line changed.
        wait_until(lambda: state(ana, found) in ("committed", "proven"), what="the commit")
        template = "roles/web/templates/nginx.conf.j2"
        assert shop.files() == {**before, template: before[template].replace("1024", "4096")}
        commit = shop.repository.log(1)[0]
        for words in (
            f"Change: {decision['change']['reference']}",
            f"Finding: {found['reference']}",
            f"Decision: {decision['reference']}",
            "Approved-by: Ben",
        ):
            assert words in commit.message
        assert commit.author[0] == "Ana"

        # It is proven by a look at the three hosts; the two others wait for it, and are counted as pending.
        wait_until(lambda: state(ana, found) == "proven", what="the proof")
        scan(ana, "role=web")
        proven = ok(ana.get(f"/findings/{found['reference']}/"))
        assert proven["pending_hosts"] == ["web-4", "web-5"]

        # The next push brings it there, says so, and all is in sync.
        shop.push("web-4", "web-5")
        head = results(ana.get("/definition/revisions/"))[0]["sha"]
        ok(ben.post("/deployments/", json={"revision": head, "hosts": ["web-4", "web-5"]}))
        assert scan(ana, "role=web")["counts"]["resources"]["pending"] == 0
        assert ok(ana.get(f"/findings/{found['reference']}/"))["pending_hosts"] == []


def set_up(shop: Shop, cy: httpx.Client) -> None:
    """Team, credential, hosts from an Ansible inventory, and their keys: shown first, then pinned."""
    ok(cy.post("/teams/", json={"name": "payments", "lead": "ben"}))
    secret = shop.key.export_private_key().decode()
    made = ok(
        cy.post(
            "/credentials/",
            json={
                "name": "scanning",
                "kind": "private-key",
                "user": USER,
                "secret": secret,
                "is_default": True,
            },
        )
    )
    assert "secret" not in made and secret not in cy.get("/credentials/").text
    body = {"format": "ansible-ini", "text": shop.inventory()}
    told = ok(cy.post("/hosts/import/?dry_run=true", json=body))
    assert len(told["created"]) == 5 and results(cy.get("/hosts/")) == []
    ok(cy.post("/hosts/import/", json=body))
    for name, tree in shop.trees.items():
        shown = ok(cy.get(f"/hosts/{name}/enrol/"))
        fingerprints = [key["fingerprint"] for key in shown["keys"]]
        ok(cy.post(f"/hosts/{name}/enrol/", json={"fingerprints": fingerprints}))
        assert tree.public_key.split()[1] in cy.get(f"/hosts/{name}/").text


def ok(answer: httpx.Response) -> Any:
    assert answer.is_success, (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    )
    return answer.json()


def results(answer: httpx.Response) -> list[Any]:
    return ok(answer)["results"]


def refused(answer: httpx.Response) -> int:
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    return answer.status_code


def state(client: httpx.Client, finding: dict[str, Any]) -> str:
    return ok(client.get(f"/findings/{finding['reference']}/"))["state"]


def scan(client: httpx.Client, selector: str) -> dict[str, Any]:
    started = client.post("/scans/", json={"hosts": selector})
    assert started.status_code == 202, started.text
    url = f"/scans/{started.json()['reference']}/"
    return wait_until(
        lambda: (found := ok(client.get(url)))["finished_at"] and found, what=f"the end of {url}"
    )
